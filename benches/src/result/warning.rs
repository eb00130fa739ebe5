//! Why a measurement is suspect.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A gate that a cell didn't pass. Shares are of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Warning {
    /// The driver sent requests later than intended.
    DriverLate {
        /// Whose.
        service: String,
        /// 99th percentile, milliseconds.
        p99_ms: f64,
    },
    /// Other sessions or an autovacuum still worked when the cell began.
    NotAtRest,
    /// Processes that have nothing to do with the measurement used the machine.
    ForeignCpu {
        /// How much of it.
        share: f64,
    },
    /// The hypervisor gave processor time to others.
    Stolen {
        /// How much of it.
        share: f64,
    },
    /// Observing cost too much itself.
    ObserverCpu {
        /// How much.
        share: f64,
    },
    /// In the words of an older lab.
    Other {
        /// Its sentence.
        text: String,
    },
}

impl Warning {
    /// Its kind in a few words, to be counted by.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DriverLate { .. } => "the driver sent requests late",
            Self::NotAtRest => "the system was not at rest before",
            Self::ForeignCpu { .. } => "other processes used the machine",
            Self::Stolen { .. } => "the hypervisor took processor time away",
            Self::ObserverCpu { .. } => "observing was too costly",
            Self::Other { .. } => "other",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::DriverLate { service, p99_ms } => write!(f, "{kind}: {service}, p99 {p99_ms:.1} ms"),
            Self::NotAtRest => f.write_str(kind),
            Self::ForeignCpu { share } | Self::Stolen { share } | Self::ObserverCpu { share } => {
                write!(f, "{kind}: {:.1} % of a core", share * 100.0)
            }
            Self::Other { text } => f.write_str(text),
        }
    }
}

/// Warnings of a cell; an older lab wrote sentences.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Warning>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Sentence(String),
        Warning(Warning),
    }
    let written = Vec::<Written>::deserialize(from)?;
    let warning = |one| match one {
        Written::Sentence(text) => Warning::Other { text },
        Written::Warning(warning) => warning,
    };
    Ok(written.into_iter().map(warning).collect())
}
