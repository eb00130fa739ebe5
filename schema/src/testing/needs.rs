//! What a test needs of this machine beside Postgres.

use std::fmt::Display;
use std::io::Write as _;

/// `found`, or why not. Where it is missing, this says so beside the output of the tests (theirs is hidden when they pass), and
/// the test that called returns.
///
/// # Panics
///
/// Where it is missing and the variable `CI` is set: nothing is skipped there.
#[must_use]
pub fn needs<T>(found: Result<T, impl Display>) -> Option<T> {
    let why = match found {
        Ok(found) => return Some(found),
        Err(why) => format!("{why}; `.ci/install-deps --all` installs what tests need"),
    };
    assert!(std::env::var_os("CI").is_none(), "{why}. Where CI is set nothing is skipped.");
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "skipped: {}: {why}", thread.name().unwrap_or_default());
    None
}
