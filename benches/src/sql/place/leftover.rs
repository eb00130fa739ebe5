//! What a killed run left: copies are dropped by the next one, a remedy is undone. A run holds a lock for as long as it lives, which the server releases however it ends.

use std::time::{Duration, Instant};

use schema::session::{Session, address, literal};

use super::PURPOSE;
use super::note::{self, Note};
use crate::Failure;

/// First of the two numbers of the lock; the second one is the process that made the copies.
const LOCK: i32 = 0x676f_7672;
/// How long a copy that a killed run was just making may still take.
const MAKING_MAX: Duration = Duration::from_secs(60);

/// Holds the lock of this process.
pub struct Guard {
    session: Session,
    pid: i32,
}

impl Guard {
    /// Takes it, and drops what others left that no longer live.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub fn take(url: &str) -> Result<Self, Failure> {
        let mut session = Session::connect_uncounted(&address(url)?.in_database("postgres").url())?;
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        // Held while another one sweeps, too: waited for.
        session
            .client
            .batch_execute(&format!("do $$ begin perform pg_advisory_lock({LOCK}, {own}); end $$"))
            .map_err(|error| crate::data::failed("marking the run", &error))?;
        let pid = session.value("select pg_backend_pid()")?;
        let mut guard = Self { session, pid };
        guard.sweep(own)?;
        guard.undo(url, own)?;
        Ok(guard)
    }

    /// Undoes what a killed run tried in this database itself.
    fn undo(&mut self, url: &str, own: i32) -> Result<(), Failure> {
        let Some(note) = Note::read(url)? else {
            return Ok(());
        };
        let maker = note.process;
        if maker == own || !self.session.value::<bool>(&format!("select pg_try_advisory_lock({LOCK}, {maker})"))? {
            return Err(Failure::usage("Another `lab sql` tries a remedy in this database: wait for its end."));
        }
        // The server may still be at a statement of it.
        let ended = format!(
            "select count(pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity where application_name = {}",
            literal(&note::session_name(maker))
        );
        let until = Instant::now() + MAKING_MAX;
        while self.session.value::<i64>(&ended)? > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        note.undo(url).map_err(|error| {
            let why = error.to_string();
            Failure::could_not_run(format!(
                "What a run that was killed had tried can't be undone: {}. Undo the rest by hand, then `drop schema lab_sql_undo cascade`.",
                why.trim_end_matches('.')
            ))
        })?;
        self.session.value::<bool>(&format!("select pg_advisory_unlock({LOCK}, {maker})"))?;
        eprintln!("Undone: a remedy that a run that was killed had left in the database.");
        Ok(())
    }

    /// The server's process of its session.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    fn sweep(&mut self, own: i32) -> Result<(), Failure> {
        let prefix = format!("dba_{PURPOSE}_");
        let until = Instant::now() + MAKING_MAX;
        let making = format!(
            "select count(*) from pg_catalog.pg_stat_activity where state = 'active' and pid <> pg_backend_pid()
             and query like 'create database {prefix}%'"
        );
        let names = format!("select datname::text from pg_catalog.pg_database where starts_with(datname, '{prefix}')");
        // A maker was killed, but the server may still be at it.
        while self.session.value::<i64>(&making)? > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        for name in self.session.texts(&names)? {
            let maker = name[prefix.len()..].split('_').next().and_then(|pid| pid.parse::<i32>().ok());
            let Some(maker) = maker.filter(|maker| *maker != own) else {
                continue;
            };
            if !self.session.value::<bool>(&format!("select pg_try_advisory_lock({LOCK}, {maker})"))? {
                continue;
            }
            self.session.run(
                &format!("drop database if exists {} with (force)", schema::session::identifier(&name)),
                "dropping what a killed run left",
            )?;
            self.session.value::<bool>(&format!("select pg_advisory_unlock({LOCK}, {maker})"))?;
            eprintln!("Dropped {name}, which a run that was killed had left.");
        }
        Ok(())
    }
}
