//! One step of a script: a statement, or a pause as pgbench writes it.

use std::time::Duration;

use serde::Deserialize;

/// A statement, or `\sleep N ms`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Step {
    /// Run this.
    Statement(String),
    /// Do nothing for so long.
    Sleep(Duration),
}

impl TryFrom<String> for Step {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let Some(command) = text.strip_prefix('\\') else {
            return Ok(Self::Statement(text));
        };
        let mut words = command.split_whitespace();
        let parsed = (words.next(), words.next().map(str::parse), words.next());
        match (parsed, words.next()) {
            ((Some("sleep"), Some(Ok(ms)), Some("ms")), None) => Ok(Self::Sleep(Duration::from_millis(ms))),
            _ => Err(format!("{text:?} is none: the one command is \\sleep N ms")),
        }
    }
}

/// What stands for `{org}`, `{orgs}`, `{n}` and `{uuid}` in a round.
#[derive(Clone, Debug)]
pub struct Values {
    /// The organisation.
    pub org: String,
    /// All of them, as `'…','…'`.
    pub orgs: String,
    /// Another number each round, of all sessions.
    pub n: u64,
}

impl Values {
    /// The statement with them filled in.
    #[must_use]
    pub fn fill(&self, statement: &str) -> String {
        if !statement.contains('{') {
            return statement.to_owned();
        }
        statement
            .replace("{orgs}", &self.orgs)
            .replace("{org}", &self.org)
            .replace("{n}", &self.n.to_string())
            .replace("{uuid}", &uuid::Uuid::from_u128(rand::random()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_no_statement() {
        let step = |text: &str| Step::try_from(text.to_owned());
        assert_eq!(step("begin"), Ok(Step::Statement("begin".into())));
        assert_eq!(step(r"\sleep 40 ms"), Ok(Step::Sleep(Duration::from_millis(40))));
        for wrong in [r"\sleep 40", r"\sleep 40 s", r"\set x 1", r"\sleep 1 ms 2"] {
            assert!(step(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_filled_in() {
        let values = Values { org: "a".into(), orgs: "'a','b'".into(), n: 7 };
        assert_eq!(values.fill("{org} {orgs} {n}"), "a 'a','b' 7");
    }
}
