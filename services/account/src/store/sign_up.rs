//! Signing up: an organisation and its first admin.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::OrganisationId;
use kit::reply::{self, Answer};
use kit::{Error, Idempotency, Meta, idempotency};
use serde_json::json;

use super::organisations::{find_written, name_taken, no_such_plan};
use super::{SCHEMA, logins, plans};
use crate::hashing::Hash;
use crate::model::{Login, NewOrganisation};

kit::statement! {
    struct InsertOrganisation<'a>(id: OrganisationId as Uuid, name: &'a str as Text, plan: &'a str as Text, now: DateTime<Utc> as Timestamptz) =
        "insert into account.organisations (id, name, plan_code, version, created_at, updated_at) values ($1, $2, $3, 1, $4, $4)"
}

/// Signs an organisation up, with its first admin.
pub fn create(c: &mut PgConnection, meta: &Meta, key: &Idempotency, new: &NewOrganisation, password: &Hash) -> Answer {
    idempotency::once(c, SCHEMA, key, meta, |c| {
        // Asked before the insert, which would find the taken name (409) before the unknown plan (422). Plans never go.
        plans::find(c, &new.plan).map_err(|error| if error == Error::NotFound { no_such_plan() } else { error })?;
        let id = OrganisationId::new(meta.now);
        InsertOrganisation { id, name: &new.name, plan: &new.plan, now: meta.now }
            .execute(c)
            .on_constraint("organisations_name_key", name_taken)?;
        let made = json!({"name": new.name, "plan": new.plan});
        record(c, SCHEMA, meta, Change::of("OrganisationCreated", id, id, 1).after(made))?;
        let admin = Login::new(&new.admin.email, "admin", password, meta.now);
        logins::insert(c, meta, &Login { organisation_id: Some(id), ..admin }, password)?;
        let organisation = find_written(c, id)?;
        reply::created(format!("/organisations/{id}"), organisation.version, &organisation)
    })
}
