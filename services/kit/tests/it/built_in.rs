//! What every service serves and every answer carries.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::http::{get, json as send_json, send};
use crate::sample::{Settings, World, routes};

#[test]
fn readiness_needs_every_column() {
    let world = World::new();
    let ready = get(&format!("{}/readyz", world.service.url), &[]);
    assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true })));
    assert_eq!(get(&format!("{}/healthz", world.service.url), &[]).status, 200);
    let broken = World::with(Settings { broken: true, ..Settings::default() }, |_| {});
    let not = get(&format!("{}/readyz", broken.service.url), &[]);
    assert_eq!(not.status, 503);
    assert!(not.text().contains("broken"), "{}", not.text());
    assert_eq!(not.header("retry-after"), "1");
}

#[test]
fn every_answer_says_which_request_it_is_and_where_its_time_went() {
    let world = World::new();
    let given = get(&world.url("/organisations"), &[("x-request-id", "abc-1")]);
    assert_eq!(given.header("x-request-id"), "abc-1");
    let timing = given.header("server-timing");
    let parts: Vec<(&str, f64)> = timing
        .split(", ")
        .map(|part| part.split_once(";dur=").map(|(name, ms)| (name, ms.parse().unwrap())).unwrap())
        .collect();
    assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), ["queue", "pool", "db", "app"]);
    assert!(parts[2].1 > 0.0, "the database took no time: {timing}");
    for bad in ["with space", &"x".repeat(129)] {
        let made = get(&world.url("/nothing"), &[("x-request-id", bad)]);
        assert_eq!(made.header("x-request-id").len(), 36, "{bad}");
        assert!(!made.header("server-timing").is_empty());
    }
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("cache-control", "no-store"), ("x-frame-options", "DENY")]
    {
        assert_eq!(given.header(name), value);
    }
    assert!(given.header("content-security-policy").starts_with("default-src 'none'"));
}

#[test]
fn metrics_count_by_pattern_and_never_by_path() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    world.find(organisation);
    get(&world.url("/nothing/at/all"), &[]);
    let metrics = get(&format!("{}/metrics", world.service.url), &[]).text();
    let line = |parts: &[&str]| metrics.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(
        line(&["http_requests_total", "route=\"/api/v1/organisations/{org}\"", "method=\"GET\"", "status=\"200\""]),
        "{metrics}"
    );
    assert!(line(&["http_requests_total", "route=\"unmatched\"", "status=\"404\""]), "{metrics}");
    assert!(line(&["http_request_duration_seconds_bucket"]));
    assert!(line(&["pool_connections", "pool=\"read\"", "service=\"account\""]));
    assert!(line(&["pool_wait_seconds_total"]) && line(&["queue_jobs"]));
    assert!(!metrics.contains(&organisation.to_string()));
}

#[test]
fn the_contract_is_served_for_programs_and_people() {
    let world = World::new();
    assert_eq!(get(&format!("{}/openapi.json", world.service.url), &[]).json()["info"]["title"], "Sample");
    let page = get(&format!("{}/docs", world.service.url), &[]);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text().contains("<h1>Sample"));
}

#[test]
fn our_mistakes_are_told_without_their_cause() {
    let world = World::new();
    let panicked = send("POST", &world.url("/panic"), &[], Some(b"")).problem(500);
    assert_eq!(panicked["type"], "https://govrnanza.example/problems/internal");
    send("POST", &world.url("/forbidden"), &[], Some(b"")).problem(500);
    get(&world.url("/on-the-loop"), &[]).problem(500);
    // What the panic had written is gone, and its connection with it: the name is free, and all goes on.
    for _ in 0..8 {
        send("POST", &world.url("/panic"), &[], Some(b"")).problem(500);
    }
    assert_eq!(send_json("POST", &world.url("/organisations"), &[], &json!({ "name": "never" })).status, 201);
}

#[test]
fn routes_can_be_compared_with_the_contract() {
    let list = routes().list();
    assert!(list.contains(&("PATCH".to_owned(), "/api/v1/organisations/{org}".to_owned())));
    assert!(list.contains(&("GET".to_owned(), "/api/v1/account-changes".to_owned())));
}

/// Everything that comes on a connection which the service is asked to close, and nothing is left out.
fn raw(address: &str, method: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn head_is_get_without_its_body() {
    let world = World::new();
    let address = world.service.url.trim_start_matches("http://");
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs", "/account/docs", "/api/v1/organisations"] {
        let [get, head] = ["GET", "HEAD"].map(|method| raw(address, method, path));
        assert!(get.starts_with("HTTP/1.1 200 OK\r\n") && head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "a body: {head}");
        let (get_head, body) = get.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(!body.is_empty() && get_head.contains(&length) && head.contains(&length), "{path}: {head}");
    }
    assert_eq!(send("POST", &format!("{}/healthz", world.service.url), &[], Some(b"")).header("allow"), "GET, HEAD");
}

/// A layer around an endpoint: it runs inside of what every endpoint has, sees the body that the handler sees, and never runs where the
/// path refuses the method.
#[test]
fn a_layer_is_around_the_endpoints_alone() {
    let world = World::new();
    let layered = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let answer = send(method, &world.url(path), headers, Some(body));
        (answer.status, answer.header("x-layered").to_owned())
    };
    assert_eq!(layered("POST", "/layered", &[], b"{}"), (200, "2".to_owned()));
    assert_eq!(layered("POST", "/layered", &[("accept", "text/html")], b"{}"), (406, String::new()));
    assert_eq!(layered("PUT", "/layered", &[], b"{}"), (405, String::new()));
    assert_eq!(layered("POST", "/panic", &[], b""), (500, String::new()), "added after it");
}
