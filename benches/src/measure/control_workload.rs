//! The control workload: five times a second one indexed read and one insert, in a table and as a login of its own. It
//! shares nothing with anybody but the server, so what slows it down is the engine or the machine alone: one number that
//! can be compared across all cells and runs.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::data::{connect, failed};
use crate::measure::sessions::{Actor, Rounds, Session, drop_login, make_login};
use crate::stats::Histogram;

/// Its name among the services of a measurement.
pub const NAME: &str = "control workload";

/// Its rounds in a second.
const PER_S: f64 = 5.0;

const SET_UP: &str = "
    drop schema if exists lab_control_workload cascade;
    create schema lab_control_workload;
    create table lab_control_workload.rows (id bigint generated always as identity primary key, note text);
    insert into lab_control_workload.rows (note) select 'a row of the control workload' from generate_series(1, 1000);
    analyze lab_control_workload.rows";

const TEAR_DOWN: &str = "drop schema if exists lab_control_workload cascade";

/// At work; made for a cell and gone after it.
pub struct ControlWorkload {
    thread: JoinHandle<Rounds>,
    superuser_url: String,
}

impl ControlWorkload {
    /// Makes its table and login, and begins; it ends by itself after `length`.
    ///
    /// # Errors
    /// When the database refuses that.
    pub fn start(superuser_url: &str, length: Duration) -> Result<Self, Failure> {
        set_up(superuser_url)?;
        let actor = actor();
        make_login(superuser_url, &actor)?;
        let session = Session::open(&actor, superuser_url, Default::default(), 0)?;
        let start = Instant::now();
        Ok(Self {
            thread: std::thread::spawn(move || session.run(start, start + length)),
            superuser_url: superuser_url.to_owned(),
        })
    }

    /// How long its rounds took, each from when it was due. Its table and login are gone afterwards.
    ///
    /// # Errors
    /// When they can't be dropped.
    pub fn finish(self) -> Result<Histogram, Failure> {
        let ended = self.thread.join();
        sql(&self.superuser_url, TEAR_DOWN)?;
        drop_login(&self.superuser_url, actor().role.as_deref().unwrap_or_default())?;
        let rounds = ended.map_err(|_| Failure::could_not_run("The control workload ended early."))?;
        Ok(rounds.times)
    }
}

/// Makes its table.
///
/// # Errors
/// When the database refuses that.
pub fn set_up(superuser_url: &str) -> Result<(), Failure> {
    sql(superuser_url, SET_UP)
}

fn sql(superuser_url: &str, text: &str) -> Result<(), Failure> {
    connect(superuser_url)?.batch_execute(text).map_err(|error| failed("the control workload's table", &error))
}

/// What it does.
#[must_use]
pub fn actor() -> Actor {
    let mut actor = Actor::session(
        NAME,
        "lab_control_workload",
        &[
            "grant usage on schema lab_control_workload to {role}",
            "grant select, insert on lab_control_workload.rows to {role}",
        ],
        &[
            "select note from lab_control_workload.rows where id = {n} % 1000 + 1",
            "insert into lab_control_workload.rows (note) values ('one more')",
        ],
    );
    actor.every_ms = Some(1000.0 / PER_S);
    actor
}
