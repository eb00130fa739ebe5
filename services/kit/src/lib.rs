//! What is the same in every service, and nothing else: settings, pools, the one way to a database thread, tokens,
//! errors as problems, bodies, pages, changes, idempotency, jobs, metrics, and the end of a process. It knows no service's nouns.
//!
//! A whole service, with one read and one create:
//!
//! ```no_run
//! use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
//! use kit::auth::{Admin, Member};
//! use kit::changes::{Change, record};
//! use kit::id::{DomainId, OrganisationId};
//! use kit::{Answer, Boot, Create, Ctx, Error, Idempotency, Ids, Invalid, Json, OnConstraint, Routes, StartError, Validate};
//! use kit::{call, reply};
//!
//! const SCHEMA: &str = "registry";
//!
//! // model.rs
//! #[derive(serde::Serialize)]
//! #[serde(rename_all = "camelCase")]
//! struct Domain { id: DomainId, name: String, version: i64 }
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields, rename_all = "camelCase")]
//! struct NewDomain { name: String }
//!
//! impl Validate for NewDomain {
//!     fn validate(&self, invalid: &mut Invalid) { invalid.name("name", &self.name, 200); }
//! }
//!
//! // store/domains.rs: whole use cases, each a function on a connection
//! kit::statement! {
//!     /// Planned once per connection.
//!     struct FindDomain(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid) -> (Text, BigInt) =
//!         "select d.name, d.version from registry.domains d where d.organisation_id = $1 and d.id = $2"
//! }
//! kit::statement! {
//!     struct InsertDomain<'a>(organisation_id: OrganisationId as Uuid, id: DomainId as Uuid, name: &'a str as Text) =
//!         "insert into registry.domains (organisation_id, id, name, version) values ($1, $2, $3, 1)"
//! }
//!
//! fn find(c: &mut PgConnection, organisation_id: OrganisationId, id: DomainId) -> Result<Domain, Error> {
//!     let row = FindDomain { organisation_id, id }.get_result::<(String, i64)>(c).optional()?;
//!     let (name, version) = row.ok_or(Error::NotFound)?;
//!     Ok(Domain { id, name, version })
//! }
//!
//! fn create(c: &mut PgConnection, create: &Create, new: Json<NewDomain>) -> Answer {
//!     let organisation_id = create.organisation;
//!     create.once(c, SCHEMA, |c| {
//!         // 402 and 404 come before this: a value that can't be taken is a 422 only now.
//!         let new = new.check()?;
//!         let id = DomainId::new(create.meta.now);
//!         let taken = || Error::conflict("name-taken", "the name is taken");
//!         InsertDomain { organisation_id, id, name: &new.name }.execute(c).on_constraint("domains_name_key", taken)?;
//!         let domain = Domain { id, name: new.name, version: 1 };
//!         let change = Change::of("DomainCreated", organisation_id, id, 1);
//!         record(c, SCHEMA, &create.meta, change.after(serde_json::json!({ "id": id, "name": domain.name })))?;
//!         reply::created(format!("/organisations/{organisation_id}/domains/{id}"), 1, &domain)
//!     })
//! }
//!
//! // handlers.rs: who may call comes before the body in the list of parameters, since extractors run in that order
//! fn routes() -> Routes {
//!     Routes::new()
//!         .get("/organisations/{org}/domains/{id}", find_domain)
//!         .post("/organisations/{org}/domains", create_domain)
//!         .changes(SCHEMA)
//! }
//!
//! async fn find_domain(ctx: Ctx, member: Member, ids: Ids<(OrganisationId, DomainId)>) -> Answer {
//!     let domain = call::read(&ctx, move |c| find(c, member.organisation, ids.0.1)).await?;
//!     reply::with_etag(domain.version, &domain)
//! }
//!
//! async fn create_domain(ctx: Ctx, admin: Admin, key: Idempotency, new: Json<NewDomain>) -> Answer {
//!     let made = Create::new(&ctx, admin.organisation, key);
//!     call::write(&ctx, move |c| create(c, &made, new)).await
//! }
//!
//! // lib.rs and main.rs
//! struct Registry;
//!
//! impl kit::Service for Registry {
//!     const NAME: &'static str = "registry";
//!     const CONTRACT: &'static str = "openapi: 3.1.0"; // include_str!("../../../docs/contract/registry.yaml")
//!     type Settings = kit::NoSettings;
//!
//!     fn start(_: &Boot<kit::NoSettings>) -> Result<Routes, StartError> {
//!         Ok(routes()) // .ready(kit::readable!(schema::domains, views::persons)).job("0 * * * * *", "name", work)
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     kit::run::<Registry>()
//! }
//! ```
//!
//! What to know besides:
//!
//! - Put extractors in the order of the contract's answers: `Ctx`, then who may call, then `Ids`, `IfMatch`, `Idempotency`, `Json`, `Page`.
//! - [`Json`] holds a value *or* its 422; [`Json::check`] is called after 402, 404 and 412. [`IfMatch::check`] is called under the entity's lock.
//! - [`Db::read`] and [`Db::write`] are for database threads: a handler goes through [`call`], a job runs on one.
//! - Lists: take [`Page`] (or [`Filtered`] with filters), read [`Page::fetch`] rows after [`Page::place`], and end with [`Page::finish`].
//! - Whoever writes change rows in a statement of its own says so with [`changes::recorded`].

extern crate self as kit;

use pq_sys as _;

mod app;
pub mod auth;
pub mod batch;
pub mod body;
pub mod call;
pub mod changes;
pub mod clients;
mod clock;
mod config;
mod ctx;
pub mod db;
mod docs;
mod due;
pub mod email;
pub mod error;
pub mod id;
pub mod idempotency;
mod jobs;
mod log;
mod metrics;
mod nfc;
mod page;
pub mod path;
mod precondition;
mod query;
mod readable;
pub mod reply;
mod request;
mod routes;
mod server;
mod service;
mod sql;
mod start;
#[doc(hidden)]
pub mod statement;
#[cfg(feature = "testing")]
pub mod testing;
pub mod threads;
mod words;

pub use batch::Batch;
pub use body::{Invalid, Json, Validate};
pub use clock::Clock;
pub use config::{Common, NoSettings};
pub use ctx::{Ctx, Meta};
pub use db::{Db, connect};
pub use due::Due;
pub use error::{Error, FieldError, OnConstraint};
pub use idempotency::Idempotency;
pub use jobs::in_batches;
pub use metrics::{Measured, Values};
pub use nfc::nfc;
pub use page::{Filtered, Keyset, Page, Paged, page_limit};
pub use path::Ids;
pub use precondition::IfMatch;
pub use query::{NoQuery, Query};
pub use readable::Probe;
pub use reply::{Answer, Reply};
pub use request::{Create, Update};
pub use routes::Routes;
pub use server::address;
pub use service::{Boot, Service, run};
pub use start::StartError;
pub use threads::{Lane, Progress, Threads};

/// 1 to `max` characters that can stand in a header and in a log as they are.
pub(crate) fn is_visible_ascii(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// What kit's macros write out. Not for services.
#[doc(hidden)]
pub mod __private {
    pub use {chrono, diesel, serde, uuid};
}
