//! The platform's own staff: logins without an organisation.

use diesel::prelude::*;
use kit::{Error, Meta};

use super::logins::insert;
use crate::hashing::Hash;
use crate::model::Login;

kit::statement! {
    /// The scope of whoever signs in with this e-mail.
    struct FindScope<'a>(email: &'a str as Text) -> Text =
        "select l.scope from account.logins l where lower(l.email) = lower($1) and l.invitation_id is null"
}

/// What [`create`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorMade {
    /// There is a new operator.
    Created,
    /// There was one already; its password stays.
    Present,
    /// The e-mail is a login of an organisation.
    Taken,
}

/// Makes an operator, for the command line: there is no other way to the first one.
pub fn create(c: &mut PgConnection, meta: &Meta, email: &str, password: &Hash) -> Result<OperatorMade, Error> {
    let scope = FindScope { email }.get_result::<String>(c).optional()?;
    match scope.as_deref() {
        Some("operator") => return Ok(OperatorMade::Present),
        Some(_) => return Ok(OperatorMade::Taken),
        None => {}
    }
    insert(c, meta, &Login::new(email, "operator", password, meta.now), password)?;
    Ok(OperatorMade::Created)
}
