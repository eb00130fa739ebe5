//! V6, V7: the driver against a server of known law; and how fast it can be at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::shared::outcome;
use super::stub::{Law, Stub};
use crate::Failure;
use crate::load::driver::{self, Call, Load, Method, ServiceRecord, Settings};
use crate::load::schedule::{Arrival, Endpoint, ServiceWorkload, Zipf, poisson};
use crate::result::SelfTest;
use crate::stats::Histogram;

/// How far a quantile may be off.
const TOLERANCE: f64 = 0.02;
/// The gate of every block: 99th percentile of the driver's own lateness.
const LATE_MS: f64 = 1.0;
/// What is compared.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")];
/// Connections of the client that V7 pretends to be.
const CLOSED_CONNECTIONS: usize = 8;

const LAW: Law =
    Law { mean: Duration::from_millis(20), stall: Duration::from_millis(200), cycle: Duration::from_secs(5) };

/// V6: measured from the intended moment, p50, p99 and p99.9 lie within 2 % of the closed form.
pub fn known_law() -> Result<SelfTest, Failure> {
    let (pass, found) = open_loop(LAW)?;
    Ok(outcome("V6", pass, format!("driver against a known law with stalls: {found}")))
}

/// V7: the same server seen by a client of eight connections that measures from the sent moment must *fail* that check, or the
/// check proves nothing.
pub fn omission() -> Result<SelfTest, Failure> {
    let omitted = Settings { settle: Duration::ZERO, connections_max: Some(CLOSED_CONNECTIONS), ..Settings::default() };
    let closed = drive(LAW, 400.0, Duration::from_secs(20), omitted)?;
    let (accepted, wrongly) = compare(LAW, &closed.service_time);
    Ok(outcome(
        "V7",
        Some(!accepted),
        format!("the same, measured from the sent moment over {CLOSED_CONNECTIONS} connections, is refused: {wrongly}"),
    ))
}

/// As every experiment measures. A machine on which the driver is late itself can't resolve the test; a driver in time must pass.
fn open_loop(law: Law) -> Result<(Option<bool>, String), Failure> {
    let settings = Settings { settle: Duration::ZERO, ..Settings::default() };
    let open = drive(law, 400.0, Duration::from_secs(40), settings)?;
    let (pass, words) = compare(law, &open.all_responses(settings.timeout));
    let late_ms = open.lag_summary().p99_us as f64 / 1000.0;
    let found = format!("{words}, driver late by {late_ms:.2} ms (p99)");
    if pass || late_ms <= LATE_MS {
        return Ok((Some(pass), found));
    }
    Ok((None, format!("{found}: too late on this machine now")))
}

/// A server that answers at once.
const AT_ONCE: Law = Law { mean: Duration::ZERO, stall: Duration::ZERO, cycle: Duration::from_secs(5) };

/// Rates that are tried, requests per second.
const RATES: [f64; 10] = [500.0, 1000.0, 2000.0, 4000.0, 6000.0, 8000.0, 12_000.0, 16_000.0, 24_000.0, 32_000.0];
/// How long each is tried, and how often: two of three must hold, so that one disturbance decides nothing.
const TRY: Duration = Duration::from_millis(500);
const TRIES: usize = 3;
/// Wakings of a thread that does nothing else, 5 ms apart.
const WAKINGS: u32 = 200;

/// How fast the driver is.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling {
    /// The highest rate at which it still sends 99 % of its requests in time.
    pub rate_per_s: f64,
    /// What in time means here: 1 ms, or twice what the kernel alone gives where that is more.
    pub limit_ms: f64,
    /// p99 of its lateness at that rate.
    pub late_ms: f64,
    /// p99 of the lateness of a thread that only sleeps and wakes.
    pub kernel_ms: f64,
}

/// Raises the rate until two steps in a row are too much.
pub fn reach() -> Result<Ceiling, Failure> {
    let kernel_ms = driver::kernel_lateness(WAKINGS).quantile_us(0.99).unwrap_or(0) as f64 / 1000.0;
    let mut found = Ceiling { rate_per_s: 0.0, limit_ms: (2.0 * kernel_ms).max(1.0), late_ms: 0.0, kernel_ms };
    let mut missed = 0;
    for rate in RATES {
        match in_time(rate, found.limit_ms)? {
            Some(late_ms) => {
                (found.rate_per_s, found.late_ms, missed) = (rate, late_ms, 0);
            }
            None if missed == 1 => break,
            None => missed = 1,
        }
    }
    Ok(found)
}

