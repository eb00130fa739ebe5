//! Nouns: rows, requests and answers. The wire's names are the contract's, the rows' are the tables'.

mod logins;
mod organisations;
mod plan_patch;
mod plans;
mod sessions;

pub use logins::{Login, LoginPatch, NewLogin, PasswordChange};
pub use organisations::{Counts, NewOrganisation, Organisation, OrganisationPatch, excess};
pub use plan_patch::PlanPatch;
pub use plans::{NewPlan, Plan};
pub use sessions::{Credentials, Jwks, Session};

use kit::{Invalid, nfc};
use serde::{Deserialize, Deserializer};

/// Bodies' members that hold passwords. They are kept as they were typed: old hashes are of texts that weren't in NFC.
const PASSWORDS: &[&str] = &["password", "newPassword", "current", "new"];

/// A new password: long enough to resist guessing, short enough to hash; any characters, however they are coded.
pub(crate) fn new_password(invalid: &mut Invalid, field: &str, password: &str) {
    let length = nfc(password).chars().count();
    if length < 10 {
        invalid.add(field, "too_short", "must have 10 characters at least");
    } else if length > 200 {
        invalid.add(field, "too_long", "may have 200 characters at most");
    }
}

/// A password that is only checked: no rules, which would show what passwords look like, but a greatest length.
fn claimed_password(invalid: &mut Invalid, field: &str, password: &str) {
    let length = password.chars().count();
    invalid.require((1..=1000).contains(&length), field, "out_of_range", "must have 1 to 1000 characters");
}

/// Refuses a new password that is the current one.
fn another_password(invalid: &mut Invalid, field: &str, new: &str, current: &str) {
    invalid.require(nfc(new) != nfc(current), field, "unchanged", "must differ from the current one");
}

/// A field that may be null, but not absent: without this serde takes a missing `Option` as null.
fn required<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(value)
}
