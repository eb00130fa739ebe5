//! The private Postgres, started by the real program.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::Signal;
use schema::cluster::postmaster::{self, Postmaster, lives};
use schema::testing::TestCluster;

use crate::support::{connect, until};

/// A home that user postgres can reach, and that stops its cluster at the end of the test.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("govrnanza-home-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }

    fn dba(&self) -> Command {
        let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
        dba.env("GOVRNANZA_HOME", self.0.path()).env_remove("DATABASE_URL").stdin(Stdio::null());
        dba
    }

    fn run(&self, args: &[&str]) -> Output {
        self.dba().args(args).output().unwrap()
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("postgres/data")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.run(&["cluster", "stop"]);
    }
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

#[test]
fn a_cluster_left_behind_is_found_again_and_never_overwritten() {
    let home = Home::new();
    assert_eq!(home.run(&["cluster", "status"]).status.code(), Some(1));
    let url = out(&home.run(&["cluster", "start"]));
    connect(&url).batch_execute("create table kept (id int); insert into kept values (1)").unwrap();
    let first = Postmaster::alive(&home.data()).unwrap();

    // The starter has ended long ago; the server is found.
    assert_eq!(out(&home.run(&["cluster", "start"])), url);
    assert_eq!(out(&home.run(&["cluster", "status"])), url);
    assert_eq!(Postmaster::alive(&home.data()).unwrap().pid, first.pid);

    // The server was killed, with everything it left lying about.
    kill(Signal::KILL, first.pid);
    until("the server is gone", || !lives(first.pid));
    assert!(home.data().join("postmaster.pid").exists());
    let again = out(&home.run(&["cluster", "start"]));
    assert_eq!(connect(&again).query("select * from kept", &[]).unwrap().len(), 1);

    assert!(home.run(&["cluster", "stop"]).status.success());
    assert_eq!(home.run(&["cluster", "status"]).status.code(), Some(1));
    assert!(home.run(&["cluster", "stop"]).status.success(), "stopping what doesn't run is no error");
    assert_eq!(connect(&out(&home.run(&["cluster", "start"]))).query("select * from kept", &[]).unwrap().len(), 1);
}

#[test]
fn starters_at_once_start_one() {
    let home = Home::new();
    // A run that was cut short while it made the data folder.
    std::fs::create_dir_all(home.0.path().join("postgres/new/base")).unwrap();
    let urls: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| out(&home.run(&["cluster", "start"])))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
    connect(&urls[0]).batch_execute("select 1").unwrap();
}

#[test]
fn a_first_time_at_the_server_of_database_url_is_two() {
    // No private cluster is started here: whoever looks for one fails.
    let (home, cluster) = (Home::new(), TestCluster::bare());
    let at = |url: &str, args: &[&str]| home.dba().args(args).env("DATABASE_URL", url).output().unwrap();
    let superuser = cluster.url("postgres", "superuser");
    out(&at(&superuser, &["bootstrap"]));
    assert!(out(&at(&superuser, &["apply"])).contains("migration"));
    out(&at(&superuser, &["after-restore"]));
    out(&at(&superuser, &["bootstrap", "--own", "account"]));
    assert!(out(&at(&superuser, &["apply", "--own", "account"])).contains("migration"));
    let passwords = schema::Passwords::load(&home.0.path().join("passwords")).unwrap();
    let admin = cluster.cluster().admin_url(&passwords, "govrnanza_account");
    assert_eq!(out(&at(&admin, &["apply", "--own", "account"])), "nothing to do: the database is as declared");
    // Whoever names one is believed.
    let both = home
        .dba()
        .args(["apply", "--database-url", &admin, "--own", "account"])
        .env("DATABASE_URL", "host=nowhere.invalid")
        .output();
    assert_eq!(out(&both.unwrap()), "nothing to do: the database is as declared");
}

#[test]
fn a_first_time_is_three_commands() {
    let home = Home::new();
    out(&home.run(&["cluster", "start"]));
    assert!(out(&home.run(&["bootstrap"])).contains("dba apply"));
    // Five at once, with the administrator's limit of connections.
    let told: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..5).map(|_| scope.spawn(|| out(&home.run(&["apply"])))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|text| text.contains("migration")).count(), 1, "{told:?}");
    assert_eq!(out(&home.run(&["apply"])), "nothing to do: the database is as declared");
    out(&home.run(&["bootstrap"]));
    assert_eq!(
        out(&home.run(&["apply", "--format", "json"])),
        r#"{"migrations":[],"left":[],"keys":[],"views":[],"rights":[],"passwords":[],"findings":[]}"#
    );
    for secret in ["superuser", "passwords"] {
        let mode = std::fs::metadata(home.0.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let conf = std::fs::read_to_string(home.data().join("pg_hba.conf")).unwrap();
    assert!(
        conf.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .all(|line| line.ends_with("scram-sha-256")),
        "{conf}"
    );
}

#[test]
fn an_ephemeral_cluster_ends_with_its_starter_however_that_ends() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let home = Home::new();
        let mut child: Child = home
            .dba()
            .args(["cluster", "start", "--ephemeral", "--format", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut client = connect(said["url"].as_str().unwrap());
        let data: String = client.query_one("show data_directory", &[]).unwrap().get(0);
        let folder = Path::new(&data).parent().unwrap().parent().unwrap().to_owned();
        kill(signal, i32::try_from(child.id()).unwrap());
        child.wait().unwrap();
        until("nothing is left", || !folder.exists());
        assert!(client.batch_execute("select 1").is_err());
        assert!(!home.data().exists(), "nothing was put into the home");
    }
}

#[test]
fn without_binaries_one_sentence_says_what_helps() {
    let home = Home::new();
    let none = home.dba().args(["cluster", "start"]).env("GOVRNANZA_PG_BIN", "/nowhere").output().unwrap();
    let said = String::from_utf8(none.stderr).unwrap();
    assert_eq!(none.status.code(), Some(3), "{said}");
    assert!(said.contains("GOVRNANZA_PG_BIN=/nowhere") && said.lines().count() == 1, "{said}");
    let usage = home.run(&["cluster", "begin"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_given_server_is_used_and_nothing_started() {
    let server = TestCluster::bare();
    let home = Home::new();
    let url = server.url("postgres", "superuser");
    let started = home.dba().args(["cluster", "start", "--format", "json"]).env("DATABASE_URL", &url).output().unwrap();
    let said: serde_json::Value = serde_json::from_str(&out(&started)).unwrap();
    assert_eq!((said["url"].as_str(), said["started"].as_bool()), (Some(url.as_str()), Some(false)));
    assert!(!home.data().exists());
}

#[test]
fn a_test_can_stop_start_and_kill_its_server() {
    let mut server = TestCluster::bare();
    let url = server.url("postgres", "superuser");
    connect(&url).batch_execute("create table kept (id int)").unwrap();
    server.stop().unwrap();
    assert!(postgres::Client::connect(&url, postgres::NoTls).is_err());
    server.start().unwrap();
    connect(&url).batch_execute("select * from kept").unwrap();
    server.kill().unwrap();
    assert!(postgres::Client::connect(&url, postgres::NoTls).is_err());
    server.start().unwrap();
    connect(&url).batch_execute("select * from kept").unwrap();
}

fn kill(signal: Signal, pid: i32) {
    postmaster::send(pid, signal).unwrap();
}
