//! What clients may ask: how much they may write, whose address counts, which pages are let in, and how large a head is.

use std::io::{Read, Write};
use std::net::TcpStream;

use kit::Common;
use kit::auth::Scope;
use serde_json::json;

use crate::http::{Answer, get, json as send_json, send, until};
use crate::sample::{Settings, World};

fn world(change: impl FnOnce(&mut Common)) -> World {
    World::with(Settings::default(), change)
}

fn create(world: &World, name: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "name": name });
    send_json("POST", &world.url("/organisations"), headers, &body)
}

fn refused(answer: &Answer) {
    answer.problem(429);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[test]
fn one_address_may_write_so_often_and_read_as_it_likes() {
    let world = world(|common| common.clients.write_limit_per_address = 2);
    assert_eq!(create(&world, "a", &[]).status, 201);
    // A refused write costs as much as one that is done: it is the asking that is limited.
    create(&world, "", &[]).problem(422);
    refused(&create(&world, "b", &[]));
    // Claims about where one comes from are worth nothing while no proxy is trusted.
    refused(&create(&world, "b", &[("x-forwarded-for", "1.2.3.4")]));
    for _ in 0..5 {
        assert_eq!(get(&world.url("/organisations"), &[]).status, 200);
    }
}

#[test]
fn one_token_may_write_so_often_and_others_still_may() {
    let world = world(|common| common.clients.write_limit_per_token = 1);
    let tokens = [(); 2].map(|()| world.token(Scope::Operator, None));
    let write = |token: &str| create(&world, "", &[("authorization", token)]);
    write(&tokens[0]).problem(422);
    refused(&write(&tokens[0]));
    write(&tokens[1]).problem(422);
    create(&world, "", &[]).problem(422);
}

#[test]
fn behind_a_trusted_proxy_the_clients_count_and_not_the_proxy() {
    let world = world(|common| {
        common.clients.write_limit_per_address = 1;
        common.clients.trusted_proxies = "127.0.0.0/8".parse().unwrap();
    });
    let from = |forwarded: &str| create(&world, "", &[("x-forwarded-for", forwarded)]);
    from("1.1.1.1").problem(422);
    refused(&from("1.1.1.1"));
    from("2.2.2.2").problem(422);
    refused(&from("9.9.9.9, 2.2.2.2"));
}

#[test]
fn pages_of_other_origins_are_let_in_by_name_alone() {
    let origin = ("origin", "https://app.example");
    let preflight =
        [origin, ("access-control-request-method", "PATCH"), ("access-control-request-headers", "authorization")];
    let closed = world(|_| {});
    let url = closed.url("/organisations");
    for answer in [get(&url, &[origin]), send("OPTIONS", &url, &preflight, None)] {
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let open = world(|common| common.clients.cors_origins = origin.1.parse().unwrap());
    let url = open.url("/organisations");
    let asked = send("OPTIONS", &url, &preflight, None);
    assert_eq!(asked.status, 204);
    assert!(asked.header("access-control-allow-methods").contains("PATCH"));
    assert!(asked.header("access-control-allow-headers").contains("If-Match"));
    for answer in [&asked, &get(&url, &[origin]), &get(&open.url("/nothing"), &[origin])] {
        assert_eq!(answer.header("access-control-allow-origin"), origin.1);
        assert_eq!(answer.header("vary"), "Origin");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let other = [("origin", "https://app.example.evil")];
    assert_eq!(get(&url, &other).header("access-control-allow-origin"), "");
    let preflight = [other[0], preflight[1]];
    assert_eq!(send("OPTIONS", &url, &preflight, None).status, 405);
}

#[test]
fn heads_have_their_limits() {
    let world = world(|_| {});
    let address = world.service.url.strip_prefix("http://").unwrap();
    let answered = |headers: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    // 128 KiB without an end, and not a byte more: what is never read resets the connection. And 96 of them.
    let begun = "GET /healthz HTTP/1.1\r\nhost: x\r\nx: ".len();
    let large = format!("x: {}", "x".repeat(128 * 1024 - begun));
    assert_eq!(answered(&large), "431");
    assert_eq!(answered(&("x: y\r\n".repeat(120) + "\r\n")), "431");
    let url = world.url("/organisations");
    assert_eq!(get(&url, &[]).status, 200);
}

#[test]
fn what_a_service_says_of_itself_is_below_its_name_as_well() {
    let world = world(|_| {});
    for name in ["openapi.json", "docs"] {
        let [root, own] = ["", "/account"].map(|prefix| get(&format!("{}{prefix}/{name}", world.service.url), &[]));
        assert_eq!((own.status, own.text()), (200, root.text()), "{name}");
    }
}

#[test]
fn one_address_may_hold_so_many_connections() {
    let world = world(|common| common.clients.connections_per_address = 2);
    let address = world.service.url.strip_prefix("http://").unwrap();
    let ask = |stream: &mut TcpStream| {
        // Refused connections may be reset while this is written.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
        let mut some = [0; 4096];
        let length = stream.read(&mut some).unwrap_or(0);
        some[..length].starts_with(b"HTTP/1.1 200")
    };
    let connect = || {
        let mut stream = TcpStream::connect(address).unwrap();
        ask(&mut stream).then_some(stream)
    };
    let mut held = [connect().unwrap(), connect().unwrap()];
    assert!(connect().is_none(), "a third is closed");
    assert!(held.iter_mut().all(ask), "those that are there stay");
    drop(held);
    until("their places are free again", connect);
}
