//! The envelope of every outcome that is kept with a `result.json`: when, where, and by which plan it was measured.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::about::{Machine, PostgresInfo};
use super::table::Table;

/// What an experiment found, by a plan of type `P`.
pub trait Outcome<P = Value> {
    /// Everything of it, for people: the terminal and the report print the same tables.
    fn tables(&self, plan: &P) -> Vec<Table>;
}

/// An outcome with what it was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measured<T, P = Value> {
    /// RFC 3339; null where an older lab didn't note it.
    pub measured_at: Option<String>,
    /// On what; null likewise.
    pub machine: Option<Machine>,
    /// Against which server; null where none was asked, or an older lab didn't note it.
    pub postgres: Option<PostgresInfo>,
    /// The options it was run with.
    pub plan: P,
    /// What came out.
    pub outcome: T,
}

impl<P> Measured<(), P> {
    /// Begins now, by these options.
    #[must_use]
    pub fn begin(machine: Machine, postgres: Option<PostgresInfo>, plan: P) -> Self {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        Self { measured_at: Some(now), machine: Some(machine), postgres, plan, outcome: () }
    }

    /// With what came out.
    #[must_use]
    pub fn with<T>(self, outcome: T) -> Measured<T, P> {
        let Self { measured_at, machine, postgres, plan, outcome: () } = self;
        Measured { measured_at, machine, postgres, plan, outcome }
    }
}

impl<T: DeserializeOwned, P: DeserializeOwned> Measured<T, P> {
    /// Reads one, also as labs wrote it that had no envelope: its head stood among the fields of the outcome.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        match value.get("outcome") {
            Some(_) => serde_json::from_value(value).ok(),
            None => serde_json::from_value(enveloped(value)?).ok(),
        }
    }
}

fn enveloped(mut old: Value) -> Option<Value> {
    let fields = old.as_object_mut()?;
    fields.remove("version");
    fields.remove("rival");
    let at = fields.remove("at");
    let server = fields.remove("server").map(|version| json!({"version": version, "settings": {}}));
    let comparison = fields.get_mut("comparison").and_then(Value::as_object_mut);
    let plan = comparison.and_then(|of| of.remove("plan")).or_else(|| fields.remove("options"));
    let plan = plan.unwrap_or_else(|| Map::new().into());
    Some(json!({"measuredAt": at, "machine": null, "postgres": server, "plan": plan, "outcome": old}))
}

impl<T: Outcome<P>, P> Measured<T, P> {
    /// Everything of it, for people.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        self.outcome.tables(&self.plan)
    }
}

impl<T: Outcome<P>, P> fmt::Display for Measured<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables().iter().try_for_each(|table| writeln!(f, "{table}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_no_envelope_is_read() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rows {
            rows: Vec<u8>,
        }
        let old = r#"{"at": "2026-11-26T22:01:29Z", "server": "15.18", "rows": [1, 2]}"#;
        let read: Measured<Rows> = Measured::read(old).unwrap();
        assert_eq!((read.measured_at.as_deref(), &read.outcome.rows), (Some("2026-11-26T22:01:29Z"), &vec![1, 2]));
        assert_eq!(read.postgres.as_ref().map(|of| of.version.as_str()), Some("15.18"));
        assert_eq!(Measured::read(&json!(read).to_string()), Some(read));
        assert_eq!(Measured::<Rows>::read(r#"{"rows": [1], "more": 1}"#), None);
    }
}
