//! Bring your own: an architecture of somebody else's behind the same contract, as a black box.
//!
//! `target.toml` needs base URLs and nothing more (level B0). Answers with `Server-Timing` tell where the time went (B1), a
//! login with `pg_monitor` who waited for whom (B2), process ids on this machine what everybody used (B3).

mod access;
mod audit;
pub mod client;
mod file;
mod load;
pub mod probe;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use audit::audit;
pub use file::{Frozen, PostgresTarget, TargetFile};
pub use load::{Loaded, load, sign_in_again};

/// What a result says of the target that it was measured at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetInfo {
    /// What its team calls it.
    pub label: String,
    /// Whether it ran by itself before and went on after: such a run can't be resumed, nor its data put back.
    pub foreign: bool,
    /// The contract it was asked by: see [`contract`].
    pub contract: String,
    /// `B0` to `B3`, those that held.
    pub levels: Vec<String>,
    /// What the probe found.
    pub conformance: Vec<probe::Check>,
    /// Operations of the workload that it doesn't have, as `service: operation`; their share went to the others.
    pub missing: Vec<String>,
}

impl TargetInfo {
    /// Our own system, which is started for a run and tells everything.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            label: "shared database".into(),
            foreign: false,
            contract: contract(),
            levels: ["B0", "B1", "B2", "B3"].map(str::to_owned).into(),
            conformance: Vec::new(),
            missing: Vec::new(),
        }
    }
}

/// The contract's files, hashed: two results are compared by it.
#[must_use]
pub fn contract() -> String {
    let files = [
        include_str!("../../../docs/contract/account.yaml"),
        include_str!("../../../docs/contract/profile.yaml"),
        include_str!("../../../docs/contract/registry.yaml"),
        include_str!("../../../docs/contract/billing.yaml"),
        include_str!("../../../docs/contract/notification.yaml"),
    ];
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.as_bytes());
    }
    let bytes = digest.finalize();
    bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
