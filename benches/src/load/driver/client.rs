//! The sending thread: one event loop, a connection pool for each service that never makes a request wait.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::pace::Job;
use super::record::Finished;
use super::{Answer, Answered, Load, Outcome, ServiceRecord, Settings};
pub use hyper::Method;

/// An HTTP request, ready to send.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: hyper::Uri,
    /// `Bearer …`, where the operation needs one.
    pub authorization: Option<HeaderValue>,
    /// What else a target wants in every request.
    pub headers: Arc<[(HeaderName, HeaderValue)]>,
    /// `If-Match`, where the operation needs one.
    pub if_match: Option<HeaderValue>,
    /// A JSON body.
    pub body: Option<Bytes>,
    /// The row that it changes, if it changes one.
    pub of: Option<Uuid>,
}

impl Call {
    /// Reads what stands at this URL.
    #[must_use]
    pub fn get(url: hyper::Uri, authorization: Option<HeaderValue>) -> Self {
        let (method, headers) = (Method::GET, Arc::default());
        Self { method, url, authorization, headers, if_match: None, body: None, of: None }
    }
}

/// A service's answer that went on without a neighbour names it there.
const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");

type Http = Client<HttpConnector, Full<Bytes>>;

/// Runs until the pacer has hung up and the last request is finished.
pub(super) fn send_all(
    loads: Vec<Load>,
    mut inbox: UnboundedReceiver<Job>,
    settings: Settings,
) -> std::io::Result<Vec<ServiceRecord>> {
    super::pace::wake_soon();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    Ok(local.block_on(&runtime, async move {
        let (results, mut finished) = tokio::sync::mpsc::unbounded_channel();
        let clients: Vec<Http> = loads.iter().map(|_| client()).collect();
        let in_flight: Vec<Rc<Cell<usize>>> = loads.iter().map(|_| Rc::default()).collect();
        let mut peaks = vec![0; loads.len()];
        let permits = settings.connections_max.map(|max| Rc::new(Semaphore::new(max)));
        while let Some(job) = inbox.recv().await {
            let Some(load) = loads.get(job.load) else {
                continue;
            };
            let Some(arrival) = load.arrivals.get(job.arrival) else {
                continue;
            };
            let running = Rc::clone(&in_flight[job.load]);
            let sent = Instant::now();
            let base = Finished {
                load: job.load,
                endpoint: arrival.endpoint,
                intended: job.intended,
                sent,
                done: sent,
                outcome: Outcome::Shed,
                server_timing: None,
            };
            if running.get() >= settings.in_flight_max {
                let _ = results.send(base);
                continue;
            }
            running.set(running.get() + 1);
            peaks[job.load] = peaks[job.load].max(running.get());
            let permits = permits.clone();
            let (http, results) = (clients[job.load].clone(), results.clone());
            let (call, answered) = ((load.call)(arrival), load.answered.clone());
            tokio::task::spawn_local(async move {
                let _permit = match &permits {
                    Some(permits) => permits.acquire().await.ok(),
                    None => None,
                };
                let sent = if permits.is_some() { Instant::now() } else { sent };
                let (outcome, server_timing) = send(&http, call, settings.timeout, answered, &base).await;
                running.set(running.get() - 1);
                let _ = results.send(Finished { sent, done: Instant::now(), outcome, server_timing, ..base });
            });
        }
        drop(results);
        let mut all = Vec::new();
        while let Some(one) = finished.recv().await {
            all.push(one);
        }
        add_up(&loads, &all, &peaks, settings)
    }))
}

fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(60)).build(connector)
}

