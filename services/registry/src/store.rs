//! The verbs. Each file below holds one noun's statements and what is done with them.

mod api_create;
mod api_list;
mod api_writes;
mod apis;
mod domains;
mod feed;
mod limits;
mod owners;
mod pg;
mod standing;
mod sub_domains;
mod tags;
mod versions;
mod watches;

use kit::batch::Found;
use kit::changes::{Items, Place};
use kit::id::{ApiId, DomainId, OrganisationId, ProfileId, SubDomainId, WatchId};
use kit::reply::Answer;
use kit::{Error, Idempotency, IfMatch, Json, Meta, Page, Paged};

use crate::model::{
    Api, ApiFilter, ApiMove, ApiPatch, Domain, DomainPatch, NewApi, NewDomain, NewStatus, NewSubDomain, NewVersion,
    NewWatch, Number, SubDomain, SubDomainMove, SubDomainPatch, Tag, Version, Watch,
};

pub use pg::PgStore;
pub(crate) use watches::nobody;

/// The schema of this service.
pub const SCHEMA: &str = "registry";

/// What an API is found by.
pub type ApiKey = (OrganisationId, ApiId);

/// What a request that creates brings besides its body.
#[derive(Clone, Debug)]
pub struct Create {
    /// Where.
    pub organisation: OrganisationId,
    /// Who, when, in which request.
    pub meta: Meta,
    /// Whether it may be a repeat.
    pub idempotency: Idempotency,
}

/// What a request that changes something brings besides its body.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where.
    pub organisation: OrganisationId,
    /// Who, when, in which request.
    pub meta: Meta,
    /// The version it is meant for.
    pub if_match: IfMatch,
}

/// How a handler answers with what was made; the answer is kept with the request's Idempotency-Key.
pub type Shape<'a, T> = &'a (dyn Fn(&T) -> Answer + 'a);

/// All that can be asked of the registry. Every method refuses a frozen organisation before anything else.
pub trait Store: Send + Sync {
    /// Domains, by creation.
    fn list_domains(&self, organisation: OrganisationId, page: &Page) -> Result<Paged<Domain>, Error>;
    /// One domain with its owner.
    fn find_domain(&self, organisation: OrganisationId, id: DomainId) -> Result<Domain, Error>;
    /// Makes a domain, within the plan.
    fn create_domain(&self, create: &Create, body: Json<NewDomain>, shape: Shape<'_, Domain>) -> Answer;
    /// Changes a domain, or nothing where the patch says what is there.
    fn update_domain(&self, change: &Change, id: DomainId, body: Json<DomainPatch>) -> Result<Domain, Error>;
    /// Deletes a domain without sub domains and ends its watches.
    fn delete_domain(&self, change: &Change, id: DomainId) -> Result<(), Error>;

    /// Sub domains of a domain, by creation.
    fn list_sub_domains(
        &self,
        organisation: OrganisationId,
        domain: DomainId,
        page: &Page,
    ) -> Result<Paged<SubDomain>, Error>;
    /// One sub domain with its domain.
    fn find_sub_domain(&self, organisation: OrganisationId, id: SubDomainId) -> Result<SubDomain, Error>;
    /// Makes a sub domain, within the plan.
    fn create_sub_domain(
        &self,
        create: &Create,
        domain: DomainId,
        body: Json<NewSubDomain>,
        shape: Shape<'_, SubDomain>,
    ) -> Answer;
    /// Changes a sub domain, or nothing where the patch says what is there.
    fn update_sub_domain(
        &self,
        change: &Change,
        id: SubDomainId,
        body: Json<SubDomainPatch>,
    ) -> Result<SubDomain, Error>;
    /// Puts a sub domain, with its APIs, into another domain.
    fn move_sub_domain(&self, change: &Change, id: SubDomainId, body: Json<SubDomainMove>) -> Result<SubDomain, Error>;
    /// Deletes a sub domain without APIs and ends its watches.
    fn delete_sub_domain(&self, change: &Change, id: SubDomainId) -> Result<(), Error>;

    /// APIs, by creation, narrowed by a filter.
    fn list_apis(&self, organisation: OrganisationId, filter: &ApiFilter, page: &Page) -> Result<Paged<Api>, Error>;
    /// APIs of any organisations, each with everything that belongs to it: one statement, however many.
    fn find_apis(&self, keys: &[ApiKey]) -> Found<Api>;
    /// Makes an API with its first version, within the plan.
    fn create_api(&self, create: &Create, body: Json<NewApi>, shape: Shape<'_, Api>) -> Answer;
    /// Changes an API, or nothing where the patch says what is there.
    fn update_api(&self, change: &Change, id: ApiId, body: Json<ApiPatch>) -> Result<Api, Error>;
    /// Puts an API into another sub domain.
    fn move_api(&self, change: &Change, id: ApiId, body: Json<ApiMove>) -> Result<Api, Error>;
    /// Deletes an API with its versions and tags and ends its watches.
    fn delete_api(&self, change: &Change, id: ApiId) -> Result<(), Error>;

    /// Versions of an API, by creation.
    fn list_versions(&self, organisation: OrganisationId, api: ApiId, page: &Page) -> Result<Paged<Version>, Error>;
    /// Adds a version to an API.
    fn create_version(&self, create: &Create, api: ApiId, body: Json<NewVersion>, shape: Shape<'_, Version>) -> Answer;
    /// Takes a version to one of its next states.
    fn set_version_status(
        &self,
        change: &Change,
        api: ApiId,
        number: Number,
        body: Json<NewStatus>,
    ) -> Result<Version, Error>;
    /// Deletes a version that isn't the last.
    fn delete_version(&self, change: &Change, api: ApiId, number: Number) -> Result<(), Error>;

    /// Tags in use after `after`, by name: up to `limit` and one more.
    fn list_tags(&self, organisation: OrganisationId, after: &str, limit: i64) -> Result<Vec<Tag>, Error>;

    /// A person's open watches, by creation.
    fn list_watches(
        &self,
        organisation: OrganisationId,
        profile: Option<ProfileId>,
        page: &Page,
    ) -> Result<Paged<Watch>, Error>;
    /// Opens a watch, or finds the one that is open: the shape is told which (`true`: opened).
    fn create_watch(
        &self,
        create: &Create,
        profile: ProfileId,
        body: Json<NewWatch>,
        shape: Shape<'_, (Watch, bool)>,
    ) -> Answer;
    /// Ends a watch of this person.
    fn end_watch(
        &self,
        organisation: OrganisationId,
        meta: &Meta,
        profile: Option<ProfileId>,
        id: WatchId,
    ) -> Result<(), Error>;

    /// The feed of one organisation.
    fn list_changes(&self, organisation: OrganisationId, after: Place, limit: i64) -> Result<Items, Error>;
    /// The feed of all organisations, for the platform's own staff: no organisation, nobody frozen.
    fn list_all_changes(&self, after: Place, limit: i64) -> Result<Items, Error>;
}
