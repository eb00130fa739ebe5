//! The store on Postgres: which verb reads and which writes, and what all of them share.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use kit::batch::Found;
use kit::changes::{Items, Place};
use kit::id::{ApiId, DomainId, OrganisationId, ProfileId, SubDomainId, WatchId};
use kit::reply::Answer;
use kit::{Db, Error, Json, Meta, Page, Paged};
use serde_json::Value;
use uuid::Uuid;

use super::{ApiKey, Change, Create, SCHEMA, Shape, Store};
use super::{api_create, api_list, api_writes, apis, domains, feed, sub_domains, tags, versions, watches};
use crate::model::{
    Api, ApiFilter, ApiMove, ApiPatch, Domain, DomainPatch, NewApi, NewDomain, NewStatus, NewSubDomain, NewVersion,
    NewWatch, Number, SubDomain, SubDomainMove, SubDomainPatch, Tag, Version, Watch,
};

/// The registry in Postgres.
pub struct PgStore {
    db: Db,
}

impl PgStore {
    /// A store on this database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

/// The place a page starts after; the first page starts after a place before all rows, so that it is the same statement.
pub(super) fn place(page: &Page) -> (DateTime<Utc>, Uuid) {
    page.after.map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |place| (place.created_at, place.id))
}

/// Adds a row to the feed.
#[expect(clippy::too_many_arguments, reason = "a row's columns; named where the row is made, in kit")]
pub(super) fn record(
    connection: &mut PgConnection,
    meta: &Meta,
    organisation: OrganisationId,
    kind: &'static str,
    entity: Uuid,
    version: i64,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<(), Error> {
    let (organisation_id, entity_id) = (Some(organisation), entity.to_string());
    let change = kit::changes::Change { kind, organisation_id, entity_id, version, before, after };
    kit::changes::record(connection, SCHEMA, meta, change)
}

impl Store for PgStore {
    fn list_domains(&self, organisation: OrganisationId, page: &Page) -> Result<Paged<Domain>, Error> {
        self.db.read(|connection| domains::list(connection, organisation, page))
    }

    fn find_domain(&self, organisation: OrganisationId, id: DomainId) -> Result<Domain, Error> {
        self.db.read(|connection| domains::find(connection, organisation, id))
    }

    fn create_domain(&self, create: &Create, body: Json<NewDomain>, shape: Shape<'_, Domain>) -> Answer {
        self.db.write(|connection| domains::create(connection, create, body, shape))
    }

    fn update_domain(&self, change: &Change, id: DomainId, body: Json<DomainPatch>) -> Result<Domain, Error> {
        self.db.write(|connection| domains::update(connection, change, id, body))
    }

    fn delete_domain(&self, change: &Change, id: DomainId) -> Result<(), Error> {
        self.db.write(|connection| domains::delete(connection, change, id))
    }

    fn list_sub_domains(
        &self,
        organisation: OrganisationId,
        domain: DomainId,
        page: &Page,
    ) -> Result<Paged<SubDomain>, Error> {
        self.db.read(|connection| sub_domains::list(connection, organisation, domain, page))
    }

    fn find_sub_domain(&self, organisation: OrganisationId, id: SubDomainId) -> Result<SubDomain, Error> {
        self.db.read(|connection| sub_domains::find(connection, organisation, id))
    }

    fn create_sub_domain(
        &self,
        create: &Create,
        domain: DomainId,
        body: Json<NewSubDomain>,
        shape: Shape<'_, SubDomain>,
    ) -> Answer {
        self.db.write(|connection| sub_domains::create(connection, create, domain, body, shape))
    }

    fn update_sub_domain(
        &self,
        change: &Change,
        id: SubDomainId,
        body: Json<SubDomainPatch>,
    ) -> Result<SubDomain, Error> {
        self.db.write(|connection| sub_domains::update(connection, change, id, body))
    }

    fn move_sub_domain(&self, change: &Change, id: SubDomainId, body: Json<SubDomainMove>) -> Result<SubDomain, Error> {
        self.db.write(|connection| sub_domains::relocate(connection, change, id, body))
    }

    fn delete_sub_domain(&self, change: &Change, id: SubDomainId) -> Result<(), Error> {
        self.db.write(|connection| sub_domains::delete(connection, change, id))
    }

    fn list_apis(&self, organisation: OrganisationId, filter: &ApiFilter, page: &Page) -> Result<Paged<Api>, Error> {
        self.db.read(|connection| api_list::list(connection, organisation, filter, page))
    }

    fn find_apis(&self, keys: &[ApiKey]) -> Found<Api> {
        self.db.read(|connection| apis::find_all(connection, keys))
    }

    fn create_api(&self, create: &Create, body: Json<NewApi>, shape: Shape<'_, Api>) -> Answer {
        self.db.write(|connection| api_create::create(connection, create, body, shape))
    }

    fn update_api(&self, change: &Change, id: ApiId, body: Json<ApiPatch>) -> Result<Api, Error> {
        self.db.write(|connection| api_writes::update(connection, change, id, body))
    }

    fn move_api(&self, change: &Change, id: ApiId, body: Json<ApiMove>) -> Result<Api, Error> {
        self.db.write(|connection| api_writes::relocate(connection, change, id, body))
    }

    fn delete_api(&self, change: &Change, id: ApiId) -> Result<(), Error> {
        self.db.write(|connection| api_writes::delete(connection, change, id))
    }

    fn list_versions(&self, organisation: OrganisationId, api: ApiId, page: &Page) -> Result<Paged<Version>, Error> {
        self.db.read(|connection| versions::list(connection, organisation, api, page))
    }

    fn create_version(&self, create: &Create, api: ApiId, body: Json<NewVersion>, shape: Shape<'_, Version>) -> Answer {
        self.db.write(|connection| versions::create(connection, create, api, body, shape))
    }

    fn set_version_status(
        &self,
        change: &Change,
        api: ApiId,
        number: Number,
        body: Json<NewStatus>,
    ) -> Result<Version, Error> {
        self.db.write(|connection| versions::set_status(connection, change, api, number, body))
    }

    fn delete_version(&self, change: &Change, api: ApiId, number: Number) -> Result<(), Error> {
        self.db.write(|connection| versions::delete(connection, change, api, number))
    }

    fn list_tags(&self, organisation: OrganisationId, after: &str, limit: i64) -> Result<Vec<Tag>, Error> {
        self.db.read(|connection| tags::list(connection, organisation, after, limit))
    }

    fn list_watches(
        &self,
        organisation: OrganisationId,
        profile: Option<ProfileId>,
        page: &Page,
    ) -> Result<Paged<Watch>, Error> {
        self.db.read(|connection| watches::list(connection, organisation, profile, page))
    }

    fn create_watch(
        &self,
        create: &Create,
        profile: ProfileId,
        body: Json<NewWatch>,
        shape: Shape<'_, (Watch, bool)>,
    ) -> Answer {
        self.db.write(|connection| watches::create(connection, create, profile, body, shape))
    }

    fn end_watch(
        &self,
        organisation: OrganisationId,
        meta: &Meta,
        profile: Option<ProfileId>,
        id: WatchId,
    ) -> Result<(), Error> {
        self.db.write(|connection| watches::end(connection, organisation, meta, profile, id))
    }

    fn list_changes(&self, organisation: OrganisationId, after: Place, limit: i64) -> Result<Items, Error> {
        self.db.read(|connection| feed::list(connection, organisation, after, limit))
    }

    fn list_all_changes(&self, after: Place, limit: i64) -> Result<Items, Error> {
        self.db.read(|connection| kit::changes::feed(connection, SCHEMA, None, after, limit))
    }
}
