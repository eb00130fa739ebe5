//! Bad input of every kind is a 4xx problem with the field named, and never a 5xx.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kit::auth::Scope;
use serde_json::{Value, json};

use crate::http::{get, json as send_json, send};
use crate::sample::World;

fn field(problem: &Value) -> &str {
    problem["errors"][0]["field"].as_str().unwrap_or_default()
}

#[test]
fn bodies() {
    let world = World::new();
    let url = world.url("/organisations");
    let post = |content_type: &str, body: &[u8]| send("POST", &url, &[("content-type", content_type)], Some(body));
    let typed = "application/json";
    let table: &[(&[u8], u16, &str)] = &[
        (b"", 400, ""),
        (b"{", 400, ""),
        (b"{\"name\":\"\xff\"}", 400, "name"),
        (br#"{"name":"\udc00"}"#, 400, "name"),
        (br#"{"name":7}"#, 400, "name"),
        (br#"{"name":"a","nick":"b"}"#, 400, "nick"),
        (br#"{"name":"a","name":"b"}"#, 400, "name"),
        (br#"{}"#, 400, "name"),
        (br#"["a"]"#, 400, ""),
        (br#"{"name":"a\u0000b"}"#, 422, "name"),
    ];
    for (body, status, name) in table {
        let problem = post(typed, body).problem(*status);
        assert_eq!(field(&problem), *name, "{problem}");
    }
    let long = json!({ "name": "x".repeat(10_000) }).to_string();
    assert_eq!(field(&post(typed, long.as_bytes()).problem(422)), "name");
    post(typed, "[".repeat(100_000).as_bytes()).problem(400);
    post("text/plain", b"{}").problem(415);
    send("POST", &url, &[], Some(b"{}")).problem(415);
    post("application/json; charset=latin1", b"{}").problem(415);
    let twice = |other| [("content-type", "application/json"), ("content-type", other)];
    send("POST", &url, &twice("text/plain"), Some(b"{}")).problem(415);
    assert_ne!(send("POST", &url, &twice("application/json"), Some(b"{}")).status, 415, "twice the same");
    post(typed, &vec![b' '; 300 * 1024]).problem(413);
    post(typed, &vec![b' '; 7 * 1024 * 1024]).problem(413);
    // More than is worth reading isn't waited for; who sends on nevertheless may find the connection closed.
    let head = "POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 12582912\r\n\r\n";
    let answer = raw(&url, head);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(post("application/json; charset=UTF-8", br#"{"name":"fine"}"#).status, 201);
    // Exactly the limit is taken.
    let mut edge = br#"{"name":"edge"}"#.to_vec();
    edge.resize(256 * 1024, b' ');
    assert_eq!(post(typed, &edge).status, 201);
}

/// The answer to bytes as no proper client sends them; the connection stays open meanwhile.
fn raw(url: &str, request: &str) -> String {
    let (address, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    // Below the time that a body may take.
    let patience = Some(Duration::from_secs(12));
    connection.set_read_timeout(patience).unwrap();
    let request = request.replace("PATH", &format!("/{path}"));
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        let mut some = [0; 4096];
        match connection.read(&mut some) {
            Ok(0) => break,
            Ok(read) => text.extend_from_slice(&some[..read]),
            Err(error) => panic!("no whole answer: {error}"),
        }
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn another_protocol_is_no_body_to_wait_for() {
    let world = World::new();
    let upgrade = "connection: upgrade\r\nupgrade: WebSocket\r\n";
    let get = format!("GET PATH HTTP/1.1\r\nhost: x\r\n{upgrade}\r\n");
    let answer = raw(&world.url("/organisations?limit=0"), &get);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains(r#""field":"limit""#), "{answer}");
    let connect = "CONNECT PATH HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = raw(&world.url("/organisations"), connect);
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[test]
fn a_body_that_breaks_off_is_said_so() {
    let world = World::new();
    let head = "POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let chunks = format!("{head}transfer-encoding: chunked\r\n\r\nno number\r\n");
    let answer = raw(&world.url("/organisations"), &chunks);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let detail = r#""detail":"the body ended early""#;
    assert!(answer.contains(detail), "{answer}");
}

#[test]
fn parameters() {
    let world = World::new();
    for (query, name) in [
        ("/organisations?limit=0", "limit"),
        ("/organisations?limit=201", "limit"),
        ("/organisations?limit=x", "limit"),
        ("/organisations?cursor=elsewhere", "cursor"),
        ("/organisations?other=1", "other"),
        ("/organisations?limit=1&limit=2", "limit"),
        ("/numbers?n=%ff", "n"),
        ("/numbers?n=1%00", "n"),
        ("/numbers?n=99999999999", "n"),
        ("/numbers?n=1&m=2", "m"),
        ("/numbers", "n"),
    ] {
        let problem = get(&world.url(query), &[]).problem(400);
        assert_eq!(field(&problem), name, "{query}: {problem}");
    }
    assert_eq!(get(&world.url("/numbers?n=-7"), &[]).json(), -7);
    let token = world.token(Scope::Member, Some(world.organisation("Acme")));
    let no_uuid = get(&world.url("/organisations/12"), &[("authorization", &token)]);
    assert_eq!(field(&no_uuid.problem(400)), "org");
}

#[test]
fn paths_methods_and_types_that_are_not_offered() {
    let world = World::new();
    let wrong = send("PUT", &world.url("/organisations"), &[], Some(b""));
    wrong.problem(405);
    assert_eq!(wrong.header("allow"), "POST, GET, HEAD");
    send("BREW", &world.url("/organisations"), &[], None).problem(405);
    get(&world.url("/nothing"), &[]).problem(404);
    get(&format!("{}/nothing", world.service.url), &[]).problem(404);
    send("POST", &format!("{}/healthz", world.service.url), &[], Some(b"")).problem(405);
    get(&world.url("/organisations"), &[("accept", "text/html")]).problem(406);
    assert_eq!(get(&world.url("/organisations"), &[("accept", "text/html, */*;q=0.1")]).status, 200);
}

#[test]
fn pages_lead_through_everything_once() {
    let world = World::new();
    let names: Vec<_> = (0..5).map(|n| format!("org {n}")).collect();
    for name in &names {
        world.organisation(name);
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = get(&world.url(&format!("/organisations{query}")), &[]).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, names);
    assert_eq!(
        send_json("POST", &world.url("/organisations"), &[], &json!({ "name": "ORG 1" })).problem(409)["type"],
        "https://govrnanza.example/problems/name-taken"
    );
}
