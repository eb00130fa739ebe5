//! The five isolation levels.

use serde::{Deserialize, Serialize};

/// Isolation level: where the service that causes the interference runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// L0: nowhere.
    Alone,
    /// L1: in a second cluster on this machine; processors, disk and page cache are shared.
    OtherCluster,
    /// L2: in another database of this cluster; write-ahead log, buffers, checkpoints and process array, too.
    OtherDatabase,
    /// L3: in this database, at other organisations; relation locks, the horizon of old versions, index pages, too.
    OtherOrganisations,
    /// L4: in this database, at the same organisations; row locks and hot rows, too.
    Same,
}

impl Isolation {
    /// From nothing shared to everything.
    pub const ALL: [Self; 5] =
        [Self::Alone, Self::OtherCluster, Self::OtherDatabase, Self::OtherOrganisations, Self::Same];

    /// Such as `L2`.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Alone => "L0",
            Self::OtherCluster => "L1",
            Self::OtherDatabase => "L2",
            Self::OtherOrganisations => "L3",
            Self::Same => "L4",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::OtherCluster => "in a second cluster on this machine",
            Self::OtherDatabase => "in another database",
            Self::OtherOrganisations => "same database, other organisations",
            Self::Same => "same organisations",
        }
    }
}
