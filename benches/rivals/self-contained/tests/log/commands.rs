//! The commands, as somebody types them.

use std::process::{Command, Output};

use crate::ground::Ground;

/// Runs one with this environment; its exit code and what it printed.
pub fn run_with(ground: &Ground, line: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_self-contained"));
    command.args(line).env("KAFKA_BROKERS", &ground.log.kafka_brokers).env("TOPIC_PREFIX", &ground.log.topic_prefix);
    let Output { status, stdout, stderr } = command.envs(environment.iter().copied()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    println!("{line:?}: {status}\n{}", said.lines().take(8).collect::<Vec<_>>().join("\n"));
    (status.code().unwrap(), said)
}

/// The same, on the databases of these owners and consumers.
pub fn run(ground: &Ground, line: &[&str], owners: &[&str], consumers: &[&str]) -> (i32, String) {
    let url = |service: &str, login: &str| ground.url(service, &format!("{service}_{login}"));
    let urls = |services: &[&str], login: &str| {
        services.iter().map(|one| format!("{one}={}", url(one, login))).collect::<Vec<_>>().join(",")
    };
    let one = url(consumers[0], "copier");
    let environment = [
        ("RELAY_DATABASE_URLS", &*urls(owners, "relay")),
        ("COPIER_DATABASE_URLS", &*urls(consumers, "copier")),
        ("SERVICE", consumers[0]),
        ("COPIER_DATABASE_URL", &*one),
        ("VERIFY_PATIENCE_MS", "1000"),
    ];
    run_with(ground, line, &environment)
}

#[test]
fn bad_input_ends_with_2_and_says_what_was_expected() {
    let Some(ground) = Ground::find(&["registry"]) else { return };
    let usage = |line: &[&str], what: &str| {
        let (code, said) = run(&ground, line, &[], &["registry"]);
        assert!(code == 2 && said.contains(what), "{code}: {said}");
    };
    usage(&["verify"], "expected SERVICE=URL");
    let secret = [("RELAY_DATABASE_URLS", "acount=postgresql://relay:secret@127.0.0.1/account")];
    let (code, said) = run_with(&ground, &["verify"], &secret);
    assert!(code == 2 && said.contains("expected SERVICE=URL") && !said.contains("secret"), "{code}: {said}");
    usage(&["replay", "--from", "yesterday"], "expected 0 or -48h, got yesterday");
    usage(&["replay", "--from", "-0h"], "expected 0 or -48h, got -0h");
    usage(&["replay", "--noun", "usage"], "registry doesn't read usage: expected one of ");
    usage(&["backfill", "--noun", "persons", "--column", "email"], "persons has no column email to be filled: it has ");
    usage(&["backfill", "--noun", "persons", "--column", "id"], "persons has no column id to be filled");
}
