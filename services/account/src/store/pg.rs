//! The store on PostgreSQL: which verb reads, which writes, and in what transaction.

use chrono::{DateTime, TimeDelta, Utc};
use kit::batch::Found;
use kit::id::{LoginId, OrganisationId};
use kit::reply::Reply;
use kit::{Db, Error, Idempotency, IfMatch, Json, Meta, Page, Paged};

use super::{
    Attempts, Limits, OperatorMade, SCHEMA, Store, Subjects, admins, keys, logins, operators, organisations, plans,
    sign_in, tidy,
};
use crate::hashing::Hash;
use crate::model::{
    Login, LoginPatch, NewLogin, NewOrganisation, NewPlan, Organisation, OrganisationPatch, Plan, PlanPatch,
};

/// The store on PostgreSQL.
#[derive(Clone)]
pub struct PgStore {
    db: Db,
    /// How long a password is enough.
    password_max_age: TimeDelta,
}

impl PgStore {
    /// A store on this database.
    pub fn new(db: Db, password_max_age: TimeDelta) -> Self {
        Self { db, password_max_age }
    }

    fn expiry(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.password_max_age
    }
}

impl Store for PgStore {
    fn find_organisations(&self, ids: &[OrganisationId]) -> Found<Organisation> {
        self.db.read(|connection| organisations::find_all(connection, ids))
    }

    fn create_organisation(
        &self,
        meta: &Meta,
        key: &Idempotency,
        new: &NewOrganisation,
        password: &Hash,
    ) -> Result<Reply, Error> {
        let expires_at = self.expiry(meta.now);
        self.db.write(|connection| {
            kit::idempotency::once(connection, SCHEMA, key, meta, |connection| {
                organisations::create(connection, meta, new, password, expires_at)
            })
        })
    }

    fn update_organisation(
        &self,
        meta: &Meta,
        id: OrganisationId,
        seen: IfMatch,
        patch: Json<OrganisationPatch>,
    ) -> Result<Organisation, Error> {
        self.db.write(|connection| organisations::update(connection, meta, id, seen, patch))
    }

    fn list_logins(&self, organisation: OrganisationId, page: Page) -> Result<Paged<Login>, Error> {
        self.db.read(|connection| logins::list(connection, organisation, &page))
    }

    fn find_login(&self, organisation: OrganisationId, id: LoginId) -> Result<Login, Error> {
        self.db.read(|connection| logins::find(connection, organisation, id))
    }

    fn create_login(
        &self,
        meta: &Meta,
        key: &Idempotency,
        organisation: OrganisationId,
        new: &NewLogin,
        password: &Hash,
    ) -> Result<Reply, Error> {
        let expires_at = self.expiry(meta.now);
        self.db.write(|connection| {
            admins::require(connection, meta, organisation)?;
            kit::idempotency::once(connection, SCHEMA, key, meta, |connection| {
                logins::create(connection, meta, organisation, new, password, expires_at)
            })
        })
    }

    fn update_login(
        &self,
        meta: &Meta,
        id: (OrganisationId, LoginId),
        seen: IfMatch,
        patch: Json<LoginPatch>,
        password: Option<&Hash>,
    ) -> Result<Login, Error> {
        let password = password.map(|hash| (hash, self.expiry(meta.now)));
        self.db.write(|connection| {
            admins::require(connection, meta, id.0)?;
            logins::update(connection, meta, id, seen, patch, password)
        })
    }

    fn delete_login(&self, meta: &Meta, id: (OrganisationId, LoginId), seen: IfMatch) -> Result<(), Error> {
        self.db.write(|connection| {
            admins::require(connection, meta, id.0)?;
            logins::delete(connection, meta, id, seen)
        })
    }

    fn create_operator(&self, meta: &Meta, email: &str, password: &Hash) -> Result<OperatorMade, Error> {
        let expires_at = self.expiry(meta.now);
        self.db.write(|connection| operators::create(connection, meta, email, password, expires_at))
    }

    fn list_plans(&self, page: Page) -> Result<Paged<Plan>, Error> {
        self.db.read(|connection| plans::list(connection, &page))
    }

    fn find_plan(&self, code: &str) -> Result<Plan, Error> {
        self.db.read(|connection| Ok(plans::find(connection, code)?.ok_or(Error::NotFound)?.into()))
    }

    fn create_plan(&self, meta: &Meta, key: &Idempotency, new: Json<NewPlan>) -> Result<Reply, Error> {
        let new = new.check()?;
        self.db.write(|connection| {
            kit::idempotency::once(connection, SCHEMA, key, meta, |connection| plans::create(connection, meta, new))
        })
    }

    fn update_plan(&self, meta: &Meta, code: &str, seen: IfMatch, patch: Json<PlanPatch>) -> Result<Plan, Error> {
        self.db.write(|connection| plans::update(connection, meta, code, seen, patch))
    }

    fn find_by_email(&self, email: &str, subjects: &Subjects, now: DateTime<Utc>) -> Result<Attempts, Error> {
        self.db.read(|connection| sign_in::find_by_email(connection, email, subjects, now))
    }

    fn find_by_id(&self, id: LoginId, address: &str, now: DateTime<Utc>) -> Result<(Subjects, Attempts), Error> {
        self.db.read(|connection| sign_in::find_by_id(connection, id, address, now))
    }

    fn count_failure(&self, subjects: &Subjects, limits: &Limits, now: DateTime<Utc>) -> Result<(), Error> {
        let most = self.db.write(|connection| sign_in::count_failure(connection, subjects, limits, now))?;
        // Outside the transaction: an error inside would undo the count.
        most.within(limits, 1, now)
    }

    fn admit(&self, subjects: &Subjects, limits: &Limits, now: DateTime<Utc>) -> Result<(), Error> {
        self.db.write(|connection| sign_in::admit(connection, subjects, limits, now))
    }

    fn set_password(&self, meta: &Meta, id: LoginId, seen: &str, password: &Hash) -> Result<bool, Error> {
        let expires_at = self.expiry(meta.now);
        self.db.write(|connection| sign_in::set_password(connection, meta, id, seen, password, expires_at))
    }

    fn purge_failures(&self, now: DateTime<Utc>) -> Result<usize, Error> {
        self.db.write(|connection| tidy::purge_failures(connection, now))
    }

    fn list_keys(&self, now: DateTime<Utc>) -> Result<Vec<String>, Error> {
        self.db.read(|connection| keys::list(connection, now))
    }

    fn publish_keys(&self, keys: &[(String, String)], now: DateTime<Utc>) -> Result<(), Error> {
        self.db.write(|connection| keys::publish(connection, keys, now))
    }
}
