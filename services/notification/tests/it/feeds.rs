//! Nothing lost, nothing twice: writers that commit out of order, readers that are killed, and readers that compete.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use notification::feed::Feed;
use notification::reader::Limits;

use crate::here::{count, until};
use crate::scene::{Scene, WATCHERS};

const KILLS: usize = 50;

#[test]
fn fifty_kills_and_two_readers_lose_nothing_and_tell_nothing_twice() {
    let scene = Scene::new();
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(1));
    let mut naive = Naive::default();
    thread::scope(|scope| {
        for number in 0..6 {
            let (scene, stop, turns) = (&scene, &stop, &turns);
            scope.spawn(move || {
                let feed = ["registry", "registry", "registry", "account", "profile", "billing"][number];
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
            let told = count(&mut connection, "select count(*) from notification.notifications");
            until("progress", || count(&mut connection, "select count(*) from notification.notifications") > told);
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
                &format!("select coalesce((select min(c.id) from registry.changes c where c.id > {}), 0)", self.last),
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
    let (mut slow, mut fast) = (here.db.connect("registry_writer"), here.db.connect("registry_writer"));
    let (mut superuser, mut reader) = (here.db.connect("superuser"), here.writer());
    let mut step = || notification::reader::step(&mut reader, Feed::Registry, Utc::now(), &Limits::default()).unwrap();
    let mut naive = Naive::default();
    slow.batch_execute("begin").unwrap();
    let change = |number: usize| scene.change("registry", "ApiModified", scene.apis[number], 2);
    slow.batch_execute(&change(0).sql()).unwrap();
    fast.batch_execute(&change(1).sql()).unwrap();
    naive.read(&mut superuser);
    assert_eq!(step().changes, 0, "what is behind an open transaction waits");
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

/// A transaction may have its id before it has the entity's lock, or get it while it waits: its change stands after the one it waited for all the same.
#[test]
fn the_order_of_an_entity_is_that_of_its_lock() {
    for id_first in [false, true] {
        let scene = Scene::new();
        let here = &scene.here;
        let api = scene.apis[0];
        let (mut first, mut second) = (here.db.connect("registry_writer"), here.db.connect("registry_writer"));
        let lock = format!(
            "select 1 from registry.apis where organisation_id = '{}' and id = '{api}' for no key update",
            scene.org
        );
        second.batch_execute("begin; set local lock_timeout = '30s'").unwrap();
        if id_first {
            // As an idempotency row would, written before the lock is had.
            second.batch_execute("select pg_current_xact_id()").unwrap();
        }
        first.batch_execute(&format!("begin; {lock}")).unwrap();
        first.batch_execute(&scene.change("registry", "ApiModified", api, 2).sql()).unwrap();
        thread::scope(|scope| {
            let scene = &scene;
            let waiting = scope.spawn(move || {
                second.batch_execute(&lock).unwrap();
                second.batch_execute(&scene.change("registry", "ApiModified", api, 3).sql()).unwrap();
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
        assert_eq!(order, ["2", "3"], "id first: {id_first}");
    }
}

#[test]
fn another_instance_takes_over() {
    let scene = Scene::new();
    let here = &scene.here;
    let tell = |version: i64| {
        here.change(&scene.change("registry", "ApiModified", scene.apis[0], version));
        until("it is told", || {
            here.count("select count(*) from notification.notifications") == version * WATCHERS as i64
        });
    };
    // Who has the lock; the feed itself may be held back by transactions of other tests on this cluster.
    let poller_pid = "select coalesce((select min(l.pid) from pg_locks l join pg_database d on d.oid = l.database \
        where d.datname = current_database() and l.locktype = 'advisory' and l.granted), 0)";
    let mut poller = here.child(&[]);
    tell(1);
    let first = here.count(poller_pid);
    let _follower = here.child(&[]);
    // A reader and two senders each.
    let sessions = "select count(*) from pg_stat_activity where usename = 'notification_writer' \
        and datname = current_database()";
    until("both are connected", || here.count(sessions) >= 6);
    poller.kill();
    let begin = Instant::now();
    until("the other has the lock", || ![0, first].contains(&here.count(poller_pid)));
    println!("taken over after {:?}", begin.elapsed());
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
    holder.batch_execute("begin; select pg_current_xact_id()").unwrap();
    for version in 1..=20 {
        here.change(&scene.change("registry", "ApiModified", scene.apis[0], version));
    }
    let polls =
        "select count(*) from pg_stat_activity where usename = 'notification_writer' and datname = current_database()";
    until("the service runs", || here.count(polls) >= 1);
    assert_eq!(here.count("select count(*) from notification.notifications"), 0);
    holder.batch_execute("rollback").unwrap();
    until("all are told", || here.count("select count(*) from notification.notifications") == 20 * WATCHERS as i64);
    scene.check();
}
