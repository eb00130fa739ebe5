//! Finding a broker, by the program that does it: by its address, in a distribution, on the PATH; and a node that outlives a kill.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use behaviour::assert::eventually;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use schema::ports::free_port;
use schema::testing::needs;
use self_contained::kafka;
use tempfile::TempDir;

/// Nothing but Java and what a shell needs on the PATH, no Maven, and a home folder of its own that holds no jars.
struct Machine {
    folder: TempDir,
    jars: PathBuf,
}

impl Machine {
    fn find() -> Option<Self> {
        let jars = needs(kafka::jars(&kafka::Options::from_environment()).as_ref())?.clone();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("path")).unwrap();
        Some(Self { folder, jars })
    }

    /// A program that is found on the PATH.
    fn has(&self, program: &str) {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file());
        symlink(fs::canonicalize(found.unwrap()).unwrap(), self.folder.path().join("path").join(program)).unwrap();
    }

    /// As the distribution of Kafka has it, with the jars that Maven brought.
    fn distribution(&self) -> PathBuf {
        let home = self.folder.path().join("kafka");
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::write(home.join("bin/kafka-server-start.sh"), "").unwrap();
        symlink(&self.jars, home.join("libs")).unwrap();
        home
    }

    fn run(&self, command: &str) -> Command {
        let mut run = Command::new(env!("CARGO_BIN_EXE_self-contained"));
        run.arg(command)
            .env_clear()
            .env("PATH", self.folder.path().join("path"))
            .env("GOVRNANZA_HOME", self.folder.path());
        run.stdin(Stdio::null());
        run
    }
}

/// Ended when dropped.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        // SIGTERM: it stops the node that it has started.
        let _ = Command::new("kill").arg(id).status();
        let _ = self.0.wait();
    }
}

/// The address that it prints.
fn address(run: &mut Command) -> (Ends, String) {
    let mut child = run.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ends = Ends(child);
    assert!(line.starts_with("127.0.0.1:"), "{line:?}");
    (ends, line.trim().to_owned())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_broker_is_found_on_the_path_in_a_distribution_and_by_its_address() {
    let Some(machine) = Machine::find() else { return };
    let none = machine.run("broker").output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    assert!(said(&none).contains("it needs Java 17 or newer, and Java isn't installed"), "{}", said(&none));
    ["java", "sh", "sleep", "rm"].iter().for_each(|program| machine.has(program));
    let none = machine.run("broker").output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    assert!(said(&none).contains("set KAFKA_BROKERS"), "{}", said(&none));
    let wrong = machine.run("broker").env("KAFKA_HOME", "/nowhere").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
    assert!(said(&wrong).contains("/nowhere/libs isn't there"), "{}", said(&wrong));

    let home = machine.distribution();
    let (_first, started) = address(machine.run("broker").env("KAFKA_HOME", &home));
    // By its address nothing is started, and nothing is needed.
    let (_second, named) = address(machine.run("broker").env("KAFKA_BROKERS", &started).env("PATH", "/nowhere"));
    assert_eq!(named, started);
    symlink(home.join("bin/kafka-server-start.sh"), machine.folder.path().join("path/kafka-server-start.sh")).unwrap();
    let (_third, other) = address(&mut machine.run("broker"));
    assert_ne!(other, started);
}

fn topics(brokers: &str) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let found = consumer.fetch_metadata(None, Duration::from_secs(60)).unwrap();
    found.topics().iter().map(|topic| topic.name().to_owned()).filter(|name| name.starts_with("kept.")).collect()
}

#[test]
fn a_node_keeps_its_topics_where_it_is_killed() {
    let Some(machine) = Machine::find() else { return };
    ["java"].iter().for_each(|program| machine.has(program));
    let home = machine.distribution();
    let [port, controller] = [(); 2].map(|()| free_port().unwrap().to_string());
    let node = |folder: &Path| {
        let mut node = machine.run("node");
        node.env("KAFKA_HOME", &home).env("BROKER_FOLDER", folder.join("broker"));
        node.env("BROKER_PORT", &port).env("BROKER_CONTROLLER_PORT", &controller).stdout(Stdio::null());
        node
    };
    let prepared = node(machine.folder.path()).arg("--prepare").output().unwrap();
    assert!(prepared.status.success(), "{}", said(&prepared));
    let brokers = format!("127.0.0.1:{port}");
    let mut first = Ends(node(machine.folder.path()).spawn().unwrap());
    let made = machine.run("topics").env("KAFKA_BROKERS", &brokers).env("TOPIC_PREFIX", "kept.").output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let before = topics(&brokers);
    assert!(before.len() > 10, "{before:?}");
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let _again = Ends(node(machine.folder.path()).spawn().unwrap());
    eventually("the topics are there", || (topics(&brokers).len() == before.len()).then_some(()));
}
