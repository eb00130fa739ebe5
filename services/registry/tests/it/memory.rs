//! What the process takes of the machine, whatever a tenant puts into the feed: as its own process, since that is what grows.

use std::fs;
use std::thread;

use behaviour::assert::{changes, problem_of};
use behaviour::http::Client;
use behaviour::registry::Desk;
use behaviour::{Fixture, json};
use schema::testing::TestDb;

use crate::crash::start;
use crate::fixture::SqlFixture;
use crate::sql;

/// Six clients read the longest changes that there can be, each the whole feed, all at once.
#[test]
#[cfg(target_os = "linux")]
fn six_readers_of_a_large_feed_take_no_more_than_64_mebibytes() {
    let db = TestDb::new();
    let fixture = SqlFixture::new(&db);
    let tenant = fixture.tenant("enterprise");
    let (mut child, url) = start(&db);
    let rows = format!(
        "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
        select now(), 'ApiModified', '{}', 'x', n, 'r', jsonb_build_object('description', repeat(E'\\U0001F600', 4000), 'n', n),
            jsonb_build_object('description', repeat(E'\\U0001F601', 4000), 'n', n) from generate_series(1, 1000) n",
        tenant.org
    );
    sql::run(&mut db.connect("registry_writer"), &rows).unwrap();
    let path = tenant.path("/registry-changes");
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let api = Client::new().api(&url);
                let all = behaviour::assert::eventually("all can be read", || {
                    let (all, _) = changes(&api, &path, &tenant.member_token, None);
                    (all.len() == 1000).then_some(all)
                });
                let numbers = all.iter().map(|change| change["version"].as_u64());
                assert!(numbers.eq((1..=1000).map(Some)), "each once, in order");
            });
        }
    });
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    let peak: u64 = peak.unwrap().parse().unwrap();
    println!("{peak} KiB at most");
    assert!(peak <= 64 * 1024, "{peak} KiB");
}

#[test]
fn collections_end_at_their_limits() {
    let house = crate::fixture::House::new();
    let desk = Desk::new(&house.world, "enterprise");
    let (_, place) = desk.place();
    let api = desk.api(place, "cards");
    let path = format!("/apis/{api}/versions");
    let version = |minor: i32| desk.post(&path, &json!({"major": 1, "minor": minor}));
    for minor in 0..99 {
        version(minor).expect(201);
    }
    let limited = |answer, limit: i32, resource: &str| {
        let problem = problem_of(&answer, 409, "limit-reached");
        assert_eq!((&problem["limit"], &problem["resource"]), (&json!(limit), &json!(resource)), "{problem}");
    };
    limited(version(99), 100, "versions");
    let whole = format!("/apis/{api}");
    desk.change("DELETE", &whole, &format!("{path}/1.0"), &json!({})).expect(204);
    version(99).expect(201);
    // A person's watches, all but one as rows.
    let rows = format!(
        "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at)
        select '{}', gen_random_uuid(), '{}', 'api', gen_random_uuid(), now() from generate_series(1, 999)",
        desk.tenant.org, desk.tenant.member_profile
    );
    sql::run(&mut house.db.connect("registry_writer"), &rows).unwrap();
    let watch = |kind: &str, target| desk.post("/watches", &json!({"kind": kind, "targetId": target}));
    let others: Vec<_> = (0..4).map(|n| desk.domain(&format!("Domain {n}"))).collect();
    // The last place is taken once, whoever asks at the same moment.
    let made = thread::scope(|scope| {
        let asked: Vec<_> = others.iter().map(|domain| scope.spawn(|| watch("domain", *domain).status)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).filter(|status| *status == 201).count()
    });
    assert_eq!(made, 1);
    limited(watch("api", api), 1000, "watches");
    // One that is open is still found.
    let open = others.iter().filter(|domain| watch("domain", **domain).status == 200).count();
    assert_eq!(open, 1);
}
