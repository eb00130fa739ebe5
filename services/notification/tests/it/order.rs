//! Who is told is decided by the order of the feed. Clocks of those who wrote it may differ by minutes.

use std::env;
use std::thread;

use behaviour::json;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use uuid::Uuid;

use crate::here::{Change, Here, until};

/// Pairs in one run; by hand as many as one likes.
fn pairs() -> usize {
    env::var("PAIRS").ok().and_then(|pairs| pairs.parse().ok()).unwrap_or(400)
}

/// What races: an API, its watcher, the watch.
#[derive(Clone, Copy)]
struct Pair {
    org: Uuid,
    api: Uuid,
    profile: Uuid,
    watch: Uuid,
}

impl Pair {
    /// Registry's transaction that opens the watch, begun at `at` by its own clock.
    fn open(self, at: DateTime<Utc>) -> String {
        let Self { org, api, profile, watch } = self;
        format!(
            "begin; insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at) \
             values ('{org}', '{watch}', '{profile}', 'api', '{api}', '{at}'); {}; commit",
            self.row("WatchCreated", at)
        )
    }

    /// The one that ends it.
    fn end(self, at: DateTime<Utc>) -> String {
        let Self { org, watch, .. } = self;
        format!(
            "begin; update registry.watches set ended_at = '{at}', ended_xid = pg_catalog.pg_current_xact_id() \
             where organisation_id = '{org}' and id = '{watch}'; {}; commit",
            self.row("WatchEnded", at)
        )
    }

    fn row(self, kind: &'static str, at: DateTime<Utc>) -> String {
        Change::new("registry", kind, self.org, self.watch).at(at).sql()
    }

    /// The one that changes the API.
    fn change(self, at: DateTime<Utc>) -> String {
        let change = Change::new("registry", "ApiModified", self.org, self.api).at(at);
        format!("begin; {}; commit", change.to(json!({"name": "a"})).sql())
    }
}

/// People with an API each, and as many connections as two instances of Registry have.
fn town(here: &Here, count: usize) -> Vec<Pair> {
    let org = here.organisation();
    let pair =
        |_| Pair { org, api: Uuid::now_v7(), profile: here.person(org, "member").profile, watch: Uuid::now_v7() };
    (0..count).map(pair).collect()
}

/// How many of the pairs were told, and were not, against the feed's own order: lost, and told though they should not have been.
fn wrong(here: &Here) -> (i64, i64) {
    let expected = "select c.id, w.profile_id from registry.changes c join registry.watches w on w.target_id::text = c.entity_id \
         join registry.changes b on b.kind = 'WatchCreated' and b.entity_id = w.id::text and b.xid <= c.xid \
         left join registry.changes e on e.kind = 'WatchEnded' and e.entity_id = w.id::text \
         where c.kind = 'ApiModified' and (e.xid is null or e.xid >= c.xid)";
    let told = "select change_id, profile_id from notification.notifications";
    let count = |sql: String| here.count(&sql);
    (
        count(format!("select count(*) from (({expected}) except all ({told})) lost")),
        count(format!("select count(*) from (({told}) except all ({expected})) more")),
    )
}

/// Each pair at the same time on two connections, whose instances' clocks differ by `apart`.
fn race(here: &Here, pairs: &[Pair], apart: TimeDelta, first: impl Fn(Pair, DateTime<Utc>) -> String + Sync) {
    let barrier = std::sync::Barrier::new(2);
    let run = |connection: &mut PgConnection, sql: &dyn Fn(Pair) -> String| {
        for pair in pairs {
            // A request's time is that of its beginning: the clock is read before the two meet.
            let sql = sql(*pair);
            barrier.wait();
            connection.batch_execute(&sql).unwrap();
        }
    };
    let [mut one, mut other] = [(); 2].map(|()| here.db.connect("registry_writer"));
    thread::scope(|scope| {
        scope.spawn(|| run(&mut one, &|pair| first(pair, Utc::now() + apart)));
        scope.spawn(|| run(&mut other, &|pair| pair.change(Utc::now())));
    });
}

#[test]
fn whoever_stands_before_a_change_is_told_however_the_two_raced() {
    let here = Here::new();
    for apart in [TimeDelta::zero(), TimeDelta::minutes(1), TimeDelta::minutes(-1)] {
        let opened = town(&here, pairs() / 3 + 1);
        race(&here, &opened, apart, Pair::open);
        let ended = town(&here, pairs() / 3 + 1);
        let mut connection = here.db.connect("registry_writer");
        for pair in &ended {
            connection.batch_execute(&pair.open(Utc::now() - TimeDelta::minutes(5))).unwrap();
        }
        race(&here, &ended, apart, Pair::end);
    }
    let _service = here.start();
    until("all read", || here.all_read());
    let told = here.count("select count(*) from notification.notifications");
    assert!(told > 0, "some came first");
    assert_eq!(wrong(&here), (0, 0), "lost, and told for nothing, of {told}");
}

#[test]
fn clocks_a_minute_apart_decide_nothing() {
    let here = Here::new();
    let (now, minute) = (Utc::now(), TimeDelta::minutes(1));
    let town = town(&here, 4);
    let [before, after, ended_after, ended_before] = [town[0], town[1], town[2], town[3]];
    let mut connection = here.db.connect("registry_writer");
    let mut run = |sql: String| connection.batch_execute(&sql).unwrap();
    // The watch's instance is a minute ahead, then a minute behind.
    run(before.open(now + minute));
    run(before.change(now));
    run(after.change(now));
    run(after.open(now - minute));
    run(ended_after.open(now - minute));
    run(ended_after.change(now));
    run(ended_after.end(now - minute));
    run(ended_before.open(now - minute));
    run(ended_before.end(now + minute));
    run(ended_before.change(now));
    let _service = here.start();
    until("all read", || here.all_read());
    let told: Vec<_> = town.iter().map(|pair| here.told(pair.profile).len()).collect();
    assert_eq!(told, [1, 0, 1, 0], "before, after, ended after, ended before the change");
    assert_eq!(wrong(&here), (0, 0));
}
