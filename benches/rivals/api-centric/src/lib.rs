//! The API-centric architecture: the product's five services, unchanged, each on a database of its own. What is a view on a
//! neighbour's table in the shared database is a table here, and a layer around the product's endpoints fills it by HTTP.
//!
//! - [`edges`] is the table of who needs what, and what happens while its owner is away; [`nouns`] what is fetched;
//! - [`compose`] is the layer: facts before a handler, names after it; [`facts`] writes what was fetched;
//! - [`neighbour`] makes calls by the rules of [`policy`]: single flight and cache, bulkhead, circuit breaker, time-out, one retry;
//! - [`internal`] answers the others, who prove themselves with [`credentials`];
//! - [`poll`] is what no request causes: signing keys and feeds; [`month_end`] makes Billing's copies whole before a run.
//!
//! Each binary takes the settings of the product's, and [`settings::Calls`]. `SERVICE_CREDENTIALS` is `name=secret,name=secret`:
//! Account gets the pairs of all five, each other service its own alone.

pub mod compose;
pub mod credentials;
pub mod edges;
pub mod facts;
pub mod http;
pub mod internal;
pub mod metrics;
pub mod month_end;
pub mod names;
pub mod neighbour;
pub mod node;
pub mod nouns;
pub mod policy;
pub mod poll;
pub mod settings;
pub mod sql;
pub mod trace;

use std::marker::PhantomData;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kit::{Boot, Routes, Service, StartError};
use tokio::runtime::Handle;

use crate::credentials::{Credentials, Guard, Issuer};
use crate::facts::Facts;
use crate::metrics::Metrics;
use crate::neighbour::Neighbour;
use crate::node::{Background, Node};
use crate::settings::{Calls, WithCalls};
use crate::sql::Sql;
use crate::trace::Trace;

/// The five.
pub const SERVICES: [&str; 5] = ["account", "profile", "registry", "billing", "notification"];

/// A service of the product that can be part of it.
pub trait Product: Service {
    /// The keys that it signs tokens with, in PEM: Account's alone.
    fn signing_keys(_: &Self::Settings) -> Option<&str> {
        None
    }

    /// Starts what the product does by itself and can't here without its neighbours.
    ///
    /// # Errors
    /// No thread can be started.
    fn in_background(_: &Boot<Self::Settings>, _: &Arc<Node>, _calls: &Handle) -> std::io::Result<()> {
        Ok(())
    }

    /// The settings that the product runs with here.
    fn adapted(settings: Self::Settings) -> Self::Settings {
        settings
    }
}

impl Product for account::Account {
    fn signing_keys(settings: &Self::Settings) -> Option<&str> {
        settings.jwt_signing_key.as_deref()
    }
}
impl Product for profile::Service {}
impl Product for registry::Registry {}
impl Product for billing::Billing {
    /// A run that starts by itself would bill from copies that nobody has made whole: [`month_end::by_schedule`] starts them.
    fn adapted(settings: Self::Settings) -> Self::Settings {
        Self::Settings { schedule: false, ..settings }
    }

    fn in_background(boot: &Boot<Self::Settings>, node: &Arc<Node>, calls: &Handle) -> std::io::Result<()> {
        let settings = boot.settings();
        if !(settings.work && settings.schedule) {
            return Ok(());
        }
        month_end::by_schedule(boot, Arc::clone(node), calls.clone())
    }
}
impl Product for notification::NotificationService {}

/// The whole `main` of one of the five. Exit codes are kit's.
pub fn run<P: Product>() -> ExitCode {
    kit::run::<Composed<P>>()
}

/// A service of the product with its neighbours at the end of calls.
pub struct Composed<P>(PhantomData<P>);

