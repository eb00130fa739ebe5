//! Verbs: what Account can do, each a whole use case.

mod admins;
mod keys;
mod logins;
mod operators;
mod organisations;
mod pg;
mod plans;
mod sign_in;
mod tidy;

use chrono::{DateTime, Utc};
use kit::batch::Found;
use kit::id::{LoginId, OrganisationId};
use kit::reply::Reply;
use kit::{Error, Idempotency, IfMatch, Json, Meta, Page, Paged};

use crate::hashing::Hash;
use crate::model::{
    Login, LoginPatch, NewLogin, NewOrganisation, NewPlan, Organisation, OrganisationPatch, Plan, PlanPatch,
};
pub use operators::OperatorMade;
pub use pg::PgStore;
pub use sign_in::{Attempts, Limits, Seen, Subjects};

/// The schema of Account's tables.
pub const SCHEMA: &str = "account";

/// What Account does with its data. Synchronous: runs on a database thread. Passwords come hashed, since hashing takes longer
/// than any statement.
pub trait Store: Send + Sync {
    /// Organisations with how they stand, by one statement, however many.
    fn find_organisations(&self, ids: &[OrganisationId]) -> Found<Organisation>;
    /// Signs an organisation up, with its first admin.
    fn create_organisation(
        &self,
        meta: &Meta,
        key: &Idempotency,
        new: &NewOrganisation,
        password: &Hash,
    ) -> Result<Reply, Error>;
    /// Renames it, changes its plan; a plan too small for what is in use is refused.
    fn update_organisation(
        &self,
        meta: &Meta,
        id: OrganisationId,
        seen: IfMatch,
        patch: Json<OrganisationPatch>,
    ) -> Result<Organisation, Error>;

    /// A page of an organisation's logins, oldest first.
    fn list_logins(&self, organisation: OrganisationId, page: Page) -> Result<Paged<Login>, Error>;
    /// One login of an organisation.
    fn find_login(&self, organisation: OrganisationId, id: LoginId) -> Result<Login, Error>;
    /// Lets somebody sign in.
    fn create_login(
        &self,
        meta: &Meta,
        key: &Idempotency,
        organisation: OrganisationId,
        new: &NewLogin,
        password: &Hash,
    ) -> Result<Reply, Error>;
    /// Changes a login, with a new password if one comes along; the last working admin stays one.
    fn update_login(
        &self,
        meta: &Meta,
        id: (OrganisationId, LoginId),
        seen: IfMatch,
        patch: Json<LoginPatch>,
        password: Option<&Hash>,
    ) -> Result<Login, Error>;
    /// Removes a login, but not the last working admin.
    fn delete_login(&self, meta: &Meta, id: (OrganisationId, LoginId), seen: IfMatch) -> Result<(), Error>;
    /// Makes an operator, for the command line: there is no other way to the first one.
    fn create_operator(&self, meta: &Meta, email: &str, password: &Hash) -> Result<OperatorMade, Error>;

    /// A page of plans, oldest first.
    fn list_plans(&self, page: Page) -> Result<Paged<Plan>, Error>;
    /// One plan.
    fn find_plan(&self, code: &str) -> Result<Plan, Error>;
    /// Offers a new plan.
    fn create_plan(&self, meta: &Meta, key: &Idempotency, new: Json<NewPlan>) -> Result<Reply, Error>;
    /// Changes a plan.
    fn update_plan(&self, meta: &Meta, code: &str, seen: IfMatch, patch: Json<PlanPatch>) -> Result<Plan, Error>;

    /// Who has this e-mail, and how often signing in has failed lately.
    fn find_by_email(&self, email: &str, subjects: &Subjects, now: DateTime<Utc>) -> Result<Attempts, Error>;
    /// Who this login is, and how often signing in has failed lately.
    fn find_by_id(&self, id: LoginId, address: &str, now: DateTime<Utc>) -> Result<(Subjects, Attempts), Error>;
    /// Counts a failed sign-in: an error where that was one too many.
    fn count_failure(&self, subjects: &Subjects, limits: &Limits, now: DateTime<Utc>) -> Result<(), Error>;
    /// Lets a right password pass and forgets the login's failures, unless there were too many of them meanwhile.
    fn admit(&self, subjects: &Subjects, limits: &Limits, now: DateTime<Utc>) -> Result<(), Error>;
    /// Replaces the password whose hash was seen; false if it is another one by now, or the login is gone or disabled.
    fn set_password(&self, meta: &Meta, id: LoginId, seen: &str, password: &Hash) -> Result<bool, Error>;
    /// Forgets failures of windows that have ended; how many.
    fn purge_failures(&self, now: DateTime<Utc>) -> Result<usize, Error>;

    /// The public keys that verify tokens now, as JSON texts.
    fn list_keys(&self, now: DateTime<Utc>) -> Result<Vec<String>, Error>;
    /// Publishes these keys (id, JWK) and retires all others, an hour from now: until then their tokens live.
    fn publish_keys(&self, keys: &[(String, String)], now: DateTime<Utc>) -> Result<(), Error>;
}
