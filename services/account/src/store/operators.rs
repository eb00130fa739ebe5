//! The platform's own staff: logins without an organisation.

use diesel::prelude::*;
use kit::{Error, Meta};

use super::logins::insert;
use crate::hashing::Hash;
use crate::model::Login;

kit::statement! {
    /// Is there an operator of this e-mail?
    struct IsOperator<'a>(email: &'a str as Text) -> Bool =
        "select exists (select from account.logins l where lower(l.email) = lower($1) and l.organisation_id is null)"
}

/// What [`create`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorMade {
    /// There is a new operator.
    Created,
    /// There was one already; its password stays.
    Present,
}

/// Makes an operator, for the command line: there is no other way to the first one.
pub fn create(c: &mut PgConnection, meta: &Meta, email: &str, password: &Hash) -> Result<OperatorMade, Error> {
    if (IsOperator { email }).get_result(c)? {
        return Ok(OperatorMade::Present);
    }
    insert(c, meta, &Login::new(email, "operator", password, meta.now), password)?;
    Ok(OperatorMade::Created)
}
