//! The platform's own staff: logins without an organisation.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::id::LoginId;
use kit::{Error, Meta};

use super::logins::insert;
use super::logins::sql::FindScope;
use crate::hashing::Hash;
use crate::model::LoginRow;

/// What [`super::Store::create_operator`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorMade {
    /// There is a new operator.
    Created,
    /// There was one already; its password stays.
    Present,
    /// The e-mail is a login of an organisation.
    Taken,
}

pub(super) fn create(
    connection: &mut PgConnection,
    meta: &Meta,
    email: &str,
    password: &Hash,
    expires_at: DateTime<Utc>,
) -> Result<OperatorMade, Error> {
    let scope = FindScope { email }.get_result::<String>(connection).optional()?;
    match scope.as_deref() {
        Some("operator") => return Ok(OperatorMade::Present),
        Some(_) => return Ok(OperatorMade::Taken),
        None => {}
    }
    let row = LoginRow {
        organisation_id: None,
        id: LoginId::new(meta.now),
        email: email.into(),
        scope: "operator".into(),
        profile_id: None,
        disabled_at: None,
        password_expires_at: expires_at,
        version: 1,
        created_at: meta.now,
        updated_at: meta.now,
    };
    insert(connection, meta, &row, password)?;
    Ok(OperatorMade::Created)
}
