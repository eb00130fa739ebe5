//! One read of an API taken apart: what each service does for it and when, as they log it (`LOG=info,span=debug`).

use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::spans::{Span, SpanKind, Waterfall};
use crate::Failure;
use crate::experiments::paired::{Plan, drive};
use crate::result::text::capital;
use crate::system::{Deployment, Site, agent, services};

/// Requests that are sent for one picture, one after the other.
const REQUESTS: usize = 101;
/// How far a part may stick out of its whole, in milliseconds: a line's time is taken a moment after its end.
const SLACK_MS: f64 = 0.3;
/// What every service's path begins with here.
const PREFIX: &str = "/api/v1/organisations/{org}";

/// Has the services log spans, and sends them reads one at a time.
pub(super) fn of(architecture: &str, deployment: &Deployment, plan: Plan) -> Result<Waterfall, Failure> {
    eprintln!("Taking one read apart: {architecture}");
    for name in services::names() {
        deployment.set_environment(name, vec![("LOG".to_owned(), "info,span=debug".to_owned())])?;
    }
    deployment.stop_services()?;
    deployment.start_services()?;
    drive(deployment, plan.rate_per_s, super::WARM_S, plan.seed)?;
    let lengths: Vec<(&str, u64)> = services::names().map(|name| (name, length(deployment, name))).collect();
    let mut sent = (0..REQUESTS).map(|_| send(deployment)).collect::<Result<Vec<_>, _>>()?;
    sent.sort_by(|one, other| one.took_ms.total_cmp(&other.took_ms));
    let Some(median) = sent.get(REQUESTS / 2) else { return Err(Failure::could_not_run("Nothing was sent.")) };
    let mut lines = Vec::new();
    for (name, from) in lengths {
        lines.extend(read_log(deployment, name, from)?.into_iter().map(|line| (name, line)));
    }
    let called =
        |url: &str| services::names().find(|name| deployment.url(name).is_ok_and(|base| url.starts_with(base)));
    Ok(Waterfall { architecture: architecture.to_owned(), requests: REQUESTS, spans: tree(median, &lines, called) })
}

/// A request that was sent.
struct Sent {
    trace_id: String,
    at: DateTime<Utc>,
    took_ms: f64,
}

fn send(deployment: &Deployment) -> Result<Sent, Failure> {
    let first = deployment.data().organisations.first();
    let of = first.ok_or_else(|| Failure::could_not_run("The data set has no organisation."))?;
    let api = of.apis.first().ok_or_else(|| Failure::could_not_run("The organisation has no API."))?;
    let url = format!("{}/api/v1/organisations/{}/apis/{api}", deployment.url("registry")?, of.id);
    let trace_id = format!("{:032x}", rand::random::<u128>());
    let request = agent()
        .get(&url)
        .header("authorization", of.token.to_str().unwrap_or_default())
        .header("traceparent", format!("00-{trace_id}-{:016x}-01", rand::random::<u64>()));
    let (at, began) = (Utc::now(), Instant::now());
    let answer = request.call().and_then(|mut answer| answer.body_mut().read_to_string());
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    answer.map(|_| Sent { trace_id, at, took_ms }).map_err(|error| Failure::could_not_run(format!("{url}: {error}.")))
}

/// What is read of a line of a service's log.
#[derive(Debug, Deserialize)]
struct Line {
    timestamp: DateTime<Utc>,
    message: String,
    request_id: Option<String>,
    trace_id: Option<String>,
    method: Option<String>,
    route: Option<String>,
    url: Option<String>,
    noun: Option<String>,
    /// Of calls and of statements on connections beside the pools.
    ms: Option<f64>,
    /// Of statements of the product: when their answer was there, after the request's start.
    at_ms: Option<f64>,
    #[serde(default)]
    queue_ms: f64,
    #[serde(default)]
    pool_ms: f64,
    #[serde(default)]
    db_ms: f64,
    #[serde(default)]
    app_ms: f64,
    #[serde(default)]
    neighbours_ms: f64,
}

fn length(deployment: &Deployment, service: &str) -> u64 {
    std::fs::metadata(log_of(deployment, service)).map_or(0, |file| file.len())
}

fn log_of(deployment: &Deployment, service: &str) -> std::path::PathBuf {
    deployment.home().join(format!("logs/{service}.log"))
}

/// The log's lines from there on: a service writes a request's last one before it answers.
fn read_log(deployment: &Deployment, service: &str, from: u64) -> Result<Vec<Line>, Failure> {
    let (path, mut text) = (log_of(deployment, service), String::new());
    let read = std::fs::File::open(&path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_string(&mut text)
    });
    read.map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", path.display())))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Everything that was done for a request; `called` says whose a URL is.
