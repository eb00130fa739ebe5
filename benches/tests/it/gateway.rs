//! Two instances of every service behind one origin: whoever uses the contract can't tell.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use behaviour::assert::eventually;
use behaviour::table::operations;
use lab::system::gateway;
use lab::system::gateway::{Gateway, Limit};
use lab::system::{Deployment, Options};
use schema::testing::needs;

use crate::support::{suites, urls, world};

fn up() -> Option<Deployment> {
    needs(gateway::program().ok_or("nginx isn't installed"))?;
    let options = Options { ephemeral: true, gateway: true, instances: 2, ..Options::default() };
    Some(Deployment::start(&options, |_| {}).unwrap())
}

#[test]
fn the_suites_pass_through_one_origin_with_two_instances_of_each_service() {
    let Some(up) = up() else { return };
    let direct = world(up.place());
    let origin = up.place().gateway.clone().unwrap();
    let mut behind = up.place().clone();
    behind.services.values_mut().for_each(|url| url.clone_from(&origin));
    let gateway = world(&behind);
    // Each path leads to its own service: without a token an endpoint of another would be a 404.
    for name in lab::system::services::names() {
        let api = gateway.services.client.api(&origin);
        let page = api.root(&format!("/{name}/docs")).send().expect(200);
        assert_eq!(page.text(), direct.service(name).root("/docs").send().text());
        let document = api.root(&format!("/{name}/openapi.json")).send().expect(200);
        for operation in operations(&document.json()) {
            let id = |name: &str| match name {
                "number" => "1.0".to_owned(),
                "code" => "free".to_owned(),
                _ => uuid::Uuid::from_u128(7).to_string(),
            };
            let path = operation.path_with(id);
            let [there, here] =
                [&direct.service(name), &api].map(|api| api.raw(&operation.method, &path).send().status);
            assert_eq!(here, there, "{} {path}", operation.method);
        }
    }
    for inside in ["/metrics", "/readyz", "/healthz", "/account/metrics", "/"] {
        assert_eq!(gateway.services.client.api(&origin).root(inside).send().status, 404, "{inside}");
    }
    assert_eq!(urls(&behind).billing.as_deref(), Some(origin.as_str()));
    for suite in suites() {
        behaviour::run(&gateway, &suite);
    }
    too_many(&up);
    refusals(&up, &origin);
}

/// What nginx refuses by itself is a problem document, like everything else.
fn refusals(up: &Deployment, origin: &str) {
    let head = "Host: x\r\nConnection: close\r\n";
    let of = |request: String| problem_of(origin, &request);
    let get = "GET /api/v1/plans";
    assert_eq!(of(format!("nonsense\r\n{head}\r\n")).0, 400);
    let long = "x".repeat(20_000);
    let (status, _) = of(format!("{get} HTTP/1.1\r\n{head}X-Long: {long}\r\n\r\n"));
    assert_eq!(status, 431);
    let (status, _) = of(format!("{get}?{long} HTTP/1.1\r\n{head}\r\n"));
    assert_eq!(status, 431);
    let length = "Content-Length: 2000000\r\n";
    let (status, _) = of(format!("POST /api/v1/sessions HTTP/1.1\r\n{head}{length}\r\n"));
    assert_eq!(status, 413);
    for name in ["notification", "notification-2"] {
        up.stop_service(name).unwrap();
    }
    let (status, text) = of(format!("GET /api/v1/deliveries HTTP/1.1\r\n{head}\r\n"));
    assert_eq!(status, 503);
    assert!(text.contains("\r\nRetry-After: 1\r\n"), "{text}");
}

/// As many requests at once as one address may have under way (`limit_conn`), their bodies awaited: one more is refused
/// until they end.
fn too_many(up: &Deployment) {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], schema::ports::free_port().unwrap()));
    let mut urls: BTreeMap<&str, String> =
        lab::system::services::names().map(|name| (name, up.place().services[name].clone())).collect();
    urls.insert(gateway::PORT.name, format!("http://{address}"));
    let log = folder.path().join("log");
    let _nginx = Gateway::start(&urls, folder.path(), log, Limit::AsDeployed, &Arc::default()).unwrap();
    let ask = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let get = "GET /api/v1/plans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(get.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let begun: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let refused = eventually("a 429 beside a hundred others", || {
        Some(ask()).filter(|answer| answer.starts_with("HTTP/1.1 429 "))
    });
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    assert!(refused.contains("/problems/too-many-requests"), "{refused}");
    drop(begun);
    eventually("an answer once they have ended", || (!ask().starts_with("HTTP/1.1 429 ")).then_some(()));
}

/// The status of the answer and all of it, once it is seen that it is a problem with the request's id.
fn problem_of(origin: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).unwrap();
    // Who is refused early may find the connection closed while writing.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let kind = "\r\nContent-Type: application/problem+json\r\n";
    assert!(format!("{head}\r\n").contains(kind), "{request:.60}: {answer}");
    let body: behaviour::Value = serde_json::from_str(body).unwrap();
    let status = body["status"].as_u64().unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let id = body["instance"].as_str().unwrap();
    assert!(head.contains(&format!("X-Request-Id: {id}")), "{answer}");
    assert!(body["type"].as_str().unwrap().contains("/problems/"), "{answer}");
    (u16::try_from(status).unwrap(), answer)
}
