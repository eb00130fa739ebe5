//! One difference between a database and its roles file.

use serde::Serialize;

/// Who can fix it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// The administrator: `dba apply`, or `dba roles apply`.
    Apply,
    /// A superuser alone: `dba bootstrap`, or `dba roles apply` as one.
    Superuser,
    /// A person has to decide.
    Person,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable: for the allow-list.
    pub key: String,
    /// In words.
    pub what: String,
    /// The statement that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Who may.
    pub by: By,
    /// Order of the fixes: owners, then grants, then revokes.
    #[serde(skip)]
    pub rank: u8,
}

impl Finding {
    /// Would its fix take something away?
    pub(super) fn takes(&self) -> bool {
        let taking = ["extra ", "grant option ", "member ", "attribute ", "setting "];
        taking.iter().any(|start| self.key.starts_with(start))
    }
}
