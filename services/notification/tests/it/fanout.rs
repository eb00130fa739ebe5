//! One change watched by ten thousand people.

use std::time::{Duration, Instant};

use behaviour::json;
use chrono::Utc;
use notification::counters::Caps;
use notification::feed::Feed;
use notification::reader::{Limits, step, turn};
use notification::turns::Turns;
use uuid::Uuid;

use crate::here::{Change, Here, until};

const PEOPLE: i64 = 10_000;

/// Ten thousand people who watch one API.
fn crowd(here: &Here) -> (Uuid, Uuid) {
    let (org, api) = (here.organisation(), Uuid::now_v7());
    here.run(
        "profile_writer",
        &format!(
            "insert into profile.profiles (organisation_id, id, name, email, time_zone, version, created_at, updated_at) \
             select '{org}', gen_random_uuid(), 'P ' || n, 'p' || n || '@crowd.example', 'UTC', 1, now(), now() \
             from generate_series(1, {PEOPLE}) n; \
             insert into profile.notification_settings (organisation_id, profile_id, mode, version, updated_at) \
             select organisation_id, id, 'instant', 1, now() from profile.profiles where organisation_id = '{org}'"
        ),
    );
    let ids = here.lines(&format!(
        "select string_agg(id::text, ',') as line from profile.profiles where organisation_id = '{org}'"
    ));
    here.run(
        "account_writer",
        &format!(
            "insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id, password_changed_at, \
                 password_expires_at, version, created_at, updated_at) \
             select '{org}', gen_random_uuid(), p || '@logins.example', 'none', 'member', p::uuid, now(), now() + interval '90 days', \
                 1, now(), now() from unnest(string_to_array('{}', ',')) p",
            ids[0]
        ),
    );
    here.run(
        "notification_writer",
        &format!(
            "insert into notification.addresses (organisation_id, address_id, confirmed_at) \
             select '{org}', encode(substr(sha256(('p' || n || '@crowd.example')::bytea), 1, 16), 'hex')::uuid, now() \
             from generate_series(1, {PEOPLE}) n"
        ),
    );
    here.run(
        "registry_writer",
        &format!(
            "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at) \
             select '{org}', gen_random_uuid(), p::uuid, 'api', '{api}', '2026-01-01Z' from unnest(string_to_array('{}', ',')) p",
            ids[0]
        ),
    );
    (org, api)
}

fn modified(org: Uuid, api: Uuid) -> Change {
    Change::new("registry", "ApiModified", org, api).from(json!({"name": "a"})).to(json!({"name": "b"}))
}

const TOLD: &str = "select count(*) from notification.notifications";

#[test]
fn ten_thousand_are_told_in_short_transactions() {
    let here = Here::new();
    let (org, api) = crowd(&here);
    here.change(&modified(org, api));
    here.change(&modified(org, api).version(2));
    let mut connection = here.writer();
    let (mut longest, mut steps) = (Duration::ZERO, 0);
    until("all are told", || {
        let begin = Instant::now();
        let progress = step(&mut connection, Feed::Registry, Utc::now(), &Limits::default()).unwrap();
        longest = longest.max(begin.elapsed());
        assert!(progress.notifications <= Limits::default().recipients, "a chunk at a time");
        steps += i32::from(progress.notifications > 0);
        here.all_read()
    });
    println!("2 x {PEOPLE} people in {steps} transactions, the longest {longest:?}");
    assert_eq!(here.count(TOLD), 2 * PEOPLE);
    assert_eq!(
        here.count("select count(distinct (change_id, profile_id)) from notification.notifications"),
        2 * PEOPLE
    );
    assert_eq!(here.count("select count(*) from notification.deliveries"), 2 * PEOPLE);
}

/// Another organisation's person who watches an API of theirs.
fn neighbour(here: &Here) -> (Uuid, Uuid, crate::here::Person) {
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let person = here.person(org, "member");
    here.watch(org, person.profile, "api", api);
    (org, api, person)
}

