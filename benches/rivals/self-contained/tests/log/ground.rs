//! Databases and a log, and the parts that are at work on them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::{Args, Parser};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use schema::apply::install;
use schema::cluster::ClusterOptions;
use schema::testing::{TestCluster, needs};
use schema::{ApplyOptions, OwnDatabase, SERVICES};
use self_contained::kafka::{Broker, Options};
use self_contained::{Error, Log, ingest, relay, topics};
use uuid::Uuid;

use crate::freshness::Freshness;
use crate::node::Node;
use crate::process::Process;

/// Settings as a command line has them.
#[derive(Parser)]
pub struct Line<S: Args> {
    #[command(flatten)]
    pub settings: S,
}

/// A relay or an ingester, until it is dropped.
pub enum Part {
    /// In this process.
    Thread { stopping: Arc<AtomicBool>, thread: Option<JoinHandle<Result<(), Error>>> },
    /// In its own, which can be killed.
    Process(Box<Mutex<Process>>),
}

impl Part {
    fn thread(run: impl FnOnce(&AtomicBool) -> Result<(), Error> + Send + 'static) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let of = Arc::clone(&stopping);
        Self::Thread { stopping, thread: Some(std::thread::spawn(move || run(&of))) }
    }

    /// SIGKILL, and a start.
    pub fn kill(&self) {
        let Self::Process(process) = self else { panic!("it has no process of its own") };
        let mut process = process.lock().unwrap();
        process.kill();
        process.start_again();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Self::Thread { stopping, thread } = self {
            stopping.store(true, Ordering::SeqCst);
            thread.take().unwrap().join().unwrap().unwrap();
        }
    }
}

/// Databases and a log with its topics, and no service. The fields are dropped in this order.
pub struct Ground {
    pub log: Log,
    /// Of this test alone; else its processes are threads.
    pub node: Option<Node>,
    /// One for all databases, or one for each.
    clusters: Vec<Mutex<TestCluster>>,
}

/// One for all tests of this process; it ends with it.
fn broker() -> Option<&'static Broker> {
    static BROKER: LazyLock<Result<Broker, String>> =
        LazyLock::new(|| Broker::find_or_start(&Options::from_environment()).map_err(|error| error.to_string()));
    needs(BROKER.as_ref())
}

impl Ground {
    /// The databases of these services; none: there is no Kafka here, and the test is skipped.
    pub fn find(services: &[&str]) -> Option<Self> {
        let broker = broker()?;
        Some(Self::new(&broker.servers, services, None, vec![TestCluster::bare()]))
    }

    /// Each database has a server of its own, each part is a process, and so is the broker: all of them can be killed.
    pub fn apart(services: &[&str]) -> Option<Self> {
        let node = needs(Node::start())?;
        // What is killed keeps what it gave to the system: flushing would cost time and add nothing. What it said to be committed must stay.
        let settings = ["synchronous_commit = on", "full_page_writes = on"].map(str::to_owned).into();
        let options = ClusterOptions { settings, ..ClusterOptions::ephemeral() };
        let clusters = services.iter().map(|_| TestCluster::with(options.clone())).collect();
        Some(Self::new(&node.servers.clone(), services, Some(node), clusters))
    }

    /// The databases of these services on one server; each part is a process, and so is the broker.
    pub fn with_node(services: &[&str]) -> Option<Self> {
        let node = needs(Node::start())?;
        Some(Self::new(&node.servers.clone(), services, Some(node), vec![TestCluster::bare()]))
    }

    fn new(servers: &str, services: &[&str], node: Option<Node>, clusters: Vec<TestCluster>) -> Self {
        let log = Log { kafka_brokers: servers.to_owned(), topic_prefix: format!("test-{}.", Uuid::now_v7()) };
        topics::create(&log, 1, 1).unwrap();
        if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("LOG") {
            // Another test may have been first.
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        }
        let ground = Self { log, node, clusters: clusters.into_iter().map(Mutex::new).collect() };
        for service in services {
            let (own, cluster) = (OwnDatabase::of(service).unwrap(), ground.cluster(service).lock().unwrap());
            install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        }
        ground
    }

