//! What several commands take, and how they end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api_centric::settings::Ttl;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::data::Size;
use crate::experiments::paired::Plan;
use crate::result::attachments;
use crate::system::{Architecture, Engines, Layout};
use crate::{Failure, system};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one line on standard output, and nothing else.
    Json,
}

/// How many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Data {
    /// 300 APIs of 10 organisations: to try a target.
    Tiny,
    /// 10,000 APIs of 100 organisations.
    Small,
    /// 100,000 APIs of 1,000 organisations.
    Large,
}

impl Data {
    /// As the data set knows it.
    pub(crate) fn size(self) -> Size {
        match self {
            Self::Tiny => Size::TINY,
            Self::Small => Size::SMALL,
            Self::Large => Size::LARGE,
        }
    }
}

/// How two systems are compared.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Reads per second, the same for both
    #[arg(long, default_value_t = 100.0, value_name = "N", value_parser = positive)]
    rate: f64,
    /// Seconds that each is measured in a replicate
    #[arg(long, default_value_t = 6, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each is measured: the median needs 4, p95 needs 8, p99 needs 20
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    replicates: u32,
}

/// Which system is started.
#[derive(Debug, Args)]
pub(crate) struct LayoutArgs {
    /// How the services get at each other's data
    #[arg(long, value_enum, default_value = "shared-database", value_name = "NAME")]
    pub(crate) architecture: Architecture,
    /// One Postgres for the five databases of api-centric or self-contained, or one for each: 1 or 5
    #[arg(long, default_value = "1", value_name = "N", value_parser = Engines::parse)]
    engines: Engines,
    /// How long a fact fetched over HTTP may be used again (api-centric), in milliseconds: 5000 on all edges, 5000,standings=0 by noun; 0 asks each time
    #[arg(long, default_value = "0", value_name = "MS,NOUN=MS")]
    cache_ttl: Ttl,
}

impl LayoutArgs {
    /// # Errors
    /// When they don't fit together.
    pub(crate) fn layout(&self) -> Result<Layout, Failure> {
        let Self { architecture, engines, cache_ttl } = *self;
        if architecture != Architecture::ApiCentric && cache_ttl != Ttl::default() {
            return Err(Failure::usage(
                "--cache-ttl needs --architecture api-centric: in the others no service fetches anything from another.",
            ));
        }
        if architecture == Architecture::SharedDatabase && engines != Engines::One {
            return Err(Failure::usage(
                "--engines needs --architecture api-centric or self-contained: in shared-database all share one database.",
            ));
        }
        Ok(Layout { architecture, engines, cache_ttl, ..Layout::default() })
    }
}

/// What all of them take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Save the outcome in this folder; reports that are written there afterwards show it
    #[arg(long, value_name = "DIR", value_parser = attachments::folder)]
    pub(crate) save: Option<PathBuf>,
    /// Seed of the data and the requests
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Load services that are built without optimisation: only to try the lab itself
    #[arg(long)]
    pub(crate) unoptimised: bool,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

impl PlanArgs {
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        Plan { rate_per_s: self.rate, seconds: self.seconds, replicates: self.replicates as usize, seed }
    }
}

impl Common {
    /// Prints the outcome, and keeps it where that was asked for.
    pub(crate) fn end<T: Serialize + std::fmt::Display>(&self, name: &str, outcome: &T) -> Result<(), Failure> {
        keep_and_print(self.save.as_deref(), self.format, name, outcome)
    }

    /// The same, unless it ended early: then it is printed alone, because half an outcome must not pass for a whole one.
    pub(crate) fn end_if_whole<T: Serialize + std::fmt::Display>(
        &self,
        name: &str,
        outcome: &T,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        if !stop.load(Ordering::Relaxed) {
            return self.end(name, outcome);
        }
        print(self.format, &outcome.to_string(), outcome);
        Err(Failure::could_not_run("Ended early: this is incomplete, and was not kept."))
    }
}

/// Prints an outcome, and keeps it in a folder if one is given.
pub(crate) fn keep_and_print<T: Serialize + std::fmt::Display>(
    save: Option<&Path>,
    format: Format,
    name: &str,
    outcome: &T,
) -> Result<(), Failure> {
    // First: what can't be written was measured all the same.
    print(format, &outcome.to_string(), outcome);
    if let Some(folder) = save {
        attachments::write(folder, name, outcome)?;
        eprintln!("Kept: {}", folder.join(name).display());
    }
    Ok(())
}

pub(crate) fn print(format: Format, text: &str, outcome: &impl Serialize) {
    match format {
        Format::Text => print_line(text.trim_end()),
        Format::Json => print_line(serde_json::json!(outcome)),
    }
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1e6 => Ok(value),
        _ => Err("a number above 0, at most 1000000".into()),
    }
}

/// True from Ctrl-C or SIGTERM on.
pub(crate) fn interruptible() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::could_not_run(format!("Signals can't be handled: {error}.")))?;
    }
    Ok(stop)
}

/// A line on standard output. Whoever reads it may have heard enough (`| head`): that is no failure.
pub(crate) fn print_line(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Only asked for where it matters: a machine without a home folder can still name its target.
pub(crate) fn home_for(target: Option<&str>) -> Result<PathBuf, Failure> {
    target.map_or_else(system::Home::usual, |_| Ok(PathBuf::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_and_sigterm_both_stop() {
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let stop = interruptible().unwrap();
            assert!(!stop.load(Ordering::Relaxed));
            signal_hook::low_level::raise(signal).unwrap();
            assert!(stop.load(Ordering::Relaxed), "{signal}");
        }
    }

    #[test]
    fn half_an_outcome_is_not_kept_and_a_whole_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let common = Common { save: Some(folder.path().to_owned()), seed: 1, unoptimised: true, format: Format::Json };
        let stop = AtomicBool::new(false);
        common.end_if_whole("a.json", &"whole", &stop).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(common.end_if_whole("a.json", &"half", &stop).is_err());
        let kept = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
        assert_eq!(kept, "\"whole\"\n");
    }
}
