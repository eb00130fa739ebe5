//! Who asks, and whether they may: checked before the body is looked at.

mod claims;
mod extract;
mod keys;
mod verified;

pub use claims::{Claims, Scope};
pub(crate) use extract::authenticate;
pub use extract::{Admin, Caller, Member, Operator};
pub(crate) use keys::check_file;
pub(crate) use keys::{Keys, Source};

/// The audience of every token.
pub const AUDIENCE: &str = "govrnanza";
/// No token lives longer.
pub const LIFETIME_MAX_SECONDS: i64 = 3600;