    fn cluster(&self, service: &str) -> &Mutex<TestCluster> {
        let number = SERVICES.iter().position(|one| *one == service).unwrap();
        &self.clusters[number % self.clusters.len()]
    }

    pub fn url(&self, service: &str, login: &str) -> String {
        self.cluster(service).lock().unwrap().url(&format!("govrnanza_{service}"), login)
    }

    /// A connection to a service's own database, as superuser.
    pub fn connect(&self, service: &str) -> postgres::Client {
        self.connect_as(service, "superuser")
    }

    /// The same, as another login.
    pub fn connect_as(&self, service: &str, login: &str) -> postgres::Client {
        postgres::Client::connect(&self.url(service, login), postgres::NoTls).unwrap()
    }

    /// All records of a topic, in the order of their partitions: the partition, the key, and whether there is a row with it.
    pub fn records(&self, noun: &str) -> Vec<(i32, String, bool)> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.log.kafka_brokers).set("group.id", "records");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        let (consumer, topic): (BaseConsumer, _) =
            (config.create().unwrap(), format!("{}{noun}", self.log.topic_prefix));
        let metadata = consumer.fetch_metadata(Some(&topic), Duration::from_secs(10)).unwrap();
        let mut list = TopicPartitionList::new();
        for part in metadata.topics()[0].partitions() {
            list.add_partition_offset(&topic, part.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut records, mut ended) = (Vec::new(), 0);
        while ended < list.count() {
            match consumer.poll(Duration::from_secs(10)).unwrap() {
                Ok(message) => {
                    let key = String::from_utf8_lossy(message.key().unwrap()).into_owned();
                    records.push((message.partition(), key, message.payload().is_some()));
                }
                Err(KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{error}"),
            }
        }
        records
    }

    /// SIGKILL to the server of a service's database, and a start.
    pub fn kill_database(&self, service: &str) {
        let mut cluster = self.cluster(service).lock().unwrap();
        let port = cluster.cluster().port();
        cluster.kill().unwrap();
        // Its processes end after it, and until then there is no start.
        behaviour::assert::eventually("the database starts again", || cluster.start().ok());
        assert_eq!(cluster.cluster().port(), port, "somebody took the port meanwhile");
    }

    pub fn relay(&self, service: &str) -> Part {
        let url = self.url(service, &format!("{service}_relay"));
        let more = ["--relay-database-url", &url, "--relay-poll-ms", "20", "--relay-compare-ms", "100"];
        self.part("relay", service, &more, relay::run)
    }

    pub fn ingester(&self, service: &str) -> Part {
        let url = self.url(service, &format!("{service}_copier"));
        self.part("ingester", service, &["--copier-database-url", &url], ingest::run)
    }

    fn part<S: Args + Send + 'static>(
        &self,
        command: &'static str,
        service: &str,
        more: &[&str],
        run: fn(&S, &AtomicBool) -> Result<(), Error>,
    ) -> Part {
        let mut line = vec![command, "--service", service, "--kafka-brokers", &self.log.kafka_brokers];
        line.extend(["--topic-prefix", &self.log.topic_prefix]);
        line.extend(more);
        if self.node.is_some() {
            let log = std::env::var("LOG").unwrap_or_else(|_| "off".to_owned());
            let program = Path::new(env!("CARGO_BIN_EXE_self-contained"));
            return Part::Process(Box::new(Mutex::new(Process::start(program, &line, &[("LOG", &log)]))));
        }
        line[0] = "test";
        let settings = Line::<S>::parse_from(line).settings;
        Part::thread(move |stopping| run(&settings, stopping))
    }

    pub fn freshness(&self) -> Freshness {
        Freshness::new(|service| self.url(service, "superuser"))
    }
}
