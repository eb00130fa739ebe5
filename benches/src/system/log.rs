//! The log between the services' databases, where there is one: a node of Kafka of ours, or brokers that are named.

use std::fs;
use std::path::{Path, PathBuf};

use super::relay::Relay;
use crate::Failure;

/// The folder of a node, in the home; its image is beside its data.
const FOLDER: &str = "broker";
const DATA: &str = "data";
const IMAGE: &str = "image";
/// What every topic's name begins with, on a node of ours.
const PREFIX: &str = "govrnanza.";

/// Where the log is.
#[derive(Clone, Debug)]
pub struct Log {
    /// Bootstrap servers.
    pub brokers: String,
    prefix: String,
    /// Of a node of ours; none: somebody else's brokers.
    folder: Option<PathBuf>,
    /// What a node of ours calls its port, where a relay stands before it.
    pub advertised_port: Option<u16>,
}

impl Log {
    /// Brokers that are named in the environment (`KAFKA_BROKERS`).
    pub fn named() -> Option<String> {
        std::env::var("KAFKA_BROKERS").ok().filter(|brokers| !brokers.is_empty())
    }

    /// Those that are named, else the node that will listen at this URL. Where this system is thrown away, its topics on brokers of others
    /// have a name that never comes again.
    pub fn find(node: Option<&String>, home: &Path, ephemeral: bool) -> Self {
        match Self::named() {
            Some(brokers) => {
                let throw_away = || format!("govrnanza-{:016x}.", rand::random::<u64>());
                let kept = std::env::var("TOPIC_PREFIX").unwrap_or_else(|_| PREFIX.to_owned());
                Self {
                    brokers,
                    prefix: if ephemeral { throw_away() } else { kept },
                    folder: None,
                    advertised_port: None,
                }
            }
            None => {
                let brokers = node.and_then(|url| url.strip_prefix("http://")).unwrap_or_default().to_owned();
                Self { brokers, prefix: PREFIX.to_owned(), folder: Some(home.join(FOLDER)), advertised_port: None }
            }
        }
    }

    /// Settings of each part of the log: where the brokers are, and what topics' names begin with.
    pub fn settings(&self) -> [(String, String); 2] {
        [("KAFKA_BROKERS".to_owned(), self.brokers.clone()), ("TOPIC_PREFIX".to_owned(), self.prefix.clone())]
    }

    /// From now on everybody is led to a relay before the node.
    pub fn relay(&mut self) -> Result<Relay, Failure> {
        self.ours()?;
        let relay = Relay::before(&format!("http://{}", self.brokers))?;
        self.brokers = relay.url().trim_start_matches("http://").to_owned();
        self.advertised_port = self.brokers.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Ok(relay)
    }

    /// Keeps a copy of all topics to put them back to; the node must be stopped.
    pub fn keep_image(&self) -> Result<(), Failure> {
        let folder = self.ours()?;
        copy(&folder.join(DATA), &folder.join(IMAGE))
    }

    /// Puts all topics back to what was kept; the node must be stopped.
    pub fn restore_image(&self) -> Result<(), Failure> {
        let folder = self.ours()?;
        copy(&folder.join(IMAGE), &folder.join(DATA))
    }

    /// Bytes of all topics; the node may run.
    pub fn stored_bytes(&self) -> Result<u64, Failure> {
        let folder = self.ours()?.join(DATA);
        size(&folder).map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", folder.display())))
    }

    fn ours(&self) -> Result<&Path, Failure> {
        self.folder.as_deref().ok_or_else(|| {
            Failure::usage(
                "This command puts data and log back to a kept state, which it can do only to a broker that it has started: unset KAFKA_BROKERS.",
            )
        })
    }
}

/// Whole folders: `to` is then as `from`.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|error| failed(to, &error))?;
    }
    add(from, to).map_err(|error| failed(from, &error))
}

fn add(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => add(&entry.path(), &to)?,
            false => drop(fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}

/// Bytes of all files below a folder. One that is removed meanwhile holds none.
fn size(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(of) if of.is_dir() => size(&entry.path())?,
            Ok(of) => of.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

fn failed(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("The log in {} can't be copied: {error}.", folder.display()))
}
