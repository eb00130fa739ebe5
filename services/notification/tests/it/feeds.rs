//! Nothing lost, nothing twice: writers that commit out of order, readers that are killed, and readers that compete.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use behaviour::json;
use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use kit::id::LoginId;
use notification::feed::Feed;
use notification::reader::Limits;
use uuid::Uuid;

use crate::here::{Change, Here, count, until};

const KILLS: usize = 50;
const WATCHERS: usize = 3;
const APIS: usize = 4;

/// What the writers write to: APIs with watchers, an organisation with admins, a person.
struct Scene {
    here: Here,
    org: Uuid,
    apis: Vec<Uuid>,
    profile: Uuid,
    stranger: Uuid,
}

impl Scene {
    fn new() -> Self {
        let here = Here::new();
        let org = here.organisation();
        let people: Vec<_> = (0..WATCHERS).map(|_| here.person(org, "admin")).collect();
        let sub = Uuid::now_v7();
        here.run(
            "registry_writer",
            &format!(
                "insert into registry.domains (organisation_id, id, name, version, created_at, updated_at) \
                 values ('{org}', '{sub}', 'd', 1, now(), now()); \
                 insert into registry.sub_domains (organisation_id, id, domain_id, name, version, created_at, updated_at) \
                 values ('{org}', '{sub}', '{sub}', 's', 1, now(), now())"
            ),
        );
        let apis: Vec<_> = (0..APIS).map(|_| Uuid::now_v7()).collect();
        for api in &apis {
            here.run(
                "registry_writer",
                &format!(
                    "insert into registry.apis (organisation_id, id, sub_domain_id, name, version, created_at, updated_at) \
                     values ('{org}', '{api}', '{sub}', '{api}', 1, now(), now())"
                ),
            );
            for person in &people {
                here.watch(org, person.profile, "api", *api);
            }
        }
        let profile = people[0].profile;
        Self {
            here,
            org,
            apis,
            profile,
            stranger: LoginId::new(Utc::now()).0,
        }
    }

    fn change(&self, feed: &'static str, kind: &'static str, entity: Uuid, version: i64) -> Change {
        let (before, after) = (
            json!({"name": "a", "version": version - 1}),
            json!({"name": "a", "version": version}),
        );
        Change::new(feed, kind, self.org, entity)
            .version(version)
            .by(self.stranger)
            .from(before)
            .to(after)
    }

    /// One transaction of Registry, as the rule is: the API's lock first, then everything else. Some are long, some are undone.
    fn write_api(&self, connection: &mut diesel::PgConnection, turn: u64) {
        let api = self.apis[(turn % APIS as u64) as usize];
        connection.batch_execute("begin").unwrap();
        let locked = connection.batch_execute(&format!(
            "select 1 from registry.apis where organisation_id = '{}' and id = '{api}' for no key update",
            self.org
        ));
        if locked.is_err() {
            // Its login waits a second for a lock; a client would try again.
            connection.batch_execute("rollback").unwrap();
            return;
        }
        connection
            .batch_execute(&format!(
                "update registry.apis set version = version + 1 where id = '{api}'"
            ))
            .unwrap();
        let version = count(
            connection,
            &format!("select version from registry.apis where id = '{api}'"),
        );
        connection
            .batch_execute(&self.change("registry", "ApiModified", api, version).sql())
            .unwrap();
        self.end(connection, "registry", turn);
    }

    /// One transaction of another service. Its entities have a row of their own each time, so there is nothing to lock.
    fn write_other(&self, connection: &mut diesel::PgConnection, feed: &'static str, turn: u64) {
        let change = match feed {
            "account" => self.change(feed, "SubscriptionPlanModified", self.org, turn as i64),
            "profile" => self.change(feed, "ProfileModified", self.profile, turn as i64),
            _ => self.change(feed, "InvoicePaid", Uuid::now_v7(), 1),
        };
        connection.batch_execute("begin").unwrap();
        connection.batch_execute(&change.sql()).unwrap();
        self.end(connection, feed, turn);
    }

    fn end(&self, connection: &mut diesel::PgConnection, feed: &str, turn: u64) {
        if turn.is_multiple_of(7) {
            thread::sleep(Duration::from_millis(40 + turn % 90));
        }
        let end = if turn.is_multiple_of(11) {
            "rollback"
        } else {
            "commit"
        };
        connection.batch_execute(end).unwrap();
        connection
            .batch_execute(&format!("notify {feed}_changes"))
            .unwrap();
    }

