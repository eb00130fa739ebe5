//! The plan's limits under pressure: with one place left, a hundred at once, one gets it.

use std::sync::Barrier;
use std::thread;

use behaviour::assert::problem_of;
use behaviour::registry::Desk;
use behaviour::{Response, Value, json};

use crate::fixture::House;
use crate::sql;

const AT_ONCE: usize = 100;
const ROUNDS: usize = 10;

/// What a hundred clients are answered who all start at once.
fn together(desk: &Desk, path: &str, body: impl Fn(usize) -> Value + Sync) -> Vec<Response> {
    let start = Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let (start, body) = (&start, &body);
                scope.spawn(move || {
                    start.wait();
                    desk.post(path, &body(n))
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// Exactly one of them gets the last place, and all others are told so.
fn one_of(answers: &[Response], resource: &str) {
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{resource}");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        let problem = problem_of(refused, 409, "plan-limit-reached");
        assert_eq!(problem["resource"], resource);
        assert_eq!(problem["used"], problem["limit"]);
    }
}

fn rounds(resource: &str, round: impl Fn(&Desk) -> Vec<Response>) {
    let house = House::with_pools(4);
    for _ in 0..ROUNDS {
        let desk = Desk::new(&house.world, "free");
        one_of(&round(&desk), resource);
        assert_eq!(sql::miscounted(&mut house.db.connect("registry_reader")), "");
    }
}

#[test]
fn the_last_api() {
    rounds("apis", |desk| {
        let (_, place) = desk.place();
        for n in 0..4 {
            desk.api(place, &format!("before-{n}"));
        }
        together(desk, "/apis", |n| json!({"name": format!("api-{n}"), "subDomainId": place, "tags": ["x"]}))
    });
}

#[test]
fn the_last_domain() {
    // There is not even a counter's row yet: a hundred want to make the first.
    rounds("domains", |desk| together(desk, "/domains", |n| json!({"name": format!("Domain {n}")})));
}

#[test]
fn the_last_sub_domain() {
    rounds("subDomains", |desk| {
        let domain = desk.domain("Domain");
        desk.sub_domain(domain, "First");
        desk.sub_domain(domain, "Second");
        together(desk, &format!("/domains/{domain}/sub-domains"), |n| json!({"name": format!("Sub domain {n}")}))
    });
}
