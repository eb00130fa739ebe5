//! What the tests share.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// Connects, or panics.
pub fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Runs statements in a transaction that is rolled back; the SQLSTATE where they were refused.
pub fn attempt(client: &mut Client, sql: &str) -> Result<(), String> {
    let done = client.batch_execute(&format!("begin; {sql}; rollback")).map_err(|error| state(&error));
    if done.is_err() {
        client.batch_execute("rollback").unwrap();
    }
    done
}

/// The SQLSTATE of an error.
pub fn state(error: &postgres::Error) -> String {
    error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
}

/// First column of every row, as text.
pub fn texts(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}")).iter().map(|row| row.get(0)).collect()
}

/// Runs `dba` on this database.
pub fn dba(url: &str, words: &[&str]) -> Output {
    let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
    dba.args(words).env("DATABASE_URL", url).output().unwrap()
}

/// Exit code, and what was said on standard output and error.
pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Waits until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
