//! A service as its own process: exit codes, the line that says where it listens, and signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use schema::testing::TestDb;

use crate::http::get;
use crate::sample::Sample;

const ARGUMENTS: &str = "KIT_TEST_ARGUMENTS";

/// Not a test of its own: what the child processes of the others run.
#[test]
fn child() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let code = kit::testing::run_from::<Sample>(&arguments);
    // ExitCode tells nothing but whether it is one of those.
    let number = (0..4).find(|number| ExitCode::from(*number) == code);
    std::process::exit(number.map_or(99, i32::from));
}

pub fn start(arguments: &str, environment: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::child", "--nocapture", "--test-threads=1"]);
    command
        .env(ARGUMENTS, arguments)
        .env_remove("DATABASE_READ_URL")
        .env_remove("DATABASE_WRITE_URL")
        .env_remove("LOG");
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn wrong_settings_end_with_2_and_a_taken_address_with_3() {
    let ended = |arguments: &str, environment: &[(&str, &str)]| {
        let output = start(arguments, environment).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = ended("", &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("DATABASE_READ_URL is missing"), "{said}");
    assert_eq!(ended("--no-such-flag", &[]).0, Some(2));
    let url = "postgres:///x";
    let both = [("DATABASE_READ_URL", url), ("DATABASE_WRITE_URL", url)];
    assert_eq!(ended("--pool-wait-ms 0", &both).0, Some(2));
    assert_eq!(ended("--log [[", &both).0, Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = ended(&format!("--listen {}", taken.local_addr().unwrap()), &both);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("LISTEN"), "{said}");
    let (code, help) = {
        let output = start("--help", &both).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(code, Some(0));
    assert!(help.contains("POOL_READ_SIZE") && !help.contains(url), "{help}");
}

#[test]
fn sigterm_and_sigint_end_it_with_0() {
    let db = TestDb::new();
    for signal in [Signal::TERM, Signal::INT] {
        let (read, write) = (db.url("account_reader"), db.url("account_writer"));
        let mut child = start("", &[("DATABASE_READ_URL", &read), ("DATABASE_WRITE_URL", &write)]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
                (line["message"] == "listening").then(|| line["address"].as_str().unwrap().to_owned())
            })
            .unwrap();
        assert_eq!(get(&format!("{address}/readyz"), &[]).status, 200);
        let secret = get(&format!("{address}/api/v1/organisations"), &[("authorization", "Bearer se.cr.et")]);
        assert_eq!(secret.status, 200);
        // What a client sends in error is no error of ours.
        let mut malformed = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        malformed.write_all(b"what is this\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        malformed.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400"));
        let pid = Pid::from_child(&child);
        kill_process(pid, signal).unwrap();
        let rest: Vec<_> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
        let request = rest.iter().find(|line| line.contains("/api/v1/organisations")).unwrap();
        let request: serde_json::Value = serde_json::from_str(request).unwrap();
        for field in ["method", "route", "status", "request_id", "scope", "queue_ms", "pool_ms", "db_ms", "app_ms"] {
            assert!(request.get(field).is_some(), "{field}: {request}");
        }
        // From a blocked session of the database to the request, and back.
        assert_eq!(request["db_role"], "account_reader");
        assert!(request["backend_pid"].as_i64().is_some_and(|pid| pid > 0));
        let alarm = rest.iter().find(|line| line.contains("\"ERROR\""));
        assert_eq!(alarm, None);
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(!rest.join("\n").contains("se.cr.et") && !errors.contains("se.cr.et"));
        assert!(rest.iter().any(|line| line.contains("\"stopped\"")), "{rest:?}");
    }
}
