//! `lab up`: the whole system on this machine, with one command.

pub(crate) mod binaries;
pub mod clock;
mod command;
pub mod copies;
mod database;
pub(crate) mod environment;
pub mod export;
pub mod gateway;
pub mod greeting;
mod home;
mod instance;
mod operator;
pub(crate) mod ports;
pub(crate) mod process;
pub mod services;
mod settings;
pub(crate) mod site;
mod supervisor;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use home::{Home, line};
pub use instance::Instance;
pub use settings::LIMITS;

use crate::Failure;

/// How to bring it up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Another home folder than the usual one.
    pub home: Option<PathBuf>,
    /// A cluster and a home of its own, gone afterwards.
    pub ephemeral: bool,
    /// Ports from here on; 0 for free ones.
    pub port_base: u16,
    /// Show what the services log.
    pub logs: bool,
    /// nginx in front of the services.
    pub gateway: bool,
    /// How many of each service; 0 is one.
    pub instances: u16,
    /// Services as they are built for load.
    pub release: bool,
    /// Reads that may share a statement (`BATCH_MAX`), where it isn't what services do by themselves.
    pub batch_max: Option<u32>,
}

/// Brings it up, shows what is where (`json`: as one line and nothing else), and goes on until Ctrl-C or SIGTERM. How many
/// of its processes died unasked.
pub fn run(options: &Options, json: bool) -> Result<usize, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::could_not_run(format!("Signals can't be heard: {error}.")))?;
    }
    let instance = Instance::start(options, &stop, |news| eprintln!("{news}"))?;
    let text = if json {
        line(instance.target())?
    } else {
        greeting::text(instance.target(), instance.home(), instance.up_json())
    };
    // Who closed our standard output knows what they do: the system is up all the same.
    let _ = writeln!(std::io::stdout(), "{text}");
    let died = instance.wait();
    eprintln!("Stopped.");
    Ok(died)
}
