//! A POST that is sent twice is done once.

use std::thread;

use diesel::RunQueryDsl;
use serde_json::json;

use crate::http::{json as send_json, until};
use crate::sample::{Settings, World};

kit::statement! {
    pub struct CountOrganisations() -> BigInt = "select count(*) from account.organisations"
}
kit::statement! {
    pub struct CountKeys() -> BigInt = "select count(*) from account.idempotency_keys"
}

#[test]
fn the_first_answer_comes_again_whole() {
    let world = World::new();
    let url = world.url("/organisations");
    let key = [("idempotency-key", "k-1")];
    let first = send_json("POST", &url, &key, &json!({ "name": "Acme" }));
    assert_eq!(first.status, 201, "{}", first.text());
    let again = send_json("POST", &url, &key, &json!({ "name": "Acme" }));
    assert_eq!((again.status, again.json()), (201, first.json()));
    for header in ["location", "etag"] {
        assert!(!first.header(header).is_empty());
        assert_eq!(again.header(header), first.header(header));
    }
    let other = send_json("POST", &url, &key, &json!({ "name": "Other" })).problem(422);
    assert_eq!(other["errors"][0]["field"], "Idempotency-Key");
    let long = "k".repeat(129);
    for bad in ["", "a b", &long] {
        send_json("POST", &url, &[("idempotency-key", bad)], &json!({ "name": "x" })).problem(400);
    }
    let mut connection = world.db.connect("account_reader");
    assert_eq!(CountOrganisations {}.get_result::<i64>(&mut connection).unwrap(), 1);
}

#[test]
fn a_strangers_key_is_its_own() {
    let world = World::with(Settings::default(), |common| {
        common.clients.trusted_proxies = "127.0.0.1".parse().unwrap();
    });
    let sign_up = |address: &str, name: &str| {
        let headers = [("idempotency-key", "1"), ("x-forwarded-for", address)];
        let body = json!({ "name": name });
        send_json("POST", &world.url("/organisations"), &headers, &body)
    };
    let first = sign_up("1.1.1.1", "Acme");
    assert_eq!(sign_up("2.2.2.2", "Other").status, 201, "another's key");
    sign_up("2.2.2.2", "Acme").problem(422);
    assert_eq!(sign_up("1.1.1.1", "Acme").json(), first.json());
}

#[test]
fn a_failure_is_not_kept() {
    let world = World::new();
    let url = world.url("/organisations");
    let key = [("idempotency-key", "k")];
    let body = json!({ "name": "Acme", "fail": true });
    send_json("POST", &url, &key, &body).problem(409);
    send_json("POST", &url, &key, &body).problem(409);
    let mut connection = world.db.connect("account_reader");
    assert_eq!(CountKeys {}.get_result::<i64>(&mut connection).unwrap(), 0);
    assert_eq!(CountOrganisations {}.get_result::<i64>(&mut connection).unwrap(), 0);
    assert_eq!(send_json("POST", &url, &key, &json!({ "name": "Acme" })).status, 201, "the key is free");
}

#[test]
fn concurrent_repeats_wait_for_the_first() {
    let world = World::with(Settings::default(), |common| common.pool_write_size = 4);
    let url = world.url("/organisations");
    let answers: Vec<_> = thread::scope(|scope| {
        let send = || send_json("POST", &url, &[("idempotency-key", "k")], &json!({ "name": "Acme" }));
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = answers[0].json();
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (201, first.clone()), "{}", answer.text());
    }
    let mut connection = world.db.connect("account_reader");
    assert_eq!(CountOrganisations {}.get_result::<i64>(&mut connection).unwrap(), 1);
}

#[test]
fn keys_older_than_a_day_are_purged() {
    let world = World::new();
    let file = std::env::temp_dir().join(format!("clock-{}", uuid::Uuid::now_v7()));
    for n in 0..3 {
        let key = format!("k-{n}");
        send_json("POST", &world.url("/organisations"), &[("idempotency-key", &key)], &json!({ "name": key }));
    }
    let clock = kit::Clock::new(Some(file.clone()));
    let purge = || {
        kit::testing::purge_keys("account", &world.db.url("account_reader"), &world.db.url("account_writer"), &clock)
    };
    assert_eq!(purge().unwrap(), 0, "young");
    std::fs::write(&file, (25 * 3600).to_string()).unwrap();
    assert_eq!(until("the purge", || purge().ok()), 3);
    std::fs::remove_file(file).unwrap();
}