    /// Every (change, watcher) has its one notification, and nobody has another; each reads an API's changes in its order.
    fn check(&self) {
        let expected = "select 'registry' as feed, c.id, w.profile_id as who from registry.changes c \
             join registry.watches w on w.target_id::text = c.entity_id \
             union all select 'account', c.id, l.id from account.changes c join account.logins l on l.scope = 'admin' \
             union all select 'billing', c.id, l.id from billing.changes c join account.logins l on l.scope = 'admin' \
             union all select 'profile', c.id, c.entity_id::uuid from profile.changes c";
        let told = "select feed, change_id, coalesce(login_id, profile_id) from notification.notifications";
        let here = &self.here;
        assert_eq!(
            here.count(&format!(
                "select count(*) from (({expected}) except all ({told})) lost"
            )),
            0,
            "lost"
        );
        assert_eq!(
            here.count(&format!(
                "select count(*) from (({told}) except all ({expected})) more"
            )),
            0,
            "twice, or too many"
        );
        let disorder = "select count(*) from (select c.version, lag(c.version) over (partition by n.profile_id, n.entity_id \
             order by n.created_at, n.id) as before from notification.notifications n \
             join registry.changes c on c.id = n.change_id where n.feed = 'registry') v where v.before >= v.version";
        assert_eq!(here.count(disorder), 0, "out of the order of an API");
        let mails = "select count(*) from notification.notifications n where not exists ( \
             select from notification.deliveries d where d.organisation_id = n.organisation_id and d.id = n.delivery_id)";
        assert_eq!(
            here.count(mails),
            0,
            "everybody is told at once, so each notification has its mail"
        );
    }
}