async fn send(
    http: &Http,
    call: Call,
    timeout: Duration,
    answered: Option<Answered>,
    due: &Finished,
) -> (Outcome, Option<[f64; 4]>) {
    let of = call.of;
    let tell = |status: u16, headers: Option<&HeaderMap>| {
        let header = |name: HeaderName| headers?.get(name)?.to_str().ok();
        if let Some(answered) = &answered {
            answered(&Answer {
                of,
                status,
                etag: header(ETAG),
                location: header(LOCATION),
                retry_after: header(RETRY_AFTER).is_some(),
                degraded: header(DEGRADED).is_some(),
                endpoint: due.endpoint,
                took: due.intended.elapsed(),
            });
        }
    };
    let mut request = hyper::Request::new(Full::new(call.body.clone().unwrap_or_default()));
    *request.method_mut() = call.method;
    *request.uri_mut() = call.url;
    let headers = request.headers_mut();
    if call.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(token) = call.authorization {
        headers.insert(AUTHORIZATION, token);
    }
    for (name, value) in call.headers.iter() {
        headers.insert(name, value.clone());
    }
    if let Some(tag) = call.if_match {
        headers.insert(HeaderName::from_static("if-match"), tag);
    }
    let answer = async {
        let response = http.request(request).await.map_err(|_| ())?;
        let status = response.status().as_u16();
        let timing = response.headers().get("server-timing").and_then(|value| server_timing(value.to_str().ok()?));
        let (head, body) = response.into_parts();
        // Done is when the last byte is here, not the first.
        body.collect().await.map_err(|_| ())?;
        Ok::<_, ()>((status, head.headers, timing))
    };
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok((status, headers, timing))) => {
            tell(status, Some(&headers));
            (Outcome::of_status(status), timing)
        }
        Ok(Err(())) => {
            tell(0, None);
            (Outcome::Connect, None)
        }
        Err(_) => {
            tell(0, None);
            (Outcome::Timeout, None)
        }
    }
}

/// queue, pool, db, app in milliseconds, from `queue;dur=0.1, pool;dur=…`; a missing one is 0.
fn server_timing(header: &str) -> Option<[f64; 4]> {
    let duration = |name: &str| {
        header.split(',').find_map(|part| {
            let mut fields = part.trim().split(';');
            (fields.next()? == name)
                .then(|| fields.find_map(|field| field.trim().strip_prefix("dur=")?.parse().ok()))?
        })
    };
    let found = ["queue", "pool", "db", "app"].map(duration);
    found.iter().any(Option::is_some).then(|| found.map(|value: Option<f64>| value.unwrap_or(0.0)))
}

fn add_up(loads: &[Load], all: &[Finished], peaks: &[usize], settings: Settings) -> Vec<ServiceRecord> {
    let settle_ns = settings.settle.as_nanos() as u64;
    // The pacer's start, recovered from any one request, tells warm-up from measured ones.
    let mut records: Vec<ServiceRecord> = loads
        .iter()
        .zip(peaks)
        .map(|(load, &in_flight_max)| {
            let last_ns = load.arrivals.last().map_or(0, |arrival| arrival.at_ns);
            ServiceRecord {
                service: load.service.clone(),
                driven: load.arrivals.len() as u64,
                measured_s: last_ns.saturating_sub(settle_ns) as f64 / 1e9,
                in_flight_max,
                ..ServiceRecord::default()
            }
        })
        .collect();
    let Some(first) = all.iter().map(|one| one.intended).min() else {
        return records;
    };
    let first_ns =
        loads.iter().filter_map(|load| load.arrivals.first()).map(|arrival| arrival.at_ns).min().unwrap_or(0);
    let measured_from = first + settings.settle - Duration::from_nanos(first_ns.min(settle_ns));
    for one in all.iter().filter(|one| one.intended >= measured_from) {
        let name = loads[one.load].endpoints.get(usize::from(one.endpoint)).map_or("unknown", String::as_str);
        records[one.load].add(name, one, settings.timeout);
    }
    for (index, record) in records.iter_mut().enumerate() {
        let of: Vec<&Finished> = all.iter().filter(|one| one.load == index).collect();
        record.backlog = (1..=record.measured_s.round() as u64)
            .map(|second| unanswered(&of, measured_from + Duration::from_secs(second)))
            .collect();
    }
    records
}

/// How many were intended by `moment` and had no answer then.
fn unanswered(all: &[&Finished], moment: Instant) -> u64 {
    let lost = |outcome| matches!(outcome, Outcome::Shed | Outcome::Timeout | Outcome::Connect);
    all.iter().filter(|one| one.intended <= moment && (one.done > moment || lost(one.outcome))).count() as u64
}

#[cfg(test)]
mod tests {
    use super::server_timing;

    #[test]
    fn reads_server_timing() {
        assert_eq!(server_timing("queue;dur=0.5, pool;dur=1, db;dur=2.25, app;dur=3"), Some([0.5, 1.0, 2.25, 3.0]));
        assert_eq!(server_timing("db;dur=2"), Some([0.0, 0.0, 2.0, 0.0]));
        assert_eq!(server_timing("cache;desc=hit"), None);
    }
}
