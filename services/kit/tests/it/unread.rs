//! What can't be read as HTTP, over a raw socket: a problem document like every other error, and the connection ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::sample::{Settings, World};

/// The answers to these bytes, until the connection ends: of each its status, its headers and its body.
fn answers(world: &World, bytes: &[u8]) -> Vec<(u16, String, Vec<u8>)> {
    let mut stream = TcpStream::connect(world.service.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let (mut rest, mut answers) = (&all[..], Vec::new());
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(rest[..end].to_vec()).unwrap().to_ascii_lowercase();
        // The last may be of HEAD, which has the length and no body.
        let length = value(&head, "content-length").parse::<usize>().unwrap().min(rest.len() - end);
        answers.push((head[9..12].parse().unwrap(), head, rest[end..end + length].to_vec()));
        rest = &rest[end + length..];
    }
    answers
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {head}"))
}

#[track_caller]
fn problem((status, head, body): &(u16, String, Vec<u8>), expected: u16, slug: &str) {
    assert_eq!((*status, value(head, "content-type")), (expected, "application/problem+json"), "{head}");
    let problem: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(problem["status"], expected);
    assert_eq!(problem["type"], format!("https://govrnanza.example/problems/{slug}"));
    assert_eq!(problem["instance"], value(head, "x-request-id"));
    assert!(!problem["instance"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
    assert_eq!((value(head, "cache-control"), value(head, "x-content-type-options")), ("no-store", "nosniff"));
    assert_eq!(value(head, "connection"), "close", "{head}");
    value(head, "date");
}

#[test]
fn what_is_no_http_is_answered_by_a_problem() {
    let world = World::with(Settings::default(), |common| common.clients.head_wait_ms = 1000);
    // 128 KiB without an end, and not a byte more: what is never read resets the connection.
    let begun = "GET /healthz HTTP/1.1\r\nhost: x\r\nx: ";
    let large = begun.to_owned() + &"x".repeat(128 * 1024 - begun.len());
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(120));
    let lengths =
        "POST /api/v1/organisations HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    for (bytes, status, slug) in [
        ("nonsense\r\n\r\n", 400, "bad-request"),
        ("GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n", 400, "bad-request"),
        ("GET /healthz HTTP/1.1\r\nbad header\r\n\r\n", 400, "bad-request"),
        (lengths, 400, "bad-request"),
        (&large, 431, "headers-too-large"),
        (&many, 431, "headers-too-large"),
        ("GET /healthz HTTP/1.1\r\nhost: x", 408, "request-timeout"),
    ] {
        let all = answers(&world, bytes.as_bytes());
        assert_eq!(all.len(), 1, "{bytes:.60}");
        problem(&all[0], status, slug);
    }
}

#[test]
fn an_answer_before_it_is_whole() {
    let world = World::new();
    let all = answers(
        &world,
        b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\nHEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert_eq!((all.len(), all[0].0, all[1].0), (2, 200, 200));
    let all = answers(&world, b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n");
    assert_eq!((all.len(), all[0].0), (2, 200));
    assert!(serde_json::from_slice::<Value>(&all[0].2).is_ok());
    problem(&all[1], 400, "bad-request");
}

#[test]
fn a_bad_chunk_is_answered_once() {
    let world = World::new();
    let head = "POST /api/v1/organisations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunk in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}nonsense\r\n0\r\n\r\n", "fffffffffffffffff\r\n"] {
        let all = answers(&world, format!("{head}{chunk}").as_bytes());
        assert_eq!((all.len(), all[0].0, value(&all[0].1, "content-type")), (1, 400, "application/problem+json"));
    }
}
