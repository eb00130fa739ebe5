//! Keys of JSON columns that count as columns: without them a JSON column between services would hide what it contains.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Result, from_toml, read_toml};

/// Declared keys, by column.
#[derive(Debug, Clone, Default)]
pub struct JsonKeys(BTreeMap<String, Vec<String>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    json: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    columns: Vec<String>,
    keys: Vec<String>,
}

impl JsonKeys {
    /// Reads a file:
    ///
    /// ```toml
    /// [[json]]
    /// columns = ["published.order_events.before", "published.order_events.after"]
    /// keys = ["price", "currency"]
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        read_toml(path).map(Self::of)
    }

    /// The same from text.
    pub fn parse(text: &str) -> Result<Self> {
        from_toml(text).map(Self::of)
    }

    fn of(file: File) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in file.json {
            for column in entry.columns {
                all.entry(column).or_default().extend(entry.keys.clone());
            }
        }
        for keys in all.values_mut() {
            keys.sort();
            keys.dedup();
        }
        Self(all)
    }

    /// By column: `schema.relation.column`.
    #[must_use]
    pub fn columns(&self) -> &BTreeMap<String, Vec<String>> {
        &self.0
    }

    /// A column, and each of its keys as another.
    pub(super) fn with_keys(&self, column: String) -> Vec<String> {
        let keys = self.0.get(&column).into_iter().flatten();
        let keys: Vec<_> = keys.map(|key| format!("{column}.{key}")).collect();
        [vec![column], keys].concat()
    }
}
