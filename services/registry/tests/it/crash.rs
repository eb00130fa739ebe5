//! The real binary, killed while it works.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use behaviour::assert::eventually;
use behaviour::http::Client;
use behaviour::registry::Desk;
use behaviour::{Fixture, json};
use schema::testing::TestDb;
use uuid::Uuid;

use crate::fixture::SqlFixture;
use crate::sql;

/// The service as a process of its own, and where it listens.
pub fn start(db: &TestDb) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_registry"))
        .env("DATABASE_READ_URL", db.url("registry_reader"))
        .env("DATABASE_WRITE_URL", db.url("registry_writer"))
        .env("LISTEN", "127.0.0.1:0")
        .env("POOL_READ_SIZE", "2")
        .env("POOL_WRITE_SIZE", "2")
        .env("LOG", "info")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    // Reads on to the end, or the process would stop at a full pipe.
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(at) = line.find("http://127.0.0.1:") {
                let url: String = line[at..].chars().take_while(|c| !"\"\\ ".contains(*c)).collect();
                let _ = sender.send(url);
            }
        }
    });
    let url = receiver.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    (child, url)
}

#[test]
fn counters_are_right_after_a_kill() {
    let db = TestDb::new();
    let fixture = SqlFixture::new(&db);
    let tenant = fixture.tenant("payg");
    let made = AtomicU64::new(0);
    for round in 0..3 {
        let (mut child, url) = start(&db);
        let desk = Desk { service: Client::new().api(&url), tenant: tenant.clone() };
        let (_, place) = desk.place();
        let over = AtomicBool::new(false);
        let before = made.load(Ordering::SeqCst);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let body = json!({"name": Uuid::now_v7(), "subDomainId": place, "tags": ["a"]});
                        match desk.call("POST", "/apis").json(&body).try_send() {
                            Ok(answer) if answer.status == 201 => made.fetch_add(1, Ordering::SeqCst),
                            Ok(answer) => panic!("{}", answer.describe()),
                            // No answer: it was killed.
                            Err(_) => return,
                        };
                    }
                });
            }
            eventually("some were made", || (made.load(Ordering::SeqCst) > before + 20).then_some(()));
            child.kill().unwrap();
            child.wait().unwrap();
            over.store(true, Ordering::SeqCst);
        });
        let mut superuser = db.connect("superuser");
        // The backends of the killed process end what they were at.
        eventually("its sessions are gone", || {
            let sessions = "select count(*) from pg_stat_activity where datname = current_database() and usename = 'registry_writer'";
            (sql::number(&mut superuser, sessions) == 0).then_some(())
        });
        assert_eq!(sql::miscounted(&mut superuser), "", "round {round}");
        let apis = sql::number(&mut superuser, "select count(*) from registry.apis");
        let (answered, in_flight) = (i64::try_from(made.load(Ordering::SeqCst)).unwrap(), 4 * (round + 1));
        assert!((answered..=answered + in_flight).contains(&apis), "every 201 is there: {answered} of {apis}");
        let whole = "select count(*) from registry.apis a
            where (select count(*) from registry.versions v where v.api_id = a.id) <> 1
                or (select count(*) from registry.api_tags g where g.api_id = a.id) <> 1
                or (select count(*) from registry.changes c where c.entity_id = a.id::text and c.kind = 'ApiCreated') <> 1";
        assert_eq!(sql::number(&mut superuser, whole), 0, "all of an API or nothing");
    }
}
