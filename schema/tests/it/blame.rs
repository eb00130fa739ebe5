//! `dba blame`: the right pair, the right cause, nearly all of the time; and nothing where nothing waits. In a cluster of its own: locks of other
//! tests' databases would be seen, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use schema::blame::Cause;
use schema::blame::watch::watch;
use schema::testing::TestCluster;

use crate::support::{connect, texts, until};

#[test]
fn the_right_pair_the_right_cause_and_nearly_all_of_the_time() {
    let cluster = TestCluster::ephemeral();
    let superuser = cluster.url("govrnanza", "superuser");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope
            .spawn(|| watch(&superuser, Duration::from_secs(60), |_| {}, || stop.load(Ordering::Relaxed)).unwrap());
        let mut asking = connect(&superuser);
        until("somebody watches", || {
            texts(
                &mut asking,
                "select count(*)::text from pg_stat_activity where application_name = 'govrnanza-observer'",
            ) == ["1"]
        });
        let mut holder = connect(&cluster.url("govrnanza", "account_writer"));
        holder.batch_execute("set application_name = 'holds'; set idle_in_transaction_session_timeout = 0; begin; update account.plans set name = name where code = (select min(code) from account.plans)").unwrap();
        let (waited, waiter) = std::sync::mpsc::channel();
        let url = cluster.url("govrnanza", "superuser");
        scope.spawn(move || {
            let mut client = connect(&url);
            client.batch_execute("set role account_owner; set application_name = 'waits'").unwrap();
            let started = Instant::now();
            client.batch_execute("begin; update account.plans set name = name where code = (select min(code) from account.plans); rollback").unwrap();
            waited.send(started.elapsed()).unwrap();
        });
        until("it has waited two seconds", || {
            texts(
                &mut asking,
                "select 1::text from pg_locks where not granted and waitstart < clock_timestamp() - interval '2 s'",
            ) == ["1"]
        });
        holder.batch_execute("rollback").unwrap();
        let truth = waiter.recv().unwrap().as_secs_f64();
        until("the observer has seen its end", || {
            texts(&mut asking, "select 1::text from pg_locks where not granted").is_empty()
        });
        std::thread::park_timeout(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        let seen = watcher.join().unwrap();
        let first = &seen.by_role[0];
        assert_eq!(
            (first.waiting.as_str(), first.root.as_str(), first.cause),
            ("postgres", "account_writer", Cause::Row),
            "{seen:#?}"
        );
        let application = &seen.by_application[0];
        assert_eq!((application.waiting.as_str(), application.direct.as_str()), ("waits", "holds"));
        let booked: f64 = seen.by_role.iter().map(|entry| entry.seconds).sum();
        // As exact as its samples are dense, and they are rarer while others use the processors.
        let exact = truth * 0.05 + 5.0 * seen.seconds / seen.samples as f64;
        assert!((booked - truth).abs() <= exact, "{booked} of {truth} s, within {exact} s");
        assert!(
            seen.statements.iter().any(|one| one.role == "account_writer" && one.state == "idle in transaction"),
            "{:?}",
            seen.statements
        );
    });
}

#[test]
fn nothing_where_nothing_waits() {
    let cluster = TestCluster::ephemeral();
    let seen = watch(
        &cluster.url("govrnanza", "lab_monitor"),
        Duration::from_millis(1500),
        |now| assert!(now.is_empty(), "{now:?}"),
        || false,
    );
    let seen = seen.unwrap();
    assert!(seen.by_role.is_empty() && seen.by_application.is_empty() && seen.statements.is_empty(), "{seen:#?}");
    assert!(seen.samples > 0 && seen.blind.is_none(), "{seen:#?}");
}
