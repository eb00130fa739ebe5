//! How far behind a relay or an ingester is, as its own metric, and whether it is ready.
//!
//! Looked at beside it, on connections of their own: what an ingester has *stored* is compared with where the log ends, and where a relay's cursor
//! is with its owner's feed. So the figure is right, too, when the part itself hangs. Seconds count from the last look that found nothing missing;
//! where Kafka or the database is away nobody knows, and they go on counting.

mod behind;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::web::{Data, get};
use actix_web::{App, HttpResponse, HttpServer, rt};
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};

use crate::{Error, ingest, relay};
use behind::{Changes, Copies, Look};

/// How often it is looked: alerts and whoever waits for readiness need it no sooner.
const EVERY: Duration = Duration::from_millis(500);

/// Where it is shown.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Address of /metrics, /readyz and /healthz; none: nowhere
    #[arg(long, env = "LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Not ready while anything is more milliseconds behind than this; none: ready once all had caught up for the first time
    #[arg(long, env = "READY_LAG_MS")]
    pub ready_lag_ms: Option<u64>,
}

/// Shows how far a service's copies are behind the log.
///
/// # Errors
/// When nothing can listen there.
pub fn ingester(at: &Settings, of: &ingest::Settings, stopping: &Arc<AtomicBool>) -> Result<(), Error> {
    let (settings, always) = (of.clone(), Arc::new(AtomicBool::new(true)));
    start(at, Lags::new("ingester", &of.service, at, always), stopping, move || Copies::open(&settings))
}

/// Shows how far a service's relay is behind its feed; `told`: whether it has told everything once.
///
/// # Errors
/// When nothing can listen there.
pub fn relay(
    at: &Settings,
    of: &relay::Settings,
    told: &Arc<AtomicBool>,
    stopping: &Arc<AtomicBool>,
) -> Result<(), Error> {
    let settings = of.clone();
    start(at, Lags::new("relay", &of.service, at, Arc::clone(told)), stopping, move || Changes::open(&settings))
}

fn start<L: Look>(
    at: &Settings,
    lags: Lags,
    stopping: &Arc<AtomicBool>,
    open: impl Fn() -> Result<L, Error> + Send + 'static,
) -> Result<(), Error> {
    let Some(listen) = at.listen else { return Ok(()) };
    let lags = Data::new(lags);
    let (watched, stopping) = (lags.clone(), Arc::clone(stopping));
    std::thread::spawn(move || {
        let mut look = None;
        while !stopping.load(Ordering::SeqCst) {
            match look_again(&mut look, &open) {
                Ok(found) => watched.found(&found),
                Err(error) => {
                    tracing::debug!(%error, "how far behind it is isn't known");
                    watched.unknown();
                    look = None;
                }
            }
            std::thread::sleep(EVERY);
        }
    });
    let server = HttpServer::new(move || {
        let app = App::new().app_data(lags.clone());
        app.route("/healthz", get().to(HttpResponse::Ok)).route("/readyz", get().to(ready)).route("/metrics", get().to(text))
    });
    let server = server.workers(1).disable_signals().bind(listen)?;
    // It ends with the process: there is nobody left to tell an error to.
    std::thread::spawn(move || rt::System::new().block_on(server.run()));
    Ok(())
}

fn look_again<L: Look>(look: &mut Option<L>, open: &impl Fn() -> Result<L, Error>) -> Result<Vec<Found>, Error> {
    match look {
        Some(look) => look.look(),
        None => look.insert(open()?).look(),
    }
}

/// What one look says of a noun.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    noun: String,
    /// Places on the log, or changes, that aren't stored yet.
    behind: i64,
    /// Records kept aside.
    aside: i64,
}

/// Of a noun.
#[derive(Debug, Clone)]
struct Lag {
    /// None: it isn't known.
    behind: Option<i64>,
    aside: i64,
    /// When nothing was missing; none: never yet.
    fresh: Option<Instant>,
}

/// How far behind a part is.
struct Lags {
    part: &'static str,
    service: String,
    ready_within: Option<Duration>,
    told: Arc<AtomicBool>,
    began: Instant,
    of: Mutex<BTreeMap<String, Lag>>,
}

impl Lags {
    fn new(part: &'static str, service: &str, at: &Settings, told: Arc<AtomicBool>) -> Self {
        let ready_within = at.ready_lag_ms.map(Duration::from_millis);
        let (service, began) = (service.to_owned(), Instant::now());
        Self { part, service, ready_within, told, began, of: Mutex::default() }
    }