fn tree<'a>(sent: &Sent, lines: &[(&'a str, Line)], called: impl Fn(&str) -> Option<&'a str>) -> Vec<Span> {
    let at = |line: &Line| (line.timestamp - sent.at).as_seconds_f64() * 1000.0;
    let mine = |line: &Line| line.trace_id.as_deref() == Some(&*sent.trace_id);
    let span = |kind, service: &str, name: &str, start_ms, end_ms| Span {
        kind,
        service: service.to_owned(),
        name: name.to_owned(),
        depth: 0,
        start_ms,
        end_ms,
    };
    let mut requests: Vec<Span> = Vec::new();
    let mut parts: Vec<(Span, Option<&str>)> = Vec::new();
    for (service, line) in lines.iter().filter(|(_, line)| mine(line)) {
        let (end, ms) = (at(line), line.ms.unwrap_or_default());
        match (line.message.as_str(), &line.url) {
            ("request", _) => {
                let took = line.queue_ms + line.pool_ms + line.db_ms + line.app_ms + line.neighbours_ms;
                let route = line.route.as_deref().unwrap_or_default();
                let route = route.strip_prefix(PREFIX).unwrap_or(route);
                let name = format!("{} {route}", line.method.as_deref().unwrap_or_default());
                requests.push(span(SpanKind::Request, service, &name, end - took, end));
                let own = lines.iter().filter(|(of, part)| of == service && part.request_id == line.request_id);
                parts.extend(own.filter_map(|(_, part)| {
                    let end = end - took + part.at_ms?;
                    Some((span(SpanKind::Statement, service, "", end - part.db_ms, end), None))
                }));
            }
            ("statement", _) => {
                let noun = line.noun.as_deref().unwrap_or_default();
                parts.push((span(SpanKind::Statement, service, noun, end - ms, end), None));
            }
            ("call", Some(url)) => {
                let to = called(url);
                let name = to.map_or_else(|| url.clone(), capital);
                parts.push((span(SpanKind::Call, service, &name, end - ms, end), to));
            }
            _ => {}
        }
    }
    requests.sort_by(|one, other| one.start_ms.total_cmp(&other.start_ms));
    parts.sort_by(|(one, _), (other, _)| one.start_ms.total_cmp(&other.start_ms));
    let mut spans = vec![span(SpanKind::Request, "client", "", 0.0, sent.took_ms)];
    let whole = spans[0].clone();
    add_requests(&mut spans, &whole, "registry", &requests, &parts);
    spans
}

fn within(part: &Span, whole: &Span) -> bool {
    part.start_ms >= whole.start_ms - SLACK_MS && part.end_ms <= whole.end_ms + SLACK_MS
}

/// The requests at `service` inside of `whole`, each with its parts.
fn add_requests(spans: &mut Vec<Span>, whole: &Span, service: &str, requests: &[Span], parts: &[(Span, Option<&str>)]) {
    for request in requests.iter().filter(|request| request.service == service && within(request, whole)) {
        let request = Span { depth: whole.depth + 1, ..request.clone() };
        spans.push(request.clone());
        for (part, to) in parts.iter().filter(|(part, _)| part.service == service && within(part, &request)) {
            let part = Span { depth: request.depth + 1, ..part.clone() };
            spans.push(part.clone());
            if let Some(to) = to {
                add_requests(spans, &part, to, requests, parts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(ms: i64, more: serde_json::Value) -> Line {
        let mut line = json!({"timestamp": DateTime::from_timestamp_millis(1_000_000 + ms).unwrap(), "trace_id": "t"});
        let more = more.as_object().unwrap().clone();
        line.as_object_mut().unwrap().extend(more);
        serde_json::from_value(line).unwrap()
    }

    /// A read with a statement of its own, a look at a copy and a call, which is a request with a statement at the neighbour; and
    /// what others do meanwhile, which is no part of it.
    #[test]
    fn a_request_is_made_of_what_was_done_for_it() {
        let sent =
            Sent { trace_id: "t".into(), at: DateTime::from_timestamp_millis(1_000_000).unwrap(), took_ms: 10.0 };
        let request = json!({"message": "request", "request_id": "r", "method": "GET", "db_ms": 2.0, "app_ms": 7.0,
            "route": "/api/v1/organisations/{org}/apis/{api}"});
        let lines = [
            ("registry", line(5, json!({"message": "statement", "noun": "standings", "ms": 2.0}))),
            ("registry", line(8, json!({"message": "call", "url": "http://b/internal/v1/standings?ids=x", "ms": 4.0}))),
            (
                "registry",
                line(
                    4,
                    json!({"message": "statement", "request_id": "r", "trace_id": null, "db_ms": 2.0, "at_ms": 3.0}),
                ),
            ),
            (
                "registry",
                line(4, json!({"message": "statement", "request_id": "other", "trace_id": null, "at_ms": 3.0})),
            ),
            ("registry", line(10, request)),
            ("billing", line(7, json!({"message": "statement", "noun": "standings", "ms": 1.0}))),
            ("billing", line(7, json!({"message": "statement", "noun": "standings", "ms": 1.0, "trace_id": "u"}))),
            (
                "billing",
                line(
                    7,
                    json!({"message": "request", "request_id": "s", "method": "GET", "app_ms": 2.0, "route": "/x"}),
                ),
            ),
        ];
        let called = |url: &str| url.starts_with("http://b/").then_some("billing");
        let spans = tree(&sent, &lines, called);
        let shown: Vec<(usize, String, f64, f64)> =
            spans.iter().map(|span| (span.depth, span.title(), span.start_ms, span.end_ms)).collect();
        let expected = [
            (0, "Client asks and is answered", 0.0, 10.0),
            (1, "Registry: GET /apis/{api}", 1.0, 10.0),
            (2, "Registry: statement", 2.0, 4.0),
            (2, "Registry: statement, standings", 3.0, 5.0),
            (2, "Registry calls Billing", 4.0, 8.0),
            (3, "Billing: GET /x", 5.0, 7.0),
            (4, "Billing: statement, standings", 6.0, 7.0),
        ];
        assert_eq!(shown, expected.map(|(depth, title, start, end)| (depth, title.to_owned(), start, end)));
    }
}
