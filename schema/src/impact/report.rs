//! The result of an analysis.

use serde::{Deserialize, Serialize};

use super::input::{On, Options};
use super::unknown::Unknown;
use super::verdict::Verdict;

/// What a change does, and to which services.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// Of this form: 1.
    pub version: u32,
    /// The worst of all services.
    pub verdict: Verdict,
    /// Postgres refuses the change itself, so no service is affected, and nothing was judged.
    pub refused: Option<Refused>,
    /// Where it was tried, and what that cost.
    pub place: Place,
    /// Statement by statement, what the change did.
    pub steps: Vec<Step>,
    /// Rights that are lost, of roles that aren't owners.
    pub rights_lost: Vec<RightLost>,
    /// Service by service, in order of their names.
    pub services: Vec<ServiceImpact>,
    /// Statements judged.
    pub analysed: usize,
    /// Statements that were not judged, and why: they fail before the change, too.
    pub skipped: Vec<Skipped>,
    /// Statements that call opaque functions and were planned, not run: SAFE says nothing about the bodies of those functions.
    #[serde(default, alias = "unseen", skip_serializing_if = "Vec::is_empty")]
    pub opaque: Vec<Skipped>,
    /// What the verdict doesn't cover: statements that the server no longer knows, services without any known statement.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Which locks of the change conflict with which statements.
    pub conflicts: Vec<Conflict>,
    /// The queue behind it, where that was measured.
    pub queue: Option<Queue>,
}

impl Impact {
    /// Of the command line: 1 where the change is refused or a verdict is worse than SLOWER.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }

    /// Adds the queue: a service that waited there long enough is at least BLOCKS.
    pub(super) fn blocked_by(&mut self, queue: Queue, options: &Options) {
        for waited in &queue.services {
            let long = u128::from(waited.max_ms) >= options.blocks_from.as_millis();
            let one = self.services.iter_mut().find(|one| one.service == waited.service);
            if let (true, Some(one)) = (long && waited.blocked > 0, one) {
                one.verdict = one.verdict.max(Verdict::Blocks { ms: waited.max_ms });
            }
        }
        self.verdict = self.worst();
        self.queue = Some(queue);
    }

    /// The worst verdict of all services; REFUSED where Postgres refuses the change.
    pub(super) fn worst(&self) -> Verdict {
        if self.refused.is_some() {
            return Verdict::Refused;
        }
        self.services.iter().map(|one| one.verdict).max().unwrap_or_default()
    }

    /// This service's part.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&ServiceImpact> {
        self.services.iter().find(|one| one.service == name)
    }
}

/// An error of Postgres's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Such as `42703`.
    pub sqlstate: String,
    /// In words.
    pub message: String,
    /// More of them: for 2BP01 the objects that depend on it.
    pub detail: Option<String>,
}

/// Postgres's refusal of a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The statement.
    pub sql: String,
    /// Why.
    pub failure: Failure,
}

/// Where the change was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Clone or live.
    pub on: On,
    /// In words: how the clone was made; what it cost or may cost.
    pub how: String,
    /// Milliseconds that making the clone took.
    pub clone_ms: u64,
    /// Bytes of the clone.
    pub clone_bytes: i64,
    /// Milliseconds from the change's first statement to the end of its last; live: to the rollback, because others waited for its locks until then.
    pub held_ms: u64,
    /// False where a statement can't run in a transaction: it was committed, and the clone dropped.
    pub transaction: bool,
}

/// One statement of the change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The statement.
    pub sql: String,
    /// How long it took, milliseconds; of the clone, not of a busy system.
    pub ms: f64,
    /// Locks on objects that existed before, and that earlier statements of the change didn't take: the strongest of each object.
    pub locks: Vec<Lock>,
    /// Relations that were rewritten.
    pub rewrites: Vec<String>,
    /// Tables of which rows were read, and how many.
    pub scans: Vec<Scan>,
    /// Messages of the server about its work: `rewriting table …`, `verifying table …`, `building index …`, `drop cascades to …`.
    pub said: Vec<String>,
}

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// `billing.invoices`, by the name it had before the change.
    pub object: String,
    /// `table`, `view`, `index`, `sequence`, `materialized view`, `toast`, …
    pub kind: String,
    /// `AccessExclusiveLock`.
    pub mode: String,
    /// The change drops it.
    pub dropped: bool,
}

/// Rows that the change itself read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scan {
    /// The table.
    pub table: String,
    /// Rows read, each pass counted.
    pub rows: i64,
}

/// A right that is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RightLost {
    /// Of which service.
    pub service: String,
    /// Of which role.
    pub role: String,
    /// `SELECT`.
    pub privilege: String,
    /// On what, by the name it had before.
    pub object: String,
    /// Because that was dropped.
    pub dropped: bool,
}

/// What happens to a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceImpact {
    /// Its name.
    pub service: String,
    /// The worst of its statements.
    pub verdict: Verdict,
    /// Statements judged.
    pub analysed: usize,
    /// Those that aren't SAFE, or whose columns differ; the worst first.
    pub statements: Vec<StatementImpact>,
}

/// What happens to a statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementImpact {
    /// Who runs it.
    pub role: String,
    /// What.
    pub sql: String,
    /// How often it was seen.
    pub calls: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// Prepared before the change, run after it.
    pub cached: Option<Failure>,
    /// Prepared after the change.
    pub fresh: Option<Failure>,
    /// How its parameters and columns differ: `column 2 price: int4 → int8`.
    pub shape: Vec<String>,
    /// How what it returns or writes differs: `returns 0 rows, before the change 1 (with 7)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// Values with which that shows, in the text form of Postgres, `null` for NULL; none: whatever they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Option<String>>>,
    /// Why it could not be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// How its plan differs: `index billing.invoices_pkey is no longer used`, `cost 8.3 → 1520.0`.
    pub plan: Vec<String>,
}

/// A statement that couldn't be judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// Who runs it.
    pub role: String,
    /// What.
    pub sql: String,
    /// How often it was seen.
    pub calls: u64,
    /// Why.
    pub why: String,
}

/// Two locks that can't be held together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// Who would wait.
    pub service: String,
    /// For what.
    pub object: String,
    /// Held by the change.
    pub change: String,
    /// Wanted by the service's statements: the strongest.
    pub wanted: String,
    /// Number of its statements that want it.
    pub statements: usize,
}

/// The queue behind a change that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// What the open transaction has read or written: `billing.invoices read`.
    pub held: Vec<String>,
    /// For how long, milliseconds.
    pub hold_ms: u64,
    /// How long the change waited, milliseconds.
    pub change_waited_ms: u64,
    /// It gave up (55P03).
    pub gave_up: bool,
    /// Service by service.
    pub services: Vec<Waited>,
}

/// What a service waited.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waited {
    /// Its name.
    pub service: String,
    /// Statements that arrived.
    pub arrived: usize,
    /// Those seen waiting behind the change.
    pub blocked: usize,
    /// Those that gave up: their role's own lock or statement timeout.
    pub failed: usize,
    /// Milliseconds that they waited, summed.
    pub blocked_ms: u64,
    /// 99th percentile over all that arrived, milliseconds waited.
    pub p99_ms: u64,
    /// The longest, milliseconds.
    pub max_ms: u64,
}
