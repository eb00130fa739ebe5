//! A broker of one test, which can be killed and cut.

use std::path::PathBuf;
use std::sync::Mutex;

use behaviour::assert::eventually;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use schema::ports::free_port;
use self_contained::Error;
use self_contained::kafka::prepare;
use tempfile::TempDir;

use crate::process::{BROKER, Process, node};

pub struct Node {
    pub servers: String,
    process: Mutex<Process>,
    folder: TempDir,
}

impl Node {
    /// Starts one from what is installed, also where another is named by the environment: that one isn't ours to kill.
    pub fn start() -> Result<Self, Error> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let arguments = [folder.path().display().to_string(), port.to_string(), free_port()?.to_string()];
        let (node, options) = node(&arguments);
        prepare(&node, &options)?;
        let process = Mutex::new(Process::of_test(BROKER, &arguments));
        let node = Self { servers: format!("127.0.0.1:{port}"), process, folder };
        node.ready();
        Ok(node)
    }

    /// Waits until it answers.
    pub fn ready(&self) {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.servers).create().unwrap();
        eventually("the broker answers", || consumer.fetch_metadata(None, std::time::Duration::from_secs(1)).ok());
    }

    /// SIGKILL; it is gone when this returns.
    pub fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    /// With the data and at the port that it had; it may take seconds until it answers.
    pub fn start_again(&self) {
        self.process.lock().unwrap().start_again();
    }

    /// The folder of a partition.
    pub fn partition(&self, topic: &str, part: i32) -> PathBuf {
        self.folder.path().join(format!("data/{topic}-{part}"))
    }
}