/// Whether two of three tries hold at this rate: the better half's lateness, p99.
fn in_time(rate: f64, limit_ms: f64) -> Result<Option<f64>, Failure> {
    let mut held = Vec::new();
    for done in 0..TRIES {
        let record = drive(AT_ONCE, rate, TRY, Settings { settle: Duration::ZERO, ..Settings::default() })?;
        let late_ms = record.lag_summary().p99_us as f64 / 1000.0;
        if late_ms <= limit_ms && record.goodput_per_s() >= 0.95 * rate {
            held.push(late_ms);
        }
        if held.len() == 2 || done + 1 - held.len() == 2 {
            break;
        }
    }
    Ok((held.len() == 2).then(|| held.iter().copied().fold(0.0, f64::max)))
}

/// [`reach`] as a line of the report. Not a test; how far its numbers reach.
pub fn ceiling() -> Result<SelfTest, Failure> {
    let Ceiling { rate_per_s, limit_ms, late_ms, kernel_ms } = reach()?;
    let stub = Stub::start(AT_ONCE, 7)?;
    let others = match super::others::reach(&stub.url()) {
        none if none.is_empty() => "neither wrk nor oha is installed to compare with".into(),
        some => format!("as fast as they can, closed loop, the same stub gives {}", some.join(", ")),
    };
    // Twice what a busy machine does to anybody is no ceiling of the driver's.
    let busy = if kernel_ms > LATE_MS { "machine not quiet, so this is no ceiling: " } else { "" };
    Ok(outcome(
        "ceiling",
        None,
        format!(
            "{busy}{rate_per_s:.0} requests/s, 99 % of them sent at most {late_ms:.2} ms late (limit {limit_ms:.1} ms; a thread that only sleeps \
             wakes {kernel_ms:.2} ms late, p99), stub on the same processors; {others}"
        ),
    ))
}

fn drive(law: Law, rate_per_s: f64, duration: Duration, settings: Settings) -> Result<ServiceRecord, Failure> {
    let stub = Stub::start(law, 7)?;
    let load = load("stub", &stub.url(), rate_per_s, duration, 11)?;
    let mut records = driver::run(&[load], settings)?;
    records.pop().ok_or_else(|| Failure::could_not_run("The driver returned nothing."))
}

/// Requests to a stub, under this name.
pub(super) fn load(name: &str, url: &str, rate_per_s: f64, duration: Duration, seed: u64) -> Result<Load, Failure> {
    let workload = ServiceWorkload {
        weight: 1.0,
        rate_per_s: None,
        endpoints: vec![Endpoint { name: "stub".into(), share: 1.0 }],
    };
    let arrivals = poisson(&workload, name, rate_per_s, duration.as_nanos() as u64, &Zipf::new(1, 1.0), seed);
    let url: hyper::Uri =
        url.parse().map_err(|error| Failure::could_not_run(format!("The stub's URL can't be read: {error}.")))?;
    let call = move |_: &Arrival| Call {
        method: Method::GET,
        url: url.clone(),
        authorization: None,
        headers: Arc::default(),
        if_match: None,
        body: None,
        of: None,
    };
    Ok(Load {
        service: name.to_owned(),
        endpoints: vec!["stub".into()],
        arrivals: Arc::new(arrivals),
        call: Arc::new(call),
        answered: None,
    })
}

/// Whether every quantile is within tolerance, and each one's ratio to the closed form.
fn compare(law: Law, measured: &Histogram) -> (bool, String) {
    let ratios: BTreeMap<&str, f64> = QUANTILES
        .iter()
        .map(|(q, name)| (*name, measured.quantile_us(*q).unwrap_or(0) as f64 / 1e6 / law.quantile_s(*q)))
        .collect();
    let pass = ratios.values().all(|ratio| (ratio - 1.0).abs() <= TOLERANCE);
    let words: Vec<String> =
        QUANTILES.iter().map(|(_, name)| format!("{name} {:.3} of the expected value", ratios[name])).collect();
    (pass, words.join(", "))
}
