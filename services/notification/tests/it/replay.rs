//! A reader that is set back makes nothing twice; and a feed is purged only behind it.

use behaviour::json;
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use crate::here::{Change, Here, until};

#[test]
fn a_reader_set_back_makes_nothing_twice() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    // Whenever this runs, the day's mail is due neither while it does nor in the hours before, in which the changes are made.
    let later = (Utc::now() + TimeDelta::hours(2)).format("daily %H:%M");
    for schedule in ["instant", &later.to_string()] {
        let person = here.person(org, "admin");
        here.set_schedule(org, person.profile, schedule, "UTC");
        here.watch(org, person.profile, "api", api);
    }
    let write = |version: i64| {
        let at = Utc::now() - TimeDelta::hours(10 - version);
        let change = |feed, kind, entity: Uuid| Change::new(feed, kind, org, entity).version(version).at(at);
        here.change(&change("registry", "ApiModified", api).to(json!({"name": "a"})));
        here.change(&change("billing", "InvoicePaid", Uuid::now_v7()).to(json!({"period": "2026-10"})));
        here.change(&change("account", "SubscriptionPlanModified", org).to(json!({"plan": "team"})));
    };
    (1..=5).for_each(write);
    let service = here.start();
    until("all read", || here.all_read());
    until("all sent", || here.count("select count(*) from notification.deliveries where status = 'waiting'") == 0);
    drop(service);
    let everything = "select md5(string_agg(n::text, ',' order by n.id)) as line from notification.notifications n";
    let before = here.lines(everything);
    let mails = here.sink.mails().len();
    assert_eq!((here.count("select count(*) from notification.notifications"), mails), (30, 25));
    for (version, hours) in [(6, 100), (7, 8)] {
        // What is new comes after all that is read again.
        write(version);
        let from = (Utc::now() - TimeDelta::hours(hours)).to_rfc3339();
        let mut service = here.child(&[("REPLAY_FROM", &from)]);
        until("what is new is told", || here.count("select count(*) from notification.notifications") == version * 6);
        until("all sent", || here.count("select count(*) from notification.deliveries where status = 'waiting'") == 0);
        service.kill();
        let old = format!(
            "{everything} where n.id not in (select id from notification.notifications order by created_at desc limit {})",
            (version - 5) * 6
        );
        assert_eq!(here.lines(&old), before, "what was told stays as it was");
        assert_eq!(here.sink.mails().len() as i64, mails as i64 + (version - 5) * 5, "and only what is new was mailed");
    }
}

/// The same by the library, where the position can be looked at in between.
#[test]
fn the_cursor_really_goes_back() {
    use diesel::Connection as _;
    use notification::cursor::{Cursor, replay_from};
    use notification::feed::Feed;
    use notification::reader::{Limits, step};

    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let person = here.person(org, "member");
    here.watch(org, person.profile, "api", api);
    let start = Utc::now() - TimeDelta::hours(5);
    for version in 1..=4 {
        let change = Change::new("registry", "ApiModified", org, api).version(version);
        here.change(&change.at(start + TimeDelta::hours(version)).to(json!({"name": "a"})));
    }
    let mut connection = here.writer();
    let read = |connection: &mut diesel::PgConnection| {
        let mut changes = 0;
        until("read", || {
            changes += step(connection, Feed::Registry, Utc::now(), &Limits::default()).unwrap().changes;
            here.all_read()
        });
        changes
    };
    assert_eq!(read(&mut connection), 4);
    let end = Cursor::find(&mut connection, Feed::Registry, Utc::now()).unwrap();
    let back = |connection: &mut diesel::PgConnection, from| {
        connection.transaction(|connection| replay_from(connection, Feed::Registry, from, Utc::now())).unwrap()
    };
    assert!(!back(&mut connection, Utc::now()), "never forward");
    assert!(back(&mut connection, start + TimeDelta::hours(3)));
    assert_eq!(read(&mut connection), 2);
    assert!(back(&mut connection, start));
    assert_eq!(read(&mut connection), 4);
    let now = Cursor::find(&mut connection, Feed::Registry, Utc::now()).unwrap();
    assert_eq!((now.xid, now.id), (end.xid, end.id));
    assert_eq!(here.count("select count(*) from notification.notifications"), 4);
}

#[test]
fn the_feeds_purge_never_passes_the_reader() {
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let purge = |feed: &'static str| {
        let url = |role: &str| here.db.url(&format!("{feed}_{role}"));
        let clock = kit::Clock::default();
        kit::testing::purge_changes(feed, &url("reader"), &url("writer"), &clock).unwrap()
    };
    let days_ago = |days: i64| Utc::now() - TimeDelta::days(days);
    let write = |feed, days| here.change(&Change::new(feed, "ApiModified", org, api).at(days_ago(days)));
    let feeds = ["account", "profile", "registry", "billing"];
    for feed in feeds {
        write(feed, 90);
        write(feed, 31);
        write(feed, 29);
        assert_eq!(purge(feed), 0, "{feed}: nobody has read it");
    }
    drop({
        let service = here.start();
        until("all read", || here.all_read());
        service
    });
    for feed in feeds {
        write(feed, 90);
        assert_eq!(purge(feed), 2, "{feed}: what is old and was read");
        assert_eq!(
            here.count(&format!("select count(*) from {feed}.changes")),
            2,
            "{feed}: one is young, one not read"
        );
    }
    let _service = here.start();
    until("all read", || here.all_read());
    for feed in feeds {
        assert_eq!(purge(feed), 1, "{feed}: read in the end");
    }
}
