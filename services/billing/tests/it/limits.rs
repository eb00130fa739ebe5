//! Providers that never come to an end, and a thread that panics or hangs: nobody waits for any of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use billing::Billing;
use billing::provider::{Charge, Outcome, Provider};
use kit::testing::{Running, common, spawn_with};
use schema::testing::TestDb;
use uuid::Uuid;

use crate::house::{House, settings};

/// A provider that answers each request with `answer`, for as long as this process lives; its address.
fn provider(answer: impl Fn(&mut TcpStream, usize) -> std::io::Result<()> + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || serve(stream, answer));
        }
    });
    format!("http://{address}")
}

fn serve(mut stream: TcpStream, answer: impl Fn(&mut TcpStream, usize) -> std::io::Result<()>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    for number in 0.. {
        // To the end of the head: a GET has no body.
        if !lines.by_ref().any(|line| line.is_empty()) || answer(&mut stream, number).is_err() {
            return;
        }
    }
}

fn charge() -> Charge {
    let text = |text: &str| text.to_owned();
    Charge { key: text("k"), amount_cents: 1, currency: text("eur"), customer_id: text("cus"), token: text("pm") }
}

const TIMEOUT: Duration = Duration::from_millis(1000);

#[test]
fn pages_without_end_and_answers_byte_by_byte_are_given_up() {
    let endless = provider(|stream, number| {
        let body = format!(r#"{{"data":[{{"id":"pi_{number}","metadata":{{}}}}],"has_more":true}}"#);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    });
    let trickling = provider(|stream, _| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{")?;
        loop {
            stream.write_all(b" ")?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    for base in [endless, trickling] {
        let provider = Provider::new(&base, "sk_test_sandbox", TIMEOUT);
        let start = Instant::now();
        assert!(provider.find_charge(&charge()).is_err());
        println!("given up after {:?}", start.elapsed());
        // The last page may begin just before the end.
        assert!(start.elapsed() < 2 * TIMEOUT + Duration::from_secs(1), "{:?}", start.elapsed());
        let start = Instant::now();
        assert!(matches!(provider.charge(&charge()), Outcome::Unknown(_)));
        assert!(start.elapsed() < TIMEOUT + Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

kit::statement! {
    /// Who leads.
    struct ListHolders() -> Uuid = "select l.holder from billing.leases l where l.expires_at > clock_timestamp()"
}

fn instance(db: &TestDb) -> Running {
    let mut settings = settings("http://127.0.0.1:1");
    (settings.work, settings.provider_timeout_ms, settings.lease_ms) = (true, 100, 1500);
    spawn_with::<Billing>(common(db.url("billing_reader"), db.url("billing_writer")), settings).unwrap()
}

#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn ready(service: &Running) -> (u16, String) {
    let answer = behaviour::http::Client::new().api(&service.url).root("/readyz").try_send().unwrap();
    (answer.status, answer.text())
}

#[test]
fn the_work_goes_on_after_a_panic() {
    let db = TestDb::new();
    let service = instance(&db);
    for name in ["billing-work", "billing-hint"] {
        let of = |name: &str| service.background().into_iter().find(|one| one.0 == name);
        assert!(service.plant_panic(name), "{name}");
        let start = Instant::now();
        until("it panicked, and has got something done since", || {
            of(name).is_some_and(|(_, age, panics)| panics == 1 && age < Duration::from_secs(2))
        });
        println!("{name} goes on after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    service.stop().unwrap();
}

#[test]
fn a_thread_that_hangs_loses_its_lease_to_another_instance() {
    let house = House::new();
    let holders = || house.rows::<_, Uuid>(ListHolders {});
    let first = instance(&house.db);
    until("the first leads", || !holders().is_empty());
    let leader = holders();
    first.plant_stall("billing-work", true);
    let second = instance(&house.db);
    let start = Instant::now();
    until("another leads", || holders().first().is_some_and(|now| Some(now) != leader.first()));
    println!("another leads after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    until("the first says so", || ready(&first).1.contains("billing-work has got nothing done"));
    assert_eq!(ready(&first).0, 503);
    assert_eq!(ready(&second).0, 200);
    first.plant_stall("billing-work", false);
    until("all well again", || ready(&first).0 == 200);
}
