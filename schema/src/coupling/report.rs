//! What `dba coupling` finds, as data: the shape of its JSON (`schema/coupling.schema.json`).

use serde::{Deserialize, Serialize};

use super::statements::{Source, Window};

/// Raised when a member goes or changes its meaning.
pub const VERSION: u32 = 1;

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the database.
    pub database: String,
    /// Major version of the server.
    pub server: i32,
    /// What calls were counted over; none if only files were looked at.
    pub window: Option<Window>,
    /// How much of what was run or declared is resolved.
    pub coverage: Coverage,
    /// The whole in single numbers.
    pub index: Index,
    /// By name.
    pub services: Vec<Service>,
    /// Which service depends on which, and how: by pair and kind.
    pub edges: Vec<Edge>,
    /// Every column of one service that another may read or does read.
    pub columns: Vec<Column>,
    /// Foreign keys between services.
    pub keys: Vec<Key>,
    /// Rights to write tables of another service. Should be empty.
    pub write_rights: Vec<WriteRight>,
    /// Views that others read, to the columns of tables.
    pub lineage: Vec<Lineage>,
    /// Which other services depend on a table's column; most first.
    pub blast: Vec<Blast>,
}

/// Statements and calls, resolved and not. Statements that control the session (`begin`, `set`) or define
/// something (`create view`, `grant`) use no column and aren't counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Different statements.
    pub statements: usize,
    /// Of those, the ones whose columns are all known.
    pub resolved_statements: usize,
    /// Calls of statements that were run.
    pub calls: i64,
    /// Of those, calls of resolved ones.
    pub resolved_calls: i64,
    /// Calls of statements that control the session, or define something.
    pub control_calls: i64,
    /// The others.
    pub unknown: Vec<Unknown>,
}

impl Coverage {
    /// Per cent of the calls that are resolved; of the statements, where nothing was run. `None` without any statement.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = |part: i64, of: i64| (of > 0).then(|| 100.0 * part as f64 / of as f64);
        share(self.resolved_calls, self.calls).or_else(|| {
            share(
                i64::try_from(self.resolved_statements).unwrap_or(i64::MAX),
                i64::try_from(self.statements).unwrap_or(i64::MAX),
            )
        })
    }
}

/// A statement that isn't completely resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// Whose.
    pub role: String,
    /// Its text.
    pub sql: String,
    /// How often.
    pub calls: i64,
    /// In words.
    pub why: String,
}

/// Numbers in [0, 1].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Pairs (a, b) of services where a depends on b, of all n(n-1) there could be. `COF` of Brito e Abreu's MOOD metrics (ECOOP 1995), with services
    /// for classes. 0: no dependency at all; 1: every service depends on every other.
    pub coupling_factor: f64,
    /// The same over the transitive closure, each service reaching itself: the share of the system that a change of a service picked at random can
    /// reach. Propagation cost of MacCormack, Rusnak and Baldwin (Management Science 52(7), 2006).
    pub propagation_cost: f64,
}

/// One service, seen from both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Ca: services that depend on it.
    pub afferent: usize,
    /// Ce: services that it depends on.
    pub efferent: usize,
    /// Ce / (Ca + Ce), Martin 1994: 0 stable (others depend on it), 1 unstable (it depends on others). None without any dependency.
    pub instability: Option<f64>,
    /// E: columns of its own that others may read.
    pub exposed: usize,
    /// U: of those, columns that others do read.
    pub used: usize,
    /// E without U: columns that could be removed from the contract.
    pub unused: Vec<String>,
    /// Foreign keys from or to other services.
    pub cross_keys: usize,
    /// Ways in which it writes tables of another service.
    pub write_edges: usize,
}

/// How one service depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Reads a view of it.
    Read,
    /// Reads a table of it, past any view.
    TableRead,
    /// Inserts into, updates, deletes from or locks rows of a table or view of it.
    Write,
    /// Has a foreign key into a table of it.
    Key,
    /// Its deletes or updates change rows of it, by a key that is `on delete cascade` or the like.
    CascadeWrite,
    /// Has a view over a table or view of it.
    ViewOver,
    /// Has a trigger that runs a function of it.
    Trigger,
    /// Calls a function of it.
    Call,
    /// Uses a sequence of it.
    Sequence,
    /// Listens to a channel that it notifies.
    Channel,
    /// Has an object that is made with one of it: a type, a parent, a function in an index, a policy, a rule, a body.
    Definition,
}

/// `from` depends on `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    /// Who depends.
    pub from: String,
    /// On whom.
    pub to: String,
    /// How.
    pub kind: Kind,
    /// Through what: views, tables, keys, channels.
    pub through: Vec<String>,
    /// Different statements.
    pub statements: usize,
    /// Calls of them.
    pub calls: i64,
    /// In the window; 0 without one.
    pub calls_per_second: f64,
}

/// A column between two services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Who reads, or may.
    pub from: String,
    /// Whose it is.
    pub to: String,
    /// `schema.relation.column`, or `….column.key` for a declared key of a JSON column.
    pub column: String,
    /// May it?
    pub granted: bool,
    /// How the use is known; none: not used.
    pub used: Option<Source>,
    /// The list that it belongs to.
    pub list: List,
}

/// The lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum List {
    /// Granted and used.
    Used,
    /// Granted and never used.
    NeverUsed,
    /// Run and not declared: no statement of the files reads it, if the service has files; else it isn't granted.
    NotDeclared,
    /// Granted and declared, but no statement that the server counted reads it: that code may be dead, or rare.
    NeverRun,
    /// Declared and not granted: it would be refused.
    Refused,
}

/// A foreign key from one service's table into another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Whose table has the key.
    pub from: String,
    /// Whose table it points to.
    pub to: String,
    /// The constraint.
    pub name: String,
    /// `schema.table(columns)`.
    pub child: String,
    /// `schema.table(columns)`.
    pub parent: String,
    /// What a delete of the parent does.
    pub on_delete: String,
    /// What an update of its key does.
    pub on_update: String,
    /// Does an index of the child begin with the key? Without one each delete of a parent reads the whole child.
    pub indexed: bool,
}

/// A right to write a table of another service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteRight {
    /// Who may.
    pub from: String,
    /// Whose it is.
    pub to: String,
    /// Table or view.
    pub object: String,
}

/// A view that others may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// The view.
    pub view: String,
    /// Views between it and tables, itself included.
    pub depth: u32,
    /// Each column.
    pub columns: Vec<Origin>,
    /// Tables' columns that decide which rows it has, and that it doesn't show.
    pub behind: Vec<String>,
}

/// Where a view's column comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Its name in the view.
    pub column: String,
    /// Tables' columns that it shows; of a computed one, all that the view names.
    pub from: Vec<String>,
}

/// A table's column, and the services that depend on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blast {
    /// `schema.table.column`.
    pub column: String,
    /// Whose it is.
    pub owner: String,
    /// Other services whose statements use it, directly or through views.
    pub services: Vec<String>,
    /// Those statements.
    pub statements: usize,
    /// How often they are called, in the window.
    pub calls_per_second: f64,
}
