//! `lab up` from outside: what it prints, what it keeps, what it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::Value;

use crate::processes::{OwnHome, children, interrupt, is_service, lives, postmaster};
use crate::support::{LAB, end_with_thread, lab, lines, shared, start_json, until};

#[test]
fn the_line_for_scripts_has_its_shape() {
    let line: Value = serde_json::to_value(shared()).unwrap();
    let services = line["services"].as_object().unwrap();
    for name in lab::system::services::names() {
        let url = services[name].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        assert_eq!(ureq::get(format!("{url}/readyz")).call().unwrap().status(), 200);
    }
    let database = line["databaseUrl"].as_str().unwrap();
    assert!(database.starts_with("postgres") && database.ends_with("/govrnanza"), "{database}");
    let mut connection = crate::sql::connect(shared());
    let superuser = "select count(*) as count from pg_roles where rolname = current_user and rolsuper";
    assert_eq!(crate::sql::count(&mut connection, superuser), 1);
    for member in line.as_object().unwrap().keys() {
        assert!(
            ["services", "architecture", "databaseUrl", "operator", "mailbox", "payments", "clockFile", "upJson"]
                .contains(&member.as_str()),
            "{member}"
        );
    }
    let account = services["account"].as_str().unwrap();
    let session = ureq::post(format!("{account}/api/v1/sessions")).send_json(&line["operator"]).unwrap();
    assert_eq!(session.status(), 200, "the operator can sign in");
}

/// A home of its own: twice, because the second time it finds what the first has left.
#[test]
fn a_home_is_kept_locked_and_found_again() {
    let folder = OwnHome::new();
    let home = folder.0.path();
    let up = || {
        let mut command = lab(&["up", "--port-base", "0", "--format", "json"]);
        command.env("GOVRNANZA_HOME", home);
        command
    };
    let (mut first, target) = start_json(&mut up());
    let written = fs::read_to_string(home.join("up.json")).unwrap();
    assert_eq!(serde_json::from_str::<lab::Place>(&written).unwrap(), target, "the same line");
    for secret in ["up.json", "signing-key.pem", "operator-password", "passwords"] {
        let mode = fs::metadata(home.join(secret)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{secret}");
    }
    let second = up().output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(said.contains("running on") && said.contains(&first.id().to_string()), "{said}");
    assert!(second.stdout.is_empty(), "standard output holds the line or nothing");
    // Killed: its services go with it, the database stays and is found again, and stopped then.
    let services = children(first.id());
    first.kill().unwrap();
    first.wait().unwrap();
    until("the services of a killed `lab up` are gone", || services.iter().all(|id| !is_service(*id)));
    let database = postmaster(home).expect("the database outlives a kill -9");
    let (mut third, again) = start_json(&mut up());
    assert_eq!(again.operator, target.operator);
    assert_eq!(postmaster(home), Some(database), "the same server");
    let email = &target.operator.as_ref().unwrap().email;
    let mut connection = crate::sql::connect(&again);
    let operators = format!("select count(*) as count from account.logins where email = '{email}'");
    assert_eq!(crate::sql::count(&mut connection, &operators), 1);
    drop(connection);
    interrupt(&third);
    assert_eq!(third.wait().unwrap().code(), Some(0));
    assert!(!home.join("up.json").exists());
    until("its database is stopped, too", || postmaster(home).is_none());
}

/// What a person sees; and what they get when they do as it says.
#[test]
fn the_printed_requests_work_and_ctrl_c_leaves_nothing() {
    let mut command = lab(&["up", "--ephemeral", "--port-base", "0"]);
    end_with_thread(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, printed) = mpsc::channel();
    lines(child.stdout.take().unwrap(), sender);
    let text = read_until(&printed, "Ctrl-C stops");
    for name in lab::system::services::names() {
        assert!(
            text.iter().any(|line| line.trim().starts_with(name) && line.contains("http://127.0.0.1:")),
            "{text:?}"
        );
    }
    let start = text.iter().position(|line| line.trim().starts_with("ACCOUNT=")).unwrap();
    let end = text.iter().rposition(|line| line.trim().starts_with("curl ")).unwrap();
    let paste = text[start..=end].join("\n");
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        for time in ["first", "second"] {
            let output = Command::new("sh").args(["-c", &paste]).output().unwrap();
            let api: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
                panic!("{time} time: {error}\n{paste}\n{}", String::from_utf8_lossy(&output.stdout))
            });
            assert_eq!(api["name"], "orders", "{api}");
            assert_eq!(api["technicalOwner"]["name"], "Ada Lovelace", "{api}");
            assert_eq!((&api["domain"]["name"], &api["subDomain"]["name"]), (&"Sales".into(), &"Orders".into()));
            let second = chrono::Utc::now().timestamp();
            until("the second that the name holds is over", || chrono::Utc::now().timestamp() > second);
        }
    }
    let logs = text.iter().find_map(|line| line.trim().strip_prefix("logs")).unwrap();
    let home = PathBuf::from(logs.trim()).parent().unwrap().to_owned();
    let services = children(child.id());
    assert!(services.len() >= lab::system::services::names().count(), "{services:?}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    until("nothing is left", || services.iter().all(|id| !lives(*id)));
    assert!(!home.exists(), "a throw-away home is gone");
}

#[test]
fn what_cannot_be_is_one_sentence() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Registry's port is the base and one.
    let base = (holder.local_addr().unwrap().port() - 1).to_string();
    let output = lab(&["up", "--ephemeral", "--port-base", &base, "--format", "json"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.starts_with("Port ") && said.contains("--port-base"), "{said}");
    assert!(output.stdout.is_empty());
    let nowhere = Command::new(LAB).args(["clock", "show", "--target", "/nowhere/up.json"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(3));
    assert_eq!(Command::new(LAB).args(["clock", "soon"]).output().unwrap().status.code(), Some(2));
}

/// What is printed up to a line with this.
pub fn read_until(printed: &Receiver<String>, end: &str) -> Vec<String> {
    let mut text = Vec::new();
    while !text.last().is_some_and(|line: &String| line.contains(end)) {
        text.push(printed.recv_timeout(Duration::from_secs(300)).unwrap_or_else(|_| panic!("{text:#?}")));
    }
    text
}
