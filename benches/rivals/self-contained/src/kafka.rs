//! A Kafka broker without setup: the one that is named, else one started from what is installed, else from the broker's own jars by Maven.
//!
//! `KAFKA_BROKERS` given: that one is used and nothing is started. Else one KRaft node on 127.0.0.1. Its jars are those of `KAFKA_HOME`, else of
//! the `kafka-server-start` on the `PATH`, else Maven puts them into `kafka/` of the project's home folder, once. Either it is on free ports with its
//! data in a temporary folder, and ends with the process that started it ([`Broker`]); or it has ports and a folder that stay the same, and is
//! the process itself ([`become_node`]): what is stopped, killed or measured then is Kafka and nothing else.
//!
//! `acks=all` of one node is not flushed to the disk, and Postgres' commits are: say so beside every number that is measured on it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use schema::ports::free_port;
use tempfile::TempDir;

use crate::Error;

const POM: &str = include_str!("../broker/pom.xml");
const SERVER: &str = include_str!("../broker/server.properties");
const LOGGING: &str = include_str!("../broker/log4j2.properties");
/// Of the jars that Maven brings; a folder has its name.
const VERSION: &str = "4.3.1";
const WITHIN: Duration = Duration::from_secs(90);

/// Runs the broker, and stops it when the end of the input says that whoever started it is gone.
const LEASH: &str = r#"
exec 3<&0
"$@" </dev/null &
pid=$!
( read -r _ <&3; kill "$pid" 2>/dev/null; n=0
  while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  kill -KILL "$pid" 2>/dev/null
  rm -rf "$FOLDER" ) &
wait "$pid"
"#;

/// How.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Bootstrap servers of a broker that runs.
    pub brokers: Option<String>,
    /// A Kafka distribution.
    pub kafka_home: Option<PathBuf>,
    /// More settings of the node that is started, as in `server.properties`.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// From the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { brokers: set("KAFKA_BROKERS"), kafka_home: set("KAFKA_HOME").map(PathBuf::from), settings: Vec::new() }
    }
}

/// A node's place on this machine, the same at each start.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Node {
    /// Where its data are kept.
    #[arg(long, env = "BROKER_FOLDER")]
    pub broker_folder: PathBuf,
    /// Its port on 127.0.0.1.
    #[arg(long, env = "BROKER_PORT")]
    pub broker_port: u16,
    /// The port of its controller.
    #[arg(long, env = "BROKER_CONTROLLER_PORT")]
    pub broker_controller_port: u16,
    /// The port that clients are told, where something stands before its own.
    #[arg(long, env = "BROKER_ADVERTISED_PORT")]
    pub broker_advertised_port: Option<u16>,
}

/// Makes ready what [`become_node`] needs, which may take minutes the first time: the jars, the node's settings, and its folder where it is new.
/// Where the jars are.
///
/// # Errors
/// [`Error::Usage`]: there is nothing to start one from. Else the folder can't be made.
pub fn prepare(node: &Node, options: &Options) -> Result<PathBuf, Error> {
    let jars = jars(options)?;
    fs::create_dir_all(&node.broker_folder)?;
    let mut settings = options.settings.clone();
    if let Some(port) = node.broker_advertised_port {
        settings.push(("advertised.listeners".to_owned(), format!("PLAINTEXT://127.0.0.1:{port}")));
    }
    format(&jars, &node.broker_folder, [node.broker_port, node.broker_controller_port], &settings)?;
    Ok(jars)
}

/// Puts Kafka in this process's place.
///
/// # Errors
/// As of [`prepare`], or Java can't be run; else it doesn't return.
pub fn become_node(node: &Node, options: &Options) -> Result<(), Error> {
    let mut kafka = java(&prepare(node, options)?, &node.broker_folder);
    Err(kafka.arg("kafka.Kafka").arg(node.broker_folder.join("server.properties")).exec().into())
}

/// A broker that answers.
#[derive(Debug)]
pub struct Broker {
    /// Its bootstrap servers.
    pub servers: String,
    node: Option<Held>,
}

#[derive(Debug)]
struct Held {
    shell: Child,
    held: Option<ChildStdin>,
    folder: TempDir,
}

impl Broker {
    /// Uses the broker that is named, else starts one; it answers when this returns.
    ///
    /// # Errors
    /// [`Error::Usage`]: there is nothing to start one from. Else it didn't answer in time.
    pub fn find_or_start(options: &Options) -> Result<Self, Error> {
        let broker = match &options.brokers {
            Some(servers) => Self { servers: servers.clone(), node: None },
            None => Self::start(&jars(options)?, &options.settings)?,
        };
        broker.ready()
    }

