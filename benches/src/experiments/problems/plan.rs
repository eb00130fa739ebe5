//! Which harms, by which arms of which scenarios, for how long.

use crate::experiments::scenario::{Measure, What};

use super::outcome::Unit;

/// One known problem.
pub(super) struct Plan {
    /// Its name in files.
    pub id: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// The scenario.
    pub scenario: &'static str,
    /// Of its arms: without the problem, with it, with its remedy.
    pub arms: [&'static str; 3],
    /// How long each is played,
    pub seconds: f64,
    /// so much shorter than the scenario has it,
    pub shortened: f64,
    /// and how often.
    pub replicates: usize,
    /// Requests per second of an actor that asks a service, where it isn't the scenario's.
    pub rate_per_s: Option<f64>,
    /// What is compared.
    pub figure: Figure,
    /// In which unit.
    pub unit: Unit,
    /// The finding, with `{problem}`, `{remedy}` and `{control}` for the figures; what it is called stands before the first colon.
    pub says: &'static str,
}

/// What is compared.
pub(super) enum Figure {
    /// A measure of scenarios.
    Measured(fn() -> Measure),
    /// Share of this actor's requests above its own p95 in the control.
    AboveOwnP95(&'static str),
}

/// Strongest first: the order in which they are told.
pub(super) const ALL: [Plan; 4] = [
    Plan {
        id: "ddl-queue",
        title: "an ALTER TABLE that waits behind a report",
        scenario: "S8",
        arms: ["nobody alters", "an ALTER without a timeout", "lock_timeout of 100 ms, and again"],
        seconds: 2.4,
        shortened: 0.6,
        replicates: 4,
        rate_per_s: None,
        figure: Figure::Measured(|| of_actor(What::Longest, "reads")),
        unit: Unit::Milliseconds,
        says: "Waiting DDL: an ALTER TABLE waits for a report of 1.5 s, and reads of that table wait behind it for up to {problem}. With a \
               lock_timeout of 100 ms, after which the ALTER is tried again, they wait for up to {remedy}. Without an ALTER the longest \
               read takes {control}.",
    },
    Plan {
        id: "hot-row",
        title: "one hot row that two services update",
        scenario: "S2",
        arms: ["organisations spread", "one shared row", "sixteen slots"],
        seconds: 1.5,
        shortened: 1.0,
        replicates: 4,
        rate_per_s: None,
        figure: Figure::Measured(|| of_actor(What::P50, "users")),
        unit: Unit::Milliseconds,
        says: "One hot row: two services add to the same counter row with each of their requests, and the second one's median update takes \
               {problem}. Spread over the rows of 40 organisations it takes {control}, with the one row split into sixteen {remedy}.",
    },
    Plan {
        id: "snapshot",
        title: "a snapshot that is held while a hot row changes",
        scenario: "S7",
        arms: ["no report", "repeatable read, held", "a snapshot for each statement"],
        seconds: 2.4,
        shortened: 0.6,
        replicates: 4,
        rate_per_s: None,
        figure: Figure::Measured(|| Measure { waiting: Some("lab_account".into()), ..of(What::Buffers) }),
        unit: Unit::Buffers,
        says: "Long snapshot: while a report keeps one view of the data for 2.3 s, old versions of a row that changes often can't be removed, \
               and reading it touches {problem}. Without the report it touches {control}; where the report takes a new snapshot for each \
               statement, it touches {remedy}.",
    },
    Plan {
        id: "month-end",
        title: "a month-end that counts every row while Registry answers",
        scenario: "S1",
        arms: ["alone", "counts every API", "reads the counters"],
        seconds: 2.5,
        shortened: 1.0,
        replicates: 5,
        rate_per_s: Some(200.0),
        figure: Figure::AboveOwnP95("requests"),
        unit: Unit::Share,
        says: "Month-end: while the invoices of all organisations are made by counting every API, {problem} of Registry's requests take as \
               long as only the slowest 5 % do without it. Without it that is {control}, and {remedy} where counters are kept at write time.",
    },
];

fn of(what: What) -> Measure {
    Measure {
        what,
        actor: None,
        code: None,
        waiting: None,
        root: None,
        direct: None,
        cause: None,
        resource: None,
        check: None,
    }
}

fn of_actor(what: What, actor: &str) -> Measure {
    Measure { actor: Some(actor.to_owned()), ..of(what) }
}