    fn now(&self) -> BTreeMap<String, Lag> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn found(&self, found: &[Found]) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        for Found { noun, behind, aside } in found {
            let before = of.get(noun).and_then(|lag| lag.fresh);
            let fresh = if *behind == 0 { Some(Instant::now()) } else { before };
            of.insert(noun.clone(), Lag { behind: Some(*behind), aside: *aside, fresh });
        }
    }

    fn unknown(&self) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).values_mut().for_each(|lag| lag.behind = None);
    }

    fn age(&self, lag: &Lag) -> Duration {
        match lag.behind {
            Some(0) => Duration::ZERO,
            _ => lag.fresh.unwrap_or(self.began).elapsed(),
        }
    }

    /// Why it isn't ready.
    fn not_ready(&self) -> Option<String> {
        let now = self.now();
        if now.is_empty() || !self.told.load(Ordering::SeqCst) {
            return Some("it has just begun".to_owned());
        }
        let late = now.iter().find(|(_, lag)| match self.ready_within {
            _ if lag.fresh.is_none() => true,
            Some(within) => self.age(lag) > within,
            None => false,
        });
        late.map(|(noun, lag)| format!("{noun} is {:.1} s behind", self.age(lag).as_secs_f64()))
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| {
            let of = Opts::new(name, help).const_label("part", self.part).const_label("service", &self.service);
            let gauge = GaugeVec::new(of, &["noun"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let seconds = gauge("log_lag_seconds", "Time since nothing was missing; 0: nothing is.")?;
        let records = gauge("log_lag_records", "Records (ends of transactions count, too) that aren't stored yet.")?;
        let aside = gauge("log_records_aside", "Records kept aside in published.log_aside, for they can't be a row.")?;
        for (noun, lag) in self.now() {
            seconds.with_label_values(&[&noun]).set(self.age(&lag).as_secs_f64());
            if let Some(behind) = lag.behind {
                records.with_label_values(&[&noun]).set(behind as f64);
            }
            aside.with_label_values(&[&noun]).set(lag.aside as f64);
        }
        TextEncoder::new().encode_to_string(&registry.gather())
    }
}

async fn ready(lags: Data<Lags>) -> HttpResponse {
    match lags.not_ready() {
        None => HttpResponse::Ok().body("ready"),
        Some(why) => HttpResponse::ServiceUnavailable().body(why),
    }
}

async fn text(lags: Data<Lags>) -> HttpResponse {
    match lags.text() {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(noun: &str, behind: i64) -> Found {
        Found { noun: noun.to_owned(), behind, aside: 0 }
    }

    fn lags(ready_lag_ms: Option<u64>) -> Lags {
        let told = Arc::new(AtomicBool::new(true));
        Lags::new("ingester", "registry", &Settings { listen: None, ready_lag_ms }, told)
    }

    #[test]
    fn ready_once_all_had_caught_up_and_by_the_switch_while_they_are_fresh() {
        let (once, always) = (lags(None), lags(Some(0)));
        for lags in [&once, &always] {
            assert!(lags.not_ready().is_some(), "nothing is known");
            lags.found(&[found("persons", 0), found("plans", 3)]);
            assert!(lags.not_ready().is_some_and(|why| why.starts_with("plans")));
            lags.found(&[found("persons", 0), found("plans", 0)]);
            assert_eq!(lags.not_ready(), None);
            lags.found(&[found("persons", 2), found("plans", 0)]);
        }
        assert_eq!(once.not_ready(), None);
        assert!(always.not_ready().is_some_and(|why| why.starts_with("persons")));
        always.unknown();
        assert!(always.not_ready().is_some(), "what isn't known isn't fresh");
        once.told.store(false, Ordering::SeqCst);
        assert!(once.not_ready().is_some());
    }

    #[test]
    fn what_is_not_known_has_an_age_and_no_count() {
        let lags = lags(None);
        lags.found(&[found("persons", 0), found("plans", 3)]);
        let text = lags.text().unwrap();
        let line = |name: &str, noun: &str| format!(r#"{name}{{noun="{noun}",part="ingester",service="registry"}}"#);
        assert!(text.contains(&format!("{} 0\n", line("log_lag_seconds", "persons"))), "{text}");
        assert!(text.contains(&format!("{} 3\n", line("log_lag_records", "plans"))), "{text}");
        lags.unknown();
        let text = lags.text().unwrap();
        assert!(!text.contains("log_lag_records{") && !text.contains(&format!("{} 0\n", line("log_lag_seconds", "persons"))));
    }
}