    fn start(jars: &Path, settings: &[(String, String)]) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("govrnanza-kafka-").tempdir()?;
        let [port, controller] = [free_port()?, free_port()?];
        format(jars, folder.path(), [port, controller], settings)?;
        let java = java(jars, folder.path());
        let log = fs::File::create(folder.path().join("log"))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", LEASH, "leash"]).arg(java.get_program()).args(java.get_args());
        shell.args(["kafka.Kafka"]).arg(folder.path().join("server.properties")).env("FOLDER", folder.path());
        shell.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut shell = shell.spawn()?;
        let held = shell.stdin.take();
        Ok(Self { servers: format!("127.0.0.1:{port}"), node: Some(Held { shell, held, folder }) })
    }

    fn ready(mut self) -> Result<Self, Error> {
        let log = crate::Log { kafka_brokers: self.servers.clone(), topic_prefix: String::new() };
        let consumer: BaseConsumer = log.client("ready").create()?;
        let began = Instant::now();
        loop {
            let Err(error) = consumer.fetch_metadata(None, Duration::from_secs(1)) else { return Ok(self) };
            let ended = self.node.as_mut().is_some_and(|node| !matches!(node.shell.try_wait(), Ok(None)));
            if ended || began.elapsed() > WITHIN {
                let said = self.node.as_ref().map(|node| fs::read_to_string(node.folder.path().join("log")));
                let said = said.and_then(Result::ok).unwrap_or_default();
                let last = said.lines().last().unwrap_or("it said nothing");
                return Err(Error::Failed(format!("no broker answers at {}: {error}; {last}", self.servers)));
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.shell.wait();
    }
}

/// Writes a node's settings, and makes its data folder where there is none.
fn format(
    jars: &Path,
    folder: &Path,
    [port, controller]: [u16; 2],
    settings: &[(String, String)],
) -> Result<(), Error> {
    let (data, file) = (folder.join("data"), folder.join("server.properties"));
    let mut properties = format!(
        "{SERVER}listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\nlog.dirs={}\n",
        data.display()
    );
    for (name, value) in settings {
        properties.push_str(&format!("{name}={value}\n"));
    }
    fs::write(&file, properties)?;
    fs::write(folder.join("log4j2.properties"), LOGGING)?;
    if data.join("meta.properties").is_file() {
        return Ok(());
    }
    let format = ["kafka.tools.StorageTool", "format", "--standalone", "-t", "Z292cm5hbnphLWthZmthLQ", "-c"];
    let formatted = java(jars, folder).args(format).arg(file).output()?;
    if !formatted.status.success() {
        let said = String::from_utf8_lossy(&formatted.stderr);
        return Err(Error::Failed(format!("Kafka's data folder can't be made: {}", said.trim())));
    }
    Ok(())
}

fn java(jars: &Path, folder: &Path) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC"]);
    java.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.properties").display()));
    java.arg("-cp").arg(jars.join("*"));
    java
}

/// The folder of the broker's jars; Maven may have to fetch them first.
///
/// # Errors
/// [`Error::Usage`]: there is nothing to start one from. Else they can't be fetched.
pub fn jars(options: &Options) -> Result<PathBuf, Error> {
    let found = options.kafka_home.as_deref().map(|home| home.join("libs")).or_else(on_path);
    let have = java_version();
    if have.is_none_or(|version| version < 17) {
        let what = have.map_or("isn't installed".to_owned(), |version| format!("is of version {version}"));
        return Err(Error::Usage(format!(
            "no Kafka: it needs Java 17 or newer, and Java {what}; install it, or set KAFKA_BROKERS to a broker that runs"
        )));
    }
    match found {
        Some(jars) if jars.is_dir() => Ok(jars),
        Some(jars) => Err(Error::Usage(format!("no Kafka: {} isn't there; set KAFKA_HOME", jars.display()))),
        None => by_maven(),
    }
}

/// Of the `kafka-server-start` on the PATH: its links lead into the distribution.
fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["kafka-server-start", "kafka-server-start.sh"];
    let mut found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let program = fs::canonicalize(found.find(|program| program.is_file())?).ok()?;
    let home = program.parent()?.parent()?;
    ["libs", "libexec/libs"].iter().map(|libs| home.join(libs)).find(|libs| libs.is_dir())
}

/// The first number of `openjdk version "17.0.15" 2025-04-15`.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.split('"').nth(1)?.split('.').next()?.parse().ok()
}

fn by_maven() -> Result<PathBuf, Error> {
    let home = schema::cluster::home().map_err(|error| Error::Usage(error.to_string()))?.join("kafka");
    let jars = home.join(VERSION);
    if jars.is_dir() {
        return Ok(jars);
    }
    fs::create_dir_all(&home)?;
    let folder = tempfile::Builder::new().prefix("jars-").tempdir_in(&home)?;
    let pom = folder.path().join("pom.xml");
    fs::write(&pom, POM)?;
    let output = folder.path().join("jars");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(&pom).args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    maven.arg(format!("-DoutputDirectory={}", output.display())).stdin(Stdio::null());
    let done = maven.output().map_err(|_| {
        Error::Usage(
            "no Kafka: set KAFKA_BROKERS to a broker that runs, or KAFKA_HOME to a distribution, or install Maven"
                .to_owned(),
        )
    })?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let why = said.lines().find(|line| line.starts_with("[ERROR]")).unwrap_or("it said nothing").to_owned();
        return Err(Error::Failed(format!("Maven can't fetch Kafka {VERSION}: {why}")));
    }
    // Another process may have been faster: one is as good as the other.
    match fs::rename(&output, &jars) {
        Err(error) if !jars.is_dir() => Err(error.into()),
        _ => Ok(jars),
    }
}