impl<P: Product> Service for Composed<P>
where
    P::Settings: clap::Args + Clone + Send + Sync + 'static,
{
    const NAME: &'static str = P::NAME;
    const CONTRACT: &'static str = P::CONTRACT;
    const KEEPS_ANSWERS: bool = P::KEEPS_ANSWERS;
    type Settings = WithCalls<P::Settings>;

    fn start(boot: &Boot<Self::Settings>) -> Result<Routes, StartError> {
        let background = Background::start(P::NAME).map_err(|error| failed("the calls' thread", &error))?;
        let node = Arc::new(node::<P>(boot)?);
        let have_keys = poll(&node, &boot.settings().calls, &background)?;
        let own = boot.settings().product.clone();
        P::in_background(&boot.with(own.clone()), &node, &background.handle)
            .map_err(|error| failed("a thread", &error))?;
        let product = P::start(&boot.with(P::adapted(own)))?;
        let layered = Arc::clone(&node);
        let routes = product.around(move |request, next| {
            let trace = Trace::of(request.request());
            trace.within(compose::around(Arc::clone(&layered), request, next))
        });
        let routes = internal::add(routes, P::NAME).metrics(node.metrics.registry.clone()).data(node);
        Ok(routes.data(Arc::new(background)).ready_if(move || match have_keys.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err("no signing keys: Account didn't answer yet".to_owned()),
        }))
    }

    fn command(boot: &Boot<Self::Settings>) -> Option<Result<(), StartError>> {
        P::command(&boot.with(boot.settings().product.clone()))
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> StartError {
    StartError::Failed(format!("{what}: {error}"))
}

fn node<P: Product>(boot: &Boot<WithCalls<P::Settings>>) -> Result<Node, StartError> {
    let WithCalls { product, calls } = boot.settings();
    let secrets = calls.secrets()?;
    let sql = |variable: &str, url: &str| {
        Sql::new(url).map_err(|error| StartError::Usage(format!("{variable} can't be read: {error}")))
    };
    let facts = Facts::new(sql("COPIER_DATABASE_URL", &calls.copier_database_url)?, !calls.in_sequence);
    let reader = sql("DATABASE_READ_URL", &calls.internal_read_url)?;
    let metrics = Metrics::new(P::NAME).map_err(|error| failed("metrics can't be made", &error))?;
    let own = secrets
        .get(P::NAME)
        .ok_or_else(|| StartError::Usage(format!("SERVICE_CREDENTIALS holds no secret of {}", P::NAME)))?;
    // Account buys its token from itself: then it listens by the time it calls others.
    let account = calls.url_of("account")?;
    let credentials = Arc::new(Credentials::new(account, P::NAME, own));
    let (timeout, ttl) = (Duration::from_millis(calls.edge_timeout_ms), calls.cache_ttl_ms);
    let others = SERVICES.iter().filter(|service| **service != P::NAME);
    let neighbours = others
        .map(|service| {
            let url = calls.url_of(service)?;
            let neighbour = Neighbour::new(service, url, timeout, ttl, Arc::clone(&credentials), metrics.clone());
            Ok((*service, neighbour))
        })
        .collect::<Result<_, StartError>>()?;
    let issuer = P::signing_keys(product).map(|pem| {
        let keys = account::keys::parse(pem).map_err(|error| StartError::Usage(format!("JWT_SIGNING_KEY: {error}")))?;
        let first = keys.first().ok_or_else(|| StartError::Usage("JWT_SIGNING_KEY holds no key".to_owned()))?;
        Ok(Issuer::new(first, boot.issuer(), boot.clock(), secrets.clone()))
    });
    Ok(Node {
        name: P::NAME,
        facts,
        reader,
        neighbours,
        guard: Guard::default(),
        issuer: issuer.transpose()?,
        jwt_issuer: boot.issuer().to_owned(),
        clock: boot.clock(),
        in_sequence: calls.in_sequence,
        metrics,
    })
}

/// Starts what no request causes, and waits a moment for the first signing keys; whether there are any.
fn poll(node: &Arc<Node>, calls: &Calls, background: &Background) -> Result<Arc<AtomicBool>, StartError> {
    for feed in poll::FEEDS.iter().filter(|feed| feed.consumer == node.name) {
        background.handle.spawn(poll::feed(Arc::clone(node), feed, Duration::from_millis(calls.poll_interval_ms)));
    }
    // Account's are its own.
    let have = Arc::new(AtomicBool::new(node.name == "account"));
    if node.name == "account" {
        background.handle.spawn(poll::acceptances(Arc::clone(node)));
        return Ok(have);
    }
    background.handle.spawn(poll::signing_keys(Arc::clone(node), calls.url_of("account")?, Arc::clone(&have)));
    let began = Instant::now();
    while !have.load(Ordering::SeqCst) && began.elapsed() < poll::FIRST {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(have)
}
