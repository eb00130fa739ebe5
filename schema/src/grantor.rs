//! Who grants a right: always the owner of the thing.

use crate::session::identifier;

/// How a grant becomes one of the object's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grantor {
    /// By `set role`, which an owner without usage on the schema can't use.
    SetRole,
    /// By itself: what a superuser grants the owner grants.
    Superuser,
}

impl Grantor {
    /// One statement, run so.
    pub(crate) fn run(self, owner: &str, statement: &str) -> String {
        match self {
            Self::SetRole => format!("set local role {}; {statement}; reset role;", identifier(owner)),
            Self::Superuser => format!("{statement};"),
        }
    }

    /// The words after `alter default privileges`.
    pub(crate) fn defaults(self, owner: &str) -> String {
        match self {
            Self::SetRole => String::new(),
            Self::Superuser => format!(" for role {}", identifier(owner)),
        }
    }
}
