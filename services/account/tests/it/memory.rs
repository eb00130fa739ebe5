//! What the process takes of the machine: as its own process, since that is what grows.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use account::Settings;
use behaviour::http::Client;
use behaviour::{Value, json};
use schema::testing::TestDb;

use crate::here::{Database, PASSWORD, unique};

/// Two hashes at work take 38 MiB; what the service takes without them is less than half of the rest.
const MOST_KIB: u64 = 110 * 1024;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has seen by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(db: &TestDb) -> (Process, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_account"))
        .env("DATABASE_READ_URL", Database::url(db, "account_reader"))
        .env("DATABASE_WRITE_URL", Database::url(db, "account_writer"))
        .env("LISTEN", "127.0.0.1:0")
        .env("LOG", "info")
        // All of this is one address.
        .env("SIGN_UP_LIMIT_PER_ADDRESS", "0")
        .env("JWT_SIGNING_KEY", account::keys::generate().expect("a key"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        Some(line["address"].as_str()?.to_owned())
    });
    // Read on, or the service stands still once the pipe is full.
    thread::spawn(move || lines.for_each(drop));
    (Process(child), address.expect("it says where it listens"))
}

fn peak_kib(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).expect("a size")
}

#[test]
#[cfg(target_os = "linux")]
fn many_passwords_take_no_more_memory_than_two() {
    let db = TestDb::new();
    let (process, url) = start(&db);
    assert!(Settings::default().hash_queue_max > 8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let account = Client::new().api(&url);
                for _ in 0..15 {
                    let admin = json!({"email": format!("{}@here.example", unique()), "password": PASSWORD});
                    let body = json!({"name": unique(), "plan": "free", "admin": admin});
                    account.post("/organisations").json(&body).send().expect(201);
                }
            });
        }
    });
    let peak = peak_kib(&process);
    assert!(peak < MOST_KIB, "{peak} KiB");
}