#[test]
fn a_flood_holds_up_nobody_else() {
    let here = Here::new();
    let (flooding, other) = (crowd(&here), neighbour(&here));
    for version in 1..=6 {
        here.change(&modified(flooding.0, flooding.1).version(version));
    }
    for version in 1..=3 {
        here.change(&modified(other.0, other.1).version(version));
    }
    until("all can be read", || here.all_readable());
    let mut connection = here.writer();
    // A mail each, so that they can be counted.
    let caps = Caps { per_address: 0, per_organisation: 0, asks_per_organisation: 0 };
    let (mut turns, limits) = (Turns::default(), Limits { caps, ..Limits::default() });
    let mut next = || turn(&mut connection, Feed::Registry, Utc::now(), &limits, &mut turns).unwrap();
    while here.told(other.2.profile).len() < 3 {
        assert!(next().more);
    }
    let told = here.count(TOLD);
    assert!(told < 3 * PEOPLE, "the flood came first: {told}");
    let first = here.told(other.2.profile);
    until("all are told", || {
        next();
        here.all_read()
    });
    assert_eq!(here.told(other.2.profile), first, "once, though it was read twice");
    assert_eq!(here.count(TOLD), 6 * PEOPLE + 3);
    assert_eq!(here.count("select count(*) from notification.deliveries"), 6 * PEOPLE + 3);
    let disordered = "select count(*) from (select change_id < lag(change_id) over (partition by profile_id order by created_at, id) as back \
         from notification.notifications) told where back";
    assert_eq!(here.count(disordered), 0, "each is told in the feed's order");
    assert!(!next().more);
}

#[test]
fn the_other_organisation_is_told_within_ten_seconds() {
    let here = Here::new();
    let (flooding, other) = (crowd(&here), neighbour(&here));
    for version in 1..=20 {
        here.change(&modified(flooding.0, flooding.1).version(version));
    }
    here.change(&modified(other.0, other.1));
    until("all can be read", || here.all_readable());
    let _service = here.child(&[("SMTP_PORT", "9"), ("MAIL_SENDERS", "1")]);
    let begin = Instant::now();
    until("the other is told", || !here.told(other.2.profile).is_empty());
    let (took, told) = (begin.elapsed(), here.count(TOLD));
    println!("told after {took:?}, with {told} of {} told", 20 * PEOPLE + 1);
    assert!(told < 10 * PEOPLE, "the flood came first: {told}");
}

#[test]
fn a_reader_killed_in_the_middle_leaves_a_place_to_go_on_from() {
    let here = Here::new();
    let (org, api) = crowd(&here);
    let no_mail = [("SMTP_PORT", "9"), ("MAIL_SENDERS", "1")];
    let mut service = here.child(&no_mail);
    here.change(&modified(org, api));
    for wanted in [1, 3000, 6000] {
        until("some are told", || here.count(TOLD) >= wanted);
        service.kill();
        assert!(here.count(TOLD) < PEOPLE || here.all_read(), "never more than the crowd");
        service = here.child(&no_mail);
    }
    until("all are told", || here.all_read());
    assert_eq!(here.count(TOLD), PEOPLE);
    assert_eq!(here.count("select count(distinct profile_id) from notification.notifications"), PEOPLE);
    let peak = service.peak_kilobytes();
    println!("peak memory {peak} kB");
    assert!(peak < 100_000, "bounded memory: {peak} kB");
}

/// Changes of an API with fifteen thousand versions, as releases before its limit wrote them, and one that concerns somebody after them.
#[test]
fn a_large_feed_takes_no_more_than_64_mebibytes() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let other = here.person(org, "member");
    here.watch(org, other.profile, "api", api);
    here.run(
        "registry_writer",
        "with api as materialized (select jsonb_build_object('name', 'a', 'versions', jsonb_agg( \
             jsonb_build_object('major', n, 'minor', 0, 'status', 'inception'))) as keys from generate_series(1, 15000) n) \
         insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after) \
         select now(), 'ApiModified', gen_random_uuid(), gen_random_uuid()::text, n, 'r', api.keys, \
         api.keys || jsonb_build_object('title', n) from api, generate_series(1, 6) n",
    );
    here.change(&modified(org, api));
    until("all can be read", || here.all_readable());
    let service = here.child(&[]);
    let begin = Instant::now();
    until("the other is told", || !here.told(other.profile).is_empty());
    let (took, peak) = (begin.elapsed(), service.peak_kilobytes());
    println!("told after {took:?}, peak memory {peak} kB");
    assert!(peak <= 64 * 1024, "{peak} kB");
}