#[test]
fn fifty_kills_and_two_readers_lose_nothing_and_tell_nothing_twice() {
    let scene = Scene::new();
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(1));
    let mut naive = Naive::default();
    thread::scope(|scope| {
        for number in 0..6 {
            let (scene, stop, turns) = (&scene, &stop, &turns);
            scope.spawn(move || {
                let feed = [
                    "registry", "registry", "registry", "account", "profile", "billing",
                ][number];
                let mut connection = scene.here.db.connect(&format!("{feed}_writer"));
                while !stop.load(Ordering::SeqCst) {
                    let turn = turns.fetch_add(1, Ordering::SeqCst);
                    match feed {
                        "registry" => scene.write_api(&mut connection, turn),
                        feed => scene.write_other(&mut connection, feed, turn),
                    }
                    // A pace that the readers can keep up with on a busy machine.
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let (scene, stop, naive) = (&scene, &stop, &mut naive);
        scope.spawn(move || {
            let mut connection = scene.here.db.connect("superuser");
            while !stop.load(Ordering::SeqCst) {
                naive.read(&mut connection);
            }
        });
        let start = || scene.here.child(&[("SMTP_PORT", "9")]);
        let mut readers = [start(), start()];
        let mut connection = scene.here.db.connect("superuser");
        for kill in 0..KILLS {
            // Killed at work: when it has made something since the last kill.
            let told = count(
                &mut connection,
                "select count(*) from notification.notifications",
            );
            until("progress", || {
                count(
                    &mut connection,
                    "select count(*) from notification.notifications",
                ) > told
            });
            readers[kill % 2].kill();
            readers[kill % 2] = start();
        }
        stop.store(true, Ordering::SeqCst);
        until("everything is read", || scene.here.all_read());
    });
    scene.check();
    let changes = scene.here.count("select count(*) from registry.changes");
    assert!(changes > 100, "a real load: {changes}");
    naive.read(&mut scene.here.db.connect("superuser"));
    assert!(
        (naive.seen.len() as i64) < changes,
        "the naive reader is expected to lose changes: {} of {changes}",
        naive.seen.len()
    );
}

/// The reader that everybody writes first: it remembers the highest id.
#[derive(Default)]
struct Naive {
    last: i64,
    seen: Vec<i64>,
}

impl Naive {
    fn read(&mut self, connection: &mut diesel::PgConnection) {
        loop {
            let next = count(
                connection,
                &format!(
                    "select coalesce((select min(c.id) from registry.changes c where c.id > {}), 0)",
                    self.last
                ),
            );
            if next == 0 {
                return;
            }
            self.last = next;
            self.seen.push(next);
        }
    }
}

/// The smallest case of it: the second of two transactions commits first.
#[test]
fn a_late_commit_is_lost_by_the_highest_id_and_not_by_ours() {
    let scene = Scene::new();
    let here = &scene.here;
    let (mut slow, mut fast) = (
        here.db.connect("registry_writer"),
        here.db.connect("registry_writer"),
    );
    let (mut superuser, mut reader) = (here.db.connect("superuser"), here.writer());
    let mut step = || {
        notification::reader::step(&mut reader, Feed::Registry, Utc::now(), &Limits::default())
            .unwrap()
    };
    let mut naive = Naive::default();
    slow.batch_execute("begin").unwrap();
    let change = |number: usize| scene.change("registry", "ApiModified", scene.apis[number], 2);
    slow.batch_execute(&change(0).sql()).unwrap();
    fast.batch_execute(&change(1).sql()).unwrap();
    naive.read(&mut superuser);
    assert_eq!(
        step().changes,
        0,
        "what is behind an open transaction waits"
    );
    slow.batch_execute("commit").unwrap();
    until("both are read", || {
        step();
        here.all_read()
    });
    naive.read(&mut superuser);
    assert_eq!(naive.seen.len(), 1, "by the highest id one is lost");
    scene.check();
    let told = here.count("select count(*) from notification.notifications");
    assert_eq!(told, 2 * WATCHERS as i64);
}

/// A transaction that has an id before it has the entity's lock turns the entity's order around; one that locks first doesn't.
#[test]
fn the_order_of_an_entity_is_kept_by_taking_its_lock_first() {
    for (lock_first, expected) in [(true, ["2", "3"]), (false, ["3", "2"])] {
        let scene = Scene::new();
        let here = &scene.here;
        let api = scene.apis[0];
        let (mut first, mut second) = (
            here.db.connect("registry_writer"),
            here.db.connect("registry_writer"),
        );
        let lock = format!(
            "select 1 from registry.apis where organisation_id = '{}' and id = '{api}' for no key update",
            scene.org
        );
        second
            .batch_execute("begin; set local lock_timeout = '30s'")
            .unwrap();
        if !lock_first {
            // As an idempotency row would, written before the lock is had.
            second.batch_execute("select pg_current_xact_id()").unwrap();
        }
        first.batch_execute(&format!("begin; {lock}")).unwrap();
        first
            .batch_execute(&scene.change("registry", "ApiModified", api, 2).sql())
            .unwrap();
        thread::scope(|scope| {
            let scene = &scene;
            let waiting = scope.spawn(move || {
                second.batch_execute(&lock).unwrap();
                second
                    .batch_execute(&scene.change("registry", "ApiModified", api, 3).sql())
                    .unwrap();
                second.batch_execute("commit").unwrap();
            });
            until("the second waits for the lock", || {
                here.count("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 1
            });
            first.batch_execute("commit").unwrap();
            waiting.join().unwrap();
        });
        let _service = here.start();
        until("both are read", || here.all_read());
        let order = here.lines(&format!(
            "select c.version::text as line from notification.notifications n join registry.changes c on c.id = n.change_id \
             where n.profile_id = '{}' order by n.created_at, n.id",
            scene.profile
        ));
        assert_eq!(order, expected, "lock first: {lock_first}");
    }
}

#[test]
fn another_instance_takes_over_within_five_seconds() {
    let scene = Scene::new();
    let here = &scene.here;
    let tell = |version: i64| {
        here.change(&scene.change("registry", "ApiModified", scene.apis[0], version));
        until("it is told", || {
            here.count("select count(*) from notification.notifications")
                == version * WATCHERS as i64
        });
    };
    // Who has the lock; the feed itself may be held back by transactions of other tests on this cluster.
    let leader_pid = "select coalesce((select min(l.pid) from pg_locks l join pg_database d on d.oid = l.database \
        where d.datname = current_database() and l.locktype = 'advisory' and l.granted), 0)";
    let mut leader = here.child(&[]);
    tell(1);
    let first = here.count(leader_pid);
    let _follower = here.child(&[]);
    // A reader and two senders each.
    let sessions = "select count(*) from pg_stat_activity where usename = 'notification_writer' \
        and datname = current_database()";
    until("both are connected", || here.count(sessions) >= 6);
    leader.kill();
    let begin = Instant::now();
    until("the other has the lock", || {
        ![0, first].contains(&here.count(leader_pid))
    });
    let took = begin.elapsed();
    println!("taken over after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    tell(2);
    scene.check();
}

/// A transaction that is open anywhere holds the feed back; when it ends, all goes on by itself.
#[test]
fn an_open_transaction_delays_and_loses_nothing() {
    let scene = Scene::new();
    let here = &scene.here;
    let _service = here.start();
    let mut holder = here.db.connect("billing_writer");
    holder
        .batch_execute("begin; select pg_current_xact_id()")
        .unwrap();
    for version in 1..=20 {
        here.change(&scene.change("registry", "ApiModified", scene.apis[0], version));
    }
    let polls = "select count(*) from pg_stat_activity where usename = 'notification_writer' and datname = current_database()";
    until("the service runs", || here.count(polls) >= 1);
    assert_eq!(
        here.count("select count(*) from notification.notifications"),
        0
    );
    holder.batch_execute("rollback").unwrap();
    until("all are told", || {
        here.count("select count(*) from notification.notifications") == 20 * WATCHERS as i64
    });
    scene.check();
}
