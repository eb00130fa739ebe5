//! The end of a process: what is under way is finished, and it doesn't take long.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use kit::StartError;
use kit::testing::{common, spawn};
use schema::testing::TestDb;

use crate::http::{get, until};
use crate::sample::{Sample, Settings, World};

#[test]
fn what_is_under_way_is_finished() {
    let gate = Arc::new(Barrier::new(2));
    let world = World::with(Settings { gate: Arc::clone(&gate), ..Settings::default() }, |_| {});
    let url = world.url("/wait");
    let request = thread::spawn(move || get(&url, &[]));
    gate.wait();
    let World { service, db, .. } = world;
    let url = service.url.clone();
    let stopping = thread::spawn(move || service.stop());
    gate.wait();
    let answer = request.join().unwrap();
    assert_eq!(answer.status, 204);
    assert_eq!(stopping.join().unwrap(), Ok(()));
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    drop(db);
}

#[test]
fn it_is_not_ready_while_it_ends_what_is_under_way() {
    let gate = Arc::new(Barrier::new(2));
    let settings = Settings { gate: Arc::clone(&gate), ..Settings::default() };
    let World { service, db, .. } = World::with(settings, |_| {});
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    // The answer that is being written when it begins to stop is the last of its connection: then the other one is asked.
    let mut open = [(); 2].map(|()| TcpStream::connect(&address).unwrap());
    let mut ask = || {
        let mut answer = [0; 4096];
        let lengths = open.iter_mut().map(|open| {
            let _ = open.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
            open.read(&mut answer).unwrap_or(0)
        });
        let length = lengths.into_iter().find(|length| *length > 0).unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    assert!(ask().starts_with("HTTP/1.1 200"));
    let url = format!("{}/api/v1/wait", service.url);
    let request = thread::spawn(move || get(&url, &[]).status);
    gate.wait();
    let stopping = thread::spawn(move || service.stop());
    let last = until("it says so", || Some(ask()).filter(|answer| !answer.contains("200 OK")));
    assert!(last.starts_with("HTTP/1.1 503") && last.contains("\"stopping\""), "{last}");
    gate.wait();
    assert_eq!((request.join().unwrap(), stopping.join().unwrap()), (204, Ok(())));
    drop(db);
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let world = World::new();
    let address = world.service.url.strip_prefix("http://").unwrap().to_owned();
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut some = [0; 64];
    assert!(idle.read(&mut some).unwrap() > 0);
    let start = Instant::now();
    world.service.stop().unwrap();
    // What is under way may take seven seconds: were they part of it, it would take at least those.
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
}

#[test]
fn a_missing_setting_is_named_and_a_missing_database_is_none_of_them() {
    let mut settings = common("", "postgres:///x");
    let error = |common| kit::testing::spawn_with::<Sample>(common, Settings::default()).err();
    assert!(matches!(error(settings.clone()), Some(StartError::Usage(text)) if text.contains("DATABASE_READ_URL")));
    settings.database_read_url = Some("postgres:///x".into());
    settings.jwks = Some("https://issuer.example/keys".into());
    assert!(matches!(error(settings), Some(StartError::Usage(text)) if text.contains("JWKS")));
    let db = TestDb::new();
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let running = spawn::<Sample>(nowhere, nowhere, Settings::default()).unwrap();
    assert_eq!(get(&format!("{}/healthz", running.url), &[]).status, 200);
    assert_eq!(get(&format!("{}/readyz", running.url), &[]).status, 503);
    drop(db);
}
