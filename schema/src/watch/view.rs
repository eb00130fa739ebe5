//! What the page shows, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The server's clock, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// `PostgreSQL 15.18`.
    pub server: String,
    /// The database of the connection.
    pub database: String,
    /// Why there is nothing new: the connection is gone, and is tried again.
    pub trouble: Option<String>,
    /// What this login can't see, and what isn't known yet.
    pub notes: Vec<String>,
    /// Services that have sessions or were counted, by name.
    pub services: BTreeMap<String, Service>,
    /// Who uses whose tables.
    pub uses: Vec<Use>,
    /// Sessions that wait for a lock, and those that they wait for.
    pub blocked: Vec<Session>,
    /// How many sessions wait for what.
    pub waits: Vec<Waits>,
    /// The longest open transactions.
    pub transactions: Vec<Session>,
    /// What keeps the vacuum from removing dead rows, oldest first.
    pub horizon: Vec<Holder>,
    /// Whether the rights are as a roles file declares them; none: not asked for.
    pub roles: Option<Roles>,
    /// Milliseconds between two looks at the locks.
    pub gap_ms: u64,
    /// Percent of a core that asking cost the server, by the time that its answers took.
    pub cost_percent: f64,
}

/// A service: the roles of one name, such as `sales_reader` and `sales_writer`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its sessions.
    pub sessions: usize,
    /// Those that run a statement.
    pub active: usize,
    /// Those of them that wait for a lock.
    pub waiting: usize,
    /// Those that hold a transaction open and run nothing.
    pub idle_in_transaction: usize,
    /// Statements; none: the server doesn't count them.
    pub calls_per_second: Option<f64>,
}

/// One service uses tables or views of another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// Who.
    pub from: String,
    /// Whose.
    pub to: String,
    /// Statements that do.
    pub calls_per_second: f64,
}

/// A session.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its process id; 0: a prepared transaction.
    pub pid: i32,
    /// Its login.
    pub role: String,
    /// The service that the login belongs to.
    pub service: String,
    /// `application_name`.
    pub application: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// Its latest statement, shortened.
    pub statement: String,
    /// How long its transaction has been open.
    pub transaction_s: Option<f64>,
    /// What it waits for.
    pub waits: Option<Wait>,
}

/// A wait for a lock.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// Why, see [`crate::blame::Cause`].
    pub cause: String,
    /// The mode asked for.
    pub mode: String,
    /// The table, where the lock names one.
    pub relation: Option<String>,
    /// Since when.
    pub seconds: f64,
    /// The direct blockers.
    pub blockers: Vec<i32>,
}

/// Sessions of one service in one state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waits {
    /// Whose.
    pub service: String,
    /// `Lock: transactionid`, `running`, `idle in transaction`.
    pub what: String,
    /// How many.
    pub sessions: usize,
}

/// Something that holds the vacuum horizon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// `session 4711 of sales`, `replication slot backup`, …
    pub what: String,
    /// Transactions that began since.
    pub transactions: i64,
}

/// The rights against a roles file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    /// Findings; none: the comparison failed.
    pub findings: Option<usize>,
    /// The first findings, or why it failed.
    pub lines: Vec<String>,
}

/// Seconds that one service was blocked by another one within one second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Who waited.
    pub waiting: String,
    /// Whose session was at the root.
    pub by: String,
    /// Added up over the sessions that waited: may be more than 1.
    pub seconds: f64,
}

/// One second of the last ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Milliseconds since the Unix epoch, the second's end.
    pub at_ms: i64,
    /// Largest first.
    pub blocked: Vec<Blocked>,
}
