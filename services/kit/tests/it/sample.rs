//! The sample service: wire around the store, and a world to ask it in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::web::Data;
use diesel::PgConnection;
use kit::Common;
use kit::auth::{Admin, Member, Operator, Scope};
use kit::id::{LoginId, OrganisationId};
use kit::testing::{Running, Signer, common, spawn_with};
use kit::{Answer, Boot, Ctx, Db, Idempotency, Ids, IfMatch, Json, Page, Query, Routes, StartError, call, reply};
use schema::testing::TestDb;

use crate::http::{self, json};
use crate::store::{self, NewOrganisation, SCHEMA};

/// The gate of the next service that starts, if a test wants to hold it.
#[derive(clap::Args, Clone)]
pub struct Settings {
    #[arg(skip = Arc::new(Barrier::new(2)))]
    pub gate: Arc<Barrier>,
    #[arg(skip)]
    pub broken: bool,
    /// How often the job ran.
    #[arg(skip)]
    pub ticks: Arc<AtomicUsize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gate: Arc::new(Barrier::new(2)), broken: false, ticks: Arc::default() }
    }
}

pub struct Sample;

diesel::table! {
    account.organisations (id) { id -> Uuid, name -> Text, plan_code -> Text, version -> BigInt, }
}
diesel::table! {
    published.standings (organisation_id) { organisation_id -> Uuid, standing -> Text, }
}
diesel::table! {
    #[sql_name = "organisations"]
    account.broken (id) { id -> Uuid, no_such_column -> Text, }
}

impl kit::Service for Sample {
    const NAME: &'static str = SCHEMA;
    const CONTRACT: &'static str = "openapi: 3.1.0\ninfo: {title: Sample, version: '1'}\npaths: {}\n";
    type Settings = Settings;

    fn start(boot: &Boot<Settings>) -> Result<Routes, StartError> {
        let mut probes = kit::readable!(organisations, standings);
        if boot.settings().broken {
            probes.extend(kit::readable!(broken));
        }
        let ticks = Arc::clone(&boot.settings().ticks);
        let db = boot.db();
        let tick = move || {
            // On a database thread: the pool may be used.
            db.write(|_| Ok(()))?;
            ticks.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        Ok(routes().data(Arc::clone(&boot.settings().gate)).data(Arc::new(boot.db())).ready(probes).job(
            "* * * * * *",
            "tick",
            tick,
        ))
    }
}

pub fn routes() -> Routes {
    Routes::new()
        .post("/layered", layered)
        .around(layer)
        .post("/organisations", create)
        .get("/organisations", list)
        .get("/organisations/{org}", find)
        .patch("/organisations/{org}", rename)
        .get("/numbers", number)
        .get("/wait", wait)
        .post("/panic", panic)
        .post("/forbidden", forbidden)
        .post("/operators", operators)
        .get("/on-the-loop", on_the_loop)
        .changes(SCHEMA)
}

async fn layered() -> Answer {
    reply::ok(&true)
}

/// Says how long the body is.
async fn layer(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let length = kit::body::raw(request.request()).map_or(0, |body| body.len());
    let mut response = next.call(request).await?;
    response.headers_mut().insert(HeaderName::from_static("x-layered"), length.into());
    Ok(response)
}

async fn create(ctx: Ctx, key: Idempotency, new: Json<NewOrganisation>) -> Answer {
    let meta = ctx.meta();
    call::write(&ctx, move |c| store::create(c, &meta, &key, new)).await
}

async fn list(ctx: Ctx, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| store::list(c, &page)).await?)
}

async fn find(ctx: Ctx, member: Member) -> Answer {
    let found = call::read(&ctx, move |c| store::find(c, member.organisation)).await?;
    reply::with_etag(found.version, &found)
}

async fn rename(ctx: Ctx, _: Admin, ids: Ids<OrganisationId>, seen: IfMatch, new: Json<NewOrganisation>) -> Answer {
    let meta = ctx.meta();
    let now = call::write(&ctx, move |c| store::rename(c, &meta, ids.0, seen, new)).await?;
    reply::with_etag(now.version, &now)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    n: i32,
}

async fn number(number: Query<Number>) -> Answer {
    reply::ok(&number.0.n)
}

/// Holds a thread until the test opens the gate, twice: once to say it is here, once to go on.
async fn wait(ctx: Ctx, gate: Data<Barrier>) -> Answer {
    let wait = move |_: &mut PgConnection| {
        gate.wait();
        gate.wait();
        Ok(())
    };
    call::read(&ctx, wait).await?;
    reply::no_content()
}

async fn panic(ctx: Ctx) -> Answer {
    let meta = ctx.meta();
    call::write(&ctx, move |c| store::panic(c, &meta)).await?;
    reply::no_content()
}

async fn forbidden(ctx: Ctx) -> Answer {
    call::write(&ctx, store::forbidden).await?;
    reply::no_content()
}

async fn operators(_: Operator, _: Json<NewOrganisation>) -> Answer {
    reply::no_content()
}

async fn on_the_loop(db: Data<Db>) -> Answer {
    reply::ok(&db.read(|c| store::list(c, &Page::first(1)))?)
}

/// The sample with a database and a signer.
pub struct World {
    pub service: Running,
    pub signer: Signer,
    pub db: TestDb,
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings::default(), |_| {})
    }

    pub fn with(settings: Settings, change: impl FnOnce(&mut Common)) -> Self {
        let db = TestDb::new();
        let signer = Signer::new().unwrap();
        signer.publish(&mut db.connect("account_writer")).unwrap();
        let mut common = common(db.url("account_reader"), db.url("account_writer"));
        change(&mut common);
        let service = spawn_with::<Sample>(common, settings).unwrap();
        Self { service, signer, db }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.service.url)
    }

    pub fn token(&self, scope: Scope, organisation: Option<OrganisationId>) -> String {
        format!("Bearer {}", self.signer.token(scope, organisation, LoginId::new(chrono::Utc::now()), None))
    }

    /// Makes an organisation: its id.
    pub fn organisation(&self, name: &str) -> OrganisationId {
        let made = json("POST", &self.url("/organisations"), &[], &serde_json::json!({ "name": name }));
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub fn find(&self, organisation: OrganisationId) -> http::Answer {
        let token = self.token(Scope::Member, Some(organisation));
        http::get(&self.url(&format!("/organisations/{organisation}")), &[("authorization", &token)])
    }
}
