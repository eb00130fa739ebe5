//! Two instances of every service behind one origin: whoever uses the contract can't tell.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use behaviour::table::operations;
use lab::up::{Instance, Options, gateway};

use crate::support::{urls, world};

fn up() -> Option<Instance> {
    if gateway::program().is_none() {
        println!("skipped: nginx isn't installed (apt-get install nginx-light)");
        return None;
    }
    let options = Options {
        ephemeral: true,
        gateway: true,
        instances: 2,
        ..Options::default()
    };
    let stop = Arc::new(AtomicBool::new(false));
    Some(Instance::start(&options, &stop, |_| {}).unwrap())
}

#[test]
fn the_suites_pass_through_one_origin_with_two_instances_of_each_service() {
    let Some(up) = up() else { return };
    let direct = world(up.target());
    let origin = up.target().gateway.clone().unwrap();
    let mut behind = up.target().clone();
    behind
        .services
        .values_mut()
        .for_each(|url| url.clone_from(&origin));
    let gateway = world(&behind);
    // Each path leads to its own service: without a token an endpoint of another would be a 404.
    for name in lab::up::services::names() {
        let api = gateway.client.api(&origin);
        let page = api.root(&format!("/{name}/docs")).send().expect(200);
        assert_eq!(
            page.text(),
            direct.service(name).root("/docs").send().text()
        );
        let document = api
            .root(&format!("/{name}/openapi.json"))
            .send()
            .expect(200);
        for operation in operations(&document.json()) {
            let id = |name: &str| match name {
                "number" => "1.0".to_owned(),
                "code" => "free".to_owned(),
                _ => uuid::Uuid::from_u128(7).to_string(),
            };
            let path = operation.path_with(id);
            let [there, here] = [&direct.service(name), &api]
                .map(|api| api.raw(&operation.method, &path).send().status);
            assert_eq!(here, there, "{} {path}", operation.method);
        }
    }
    for inside in ["/metrics", "/readyz", "/healthz", "/account/metrics", "/"] {
        assert_eq!(
            gateway.client.api(&origin).root(inside).send().status,
            404,
            "{inside}"
        );
    }
    assert_eq!(urls(&behind).billing.as_deref(), Some(origin.as_str()));
    for suite in suites() {
        behaviour::run(&gateway, &suite);
    }
}

fn suites() -> [Vec<behaviour::Case>; 5] {
    [
        behaviour::account::suite(),
        behaviour::profile::suite(),
        behaviour::registry::suite(),
        behaviour::billing::suite(),
        behaviour::notification::suite(),
    ]
}
