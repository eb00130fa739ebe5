//! Analysed statements as Postgres prints them: preparing one costs one round trip, and with `debug_print_parse` the server sends what it made of it.
//!
//! Only a superuser may keep these messages out of the server's log, so only for one this is done; others go the longer way of [`super::resolve`].

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use postgres::{Client, Statement};

use super::tree::{self, Analysed};
use crate::error::{Doing, Error, Result};
use crate::progress::Progress;
use crate::session::{address, connect_uncounted, connecting};

/// A connection that prepares statements and keeps what the server says of each.
struct Trees {
    client: Client,
    said: Arc<Mutex<Vec<Analysed>>>,
    path: String,
    prepared: usize,
}

/// A search path (SQL) and a statement.
pub(super) type Asked = (String, String);

/// So many connections work at once at most.
const CONNECTIONS: usize = 4;

/// So many prepared statements are kept by the server at most.
const TOGETHER: usize = 500;

/// Nothing of it goes to the server's log.
const PRINTING: &str = "set log_min_messages = fatal; set client_min_messages = log; set debug_pretty_print = off; set debug_print_parse = on";

/// Each of them as it is analysed; none where the server doesn't prepare it without being told more, or the role may not keep messages out of the log.
pub(super) fn of(url: &str, all: &[Asked]) -> Result<Vec<Option<Analysed>>> {
    let connections = thread::available_parallelism().map_or(1, NonZero::get).min(CONNECTIONS);
    let progress = Mutex::new(Progress::new("statements analysed", all.len()));
    let part = |some: &[Asked]| -> Result<Vec<Option<Analysed>>> {
        let Some(mut trees) = Trees::connect(url)? else { return Ok(vec![None; some.len()]) };
        let one = |(path, sql): &Asked| {
            progress.lock().unwrap_or_else(PoisonError::into_inner).step();
            trees.of(path, sql)
        };
        some.iter().map(one).collect()
    };
    let part = &part;
    thread::scope(|scope| {
        let share = all.len().div_ceil(connections).max(1);
        let parts: Vec<_> = all.chunks(share).map(|some| scope.spawn(move || part(some))).collect();
        let parts = parts.into_iter().map(|part| part.join().unwrap_or_else(lost));
        Ok(parts.collect::<Result<Vec<_>>>()?.concat())
    })
}

/// Of a thread that panicked.
pub(super) fn lost<T, E>(_: E) -> Result<T> {
    Err(Error::Unavailable("a thread that asks Postgres ended".into()))
}

impl Trees {
    fn connect(url: &str) -> Result<Option<Self>> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let address = address(url)?;
        let client = connect_uncounted(&address, |config| {
            let kept = Arc::clone(&said);
            config.application_name("dba coupling").notice_callback(move |notice| {
                if notice.message().starts_with("parse tree")
                    && let Some(tree) = notice.detail()
                {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(tree::analysed(tree));
                }
            });
        });
        let mut client = client.map_err(|error| connecting(&address, error))?;
        Ok(client.batch_execute(PRINTING).is_ok().then_some(Self { client, said, path: String::new(), prepared: 0 }))
    }

    fn of(&mut self, path: &str, sql: &str) -> Result<Option<Analysed>> {
        if self.path != path {
            self.client.batch_execute(&format!("set search_path = {path}")).doing("setting a search path")?;
            path.clone_into(&mut self.path);
        }
        self.take();
        match self.client.prepare(sql) {
            // The statement's own comes first: the client may look up types afterwards.
            Ok(prepared) => {
                self.keep(prepared)?;
                Ok(self.take().into_iter().next().filter(|one| !one.utility))
            }
            Err(error) if error.code().is_some() => Ok(None),
            Err(lost) => Err(lost).doing("preparing a statement"),
        }
    }

    /// Closing each would be a round trip of its own: they are closed together.
    fn keep(&mut self, prepared: Statement) -> Result<()> {
        std::mem::forget(prepared);
        self.prepared += 1;
        if self.prepared.is_multiple_of(TOGETHER) {
            self.client.batch_execute("deallocate all").doing("closing prepared statements")?;
        }
        Ok(())
    }

    fn take(&self) -> Vec<Analysed> {
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
