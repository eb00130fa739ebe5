//! A database that can't do it now: its disk is full, it is a standby, it is read-only, it speaks another language. Always 503,
//! nothing that was acknowledged is lost, and all is well again by itself.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;
use std::thread;

use diesel::connection::SimpleConnection as _;
use schema::DATABASE;
use schema::testing::{SmallDisk, TestCluster, needs};

use crate::http::{Answer, until};
use crate::own::{Own, Urls};

#[track_caller]
fn refused(answer: &Answer) {
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
}

#[test]
fn on_a_full_disk_writes_are_503_and_what_was_acknowledged_stays() {
    let cluster = TestCluster::ephemeral();
    let urls = Urls::of(&cluster);
    let Some(small) = needs(SmallDisk::owned_by(&urls.data, 64)) else {
        return;
    };
    let mut maintenance = diesel::Connection::establish(&cluster.url("postgres", "superuser")).unwrap();
    let run = |connection: &mut diesel::PgConnection, sql: &str| connection.batch_execute(sql).unwrap();
    run(&mut maintenance, &format!("create tablespace small location '{}'", small.path().display()));
    run(&mut maintenance, &format!("alter database {DATABASE} set tablespace small"));
    let own = Own::at(&urls, |_| {});
    until("ready", || (own.ready().status == 200).then_some(()));
    let acknowledged = Mutex::new(Vec::new());
    let write = |writer: usize| {
        let mut refusals = 0;
        for number in 0.. {
            let name = format!("{writer} {number} {}", "x".repeat(150));
            let answer = own.create(&name);
            match answer.status {
                201 => acknowledged.lock().unwrap().push(name),
                _ => {
                    refused(&answer);
                    refusals += 1;
                }
            }
            // Small rows find room in pages that are there, then none does.
            if refusals == 10 {
                return;
            }
            assert!(number < 20_000, "it is never full");
        }
    };
    // Under load when it becomes full.
    let filler = thread::scope(|scope| {
        (0..4).for_each(|writer| {
            drop(scope.spawn({
                let write = &write;
                move || write(writer)
            }))
        });
        until("some writes", || (acknowledged.lock().unwrap().len() >= 100).then_some(()));
        small.fill(0)
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    let ready = own.ready();
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("space"), "{}", ready.text());
    assert_eq!(own.list().status, 200, "reads go on");
    fs::remove_file(filler).unwrap();
    until("ready again", || (own.ready().status == 200).then_some(()));
    assert_eq!(own.create("after").status, 201);
    let mut superuser = own.superuser();
    let lost = acknowledged.iter().filter(|name| !exists(&mut superuser, name)).count();
    println!("{} acknowledged while the disk became full, {lost} of them lost; 40 times 503", acknowledged.len());
    assert_eq!(lost, 0);
}

fn exists(superuser: &mut diesel::PgConnection, name: &str) -> bool {
    use crate::sample::organisations::dsl::{name as column, organisations};
    use diesel::{ExpressionMethods as _, QueryDsl as _, RunQueryDsl as _};
    organisations.filter(column.eq(name)).count().get_result::<i64>(superuser).unwrap() == 1
}

#[test]
fn on_a_standby_writes_are_503_until_it_is_promoted() {
    let mut cluster = TestCluster::ephemeral();
    let urls = Urls::of(&cluster);
    cluster.stop().unwrap();
    // Without a primary it stays one until it is promoted.
    let signal = urls.data.join("standby.signal");
    fs::write(&signal, "").unwrap();
    let owner = fs::metadata(&urls.data).unwrap();
    std::os::unix::fs::chown(&signal, Some(owner.uid()), Some(owner.gid())).unwrap();
    cluster.start().unwrap();
    let own = Own::at(&urls, |_| {});
    until("reads", || (own.list().status == 200).then_some(()));
    for number in 0..10 {
        refused(&own.create(&format!("refused {number}")));
    }
    let ready = own.ready();
    assert!(ready.status == 503 && ready.text().contains("standby"), "{}", ready.text());
    own.run("select pg_promote()");
    until("a 201", || (own.create("after").status == 201).then_some(()));
    until("ready", || (own.ready().status == 200).then_some(()));
    assert_eq!(own.list().json()["items"].as_array().unwrap().len(), 1);
}

/// In sessions that are open (`alter system`), and in new ones alone (`alter database`), which must not stay so.
#[test]
fn while_the_server_is_read_only_writes_are_503() {
    let own = Own::new(|_| {});
    until("ready", || (own.ready().status == 200).then_some(()));
    let end_all = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'account%'";
    let mut superuser = own.superuser();
    let mut run = |sql: &str| superuser.batch_execute(sql).unwrap();
    run("set default_transaction_read_only = off");
    for of in ["system".to_owned(), format!("database {DATABASE}")] {
        run(&format!("alter {of} set default_transaction_read_only = on"));
        run("select pg_reload_conf()");
        run(end_all);
        until("a 503", || (own.create("refused").status == 503).then_some(()));
        for number in 0..10 {
            refused(&own.create(&format!("refused {number}")));
        }
        assert_eq!(own.list().status, 200, "reads go on");
        let ready = own.ready();
        assert!(ready.status == 503 && ready.text().contains("read_only"), "{}", ready.text());
        run(&format!("alter {of} reset default_transaction_read_only"));
        run("select pg_reload_conf()");
        until("a 201", || (own.create(&of).status == 201).then_some(()));
        until("ready again", || (own.ready().status == 200).then_some(()));
    }
}
