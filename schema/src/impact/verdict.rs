//! Verdicts, from harmless to broken.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a change does to a statement, a service, a system; the worse, the greater. As JSON it is its text: `"SAFE"`, `"BLOCKS 240 ms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Verdict {
    /// Nothing is noticed.
    #[default]
    Safe,
    /// The planner estimates a higher cost, or no index helps any more.
    Slower,
    /// Waits this many milliseconds behind the change, then goes on.
    Blocks {
        /// Milliseconds.
        ms: u64,
    },
    /// Could not be judged, so nothing is promised.
    Unknown,
    /// Refused with 42501 from then on.
    LosesGrant,
    /// Fails on connections that prepared it before the change, until they are closed; freshly prepared it works.
    BreaksCached,
    /// Fails, returns other columns than its reader was written for, or returns or writes other rows.
    Breaks,
    /// Postgres refuses the change itself, so nothing was judged.
    Refused,
}

impl Verdict {
    /// 0 for SAFE and SLOWER, else 1.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        u8::from(self > Self::Slower)
    }

    /// Its name without the number.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Safe => "SAFE",
            Self::Slower => "SLOWER",
            Self::Blocks { .. } => "BLOCKS",
            Self::Unknown => "UNKNOWN",
            Self::LosesGrant => "LOSES-GRANT",
            Self::BreaksCached => "BREAKS-CACHED",
            Self::Breaks => "BREAKS",
            Self::Refused => "REFUSED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks { ms } => write!(f, "BLOCKS {ms} ms"),
            other => f.pad(other.class()),
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = [
            Self::Safe,
            Self::Slower,
            Self::Unknown,
            Self::LosesGrant,
            Self::BreaksCached,
            Self::Breaks,
            Self::Refused,
        ];
        if let Some(found) = plain.into_iter().find(|one| one.class() == text) {
            return Ok(found);
        }
        let ms = text.strip_prefix("BLOCKS ").and_then(|rest| rest.strip_suffix(" ms")).and_then(|ms| ms.parse().ok());
        ms.map(|ms| Self::Blocks { ms }).ok_or_else(|| D::Error::custom(format!("unknown verdict {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn the_worse_the_greater_and_back_from_text() {
        let all = [
            Verdict::Safe,
            Verdict::Slower,
            Verdict::Blocks { ms: 3 },
            Verdict::Blocks { ms: 200 },
            Verdict::Unknown,
            Verdict::LosesGrant,
            Verdict::BreaksCached,
            Verdict::Breaks,
            Verdict::Refused,
        ];
        assert!(all.is_sorted());
        for one in all {
            let text = serde_json::to_string(&one).unwrap_or_default();
            assert_eq!(serde_json::from_str::<Verdict>(&text).ok(), Some(one));
        }
        assert_eq!(all.map(Verdict::exit_code), [0, 0, 1, 1, 1, 1, 1, 1, 1]);
    }
}
