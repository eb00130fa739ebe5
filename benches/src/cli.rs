//! The command line: what can be typed, and what the shell is told at the end.

mod article;
mod bench;
mod changes;
mod compare;
mod experiment;
mod failure;
mod knee;
mod scenario;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::system::{self, clock};
use crate::{Failure, Place, import};

/// The lab of Govrnanza: start the system, fill it, move its time.
///
/// Exit codes: 0 done, 1 a finding (a row was refused, a service died), 2 wrong usage or bad input, 3 could not run.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine and keep it running until Ctrl-C.
    Up(UpArgs),
    /// Measure who harms whom, on a system made for it: ends with a report.
    Run(experiment::RunArgs),
    /// Go on with a run that ended early: what is there is kept.
    Resume(experiment::ResumeArgs),
    /// Raise one service's rate until its p95 doubles.
    Knee(knee::KneeArgs),
    /// Print ids, tokens and URLs of a running system as JSON, for k6, wrk and others.
    Export(knee::ExportArgs),
    /// Check that the lab measures what it says it does, on this machine, now.
    Selftest(experiment::SelftestArgs),
    /// Compute an old result again from the histograms it stores.
    Analyse(experiment::AnalyseArgs),
    /// Ask a target of yours whether it keeps the contract: about forty requests.
    Probe(compare::ProbeArgs),
    /// Put two or more results side by side, with a verdict for every measure.
    Compare(compare::CompareArgs),
    /// Break one part after the other: what every service answers meanwhile.
    Failure(failure::FailureArgs),
    /// Play known harms of a shared database, their controls and their remedies.
    Scenario(scenario::ScenarioArgs),
    /// Move an aggressor away from its victim step by step: what another architecture would buy.
    Ladder(scenario::LadderArgs),
    /// Put one kind of pressure after another on all services: how much each of them feels it.
    Dials(scenario::DialArgs),
    /// Change the schema while the services are at work: who waits, with and without lock_timeout.
    SchemaChange(scenario::SchemaChangeArgs),
    /// Measure the same read by another architecture.
    Rival(failure::RivalArgs),
    /// Measure what the article says of synchronous calls, beside what is exact.
    ArticleFigures(article::ArticleArgs),
    /// Measure what one thing costs, beside the least it could cost.
    Bench(bench::BenchArgs),
    /// Weigh 24 schema changes: who must deploy together, with published views and without.
    Changes(changes::ChangesArgs),
    /// Take a catalogue of APIs (JSON Lines) into the running services.
    Import(ImportArgs),
    /// Move the time of all running services: +31d, -2h, reset, show.
    Clock(ClockArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one line on standard output, and nothing else.
    Json,
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Use a throw-away database and home folder
    #[arg(long)]
    ephemeral: bool,
    /// First of the ports; 0 takes free ones
    #[arg(long, default_value_t = 8100, value_name = "N")]
    port_base: u16,
    /// Put nginx in front: one origin for all services
    #[arg(long)]
    gateway: bool,
    /// How many of each service; more than one needs --gateway
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3), value_name = "N")]
    instances: u16,
    /// Show on standard error what the services log
    #[arg(long)]
    logs: bool,
    /// Run services built with optimisation, for load
    #[arg(long)]
    release: bool,
    /// How to say where everything is
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// The catalogue
    file: PathBuf,
    /// An up.json, one origin of all services, or account=URL,profile=URL,registry=URL [default: what `lab up` runs]
    #[arg(long)]
    target: Option<String>,
    /// What generated people and passwords derive from: the same for the same file
    #[arg(long, default_value = "1")]
    seed: String,
    /// How many organisations are worked on at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    threads: u8,
    /// How to say what went in
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct ClockArgs {
    /// +31d, -2h (s, m, h, d, w; from where the clock is), reset, or show
    #[arg(allow_hyphen_values = true, value_name = "MOVE")]
    movement: clock::Move,
    /// The up.json of the system to move [default: what `lab up` runs]
    #[arg(long)]
    target: Option<String>,
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => bring_up(&args),
        Command::Run(args) => experiment::run_experiment(&args),
        Command::Resume(args) => experiment::resume_experiment(&args),
        Command::Knee(args) => knee::find_knee(&args),
        Command::Export(args) => knee::export_ids(&args),
        Command::Selftest(args) => experiment::test_itself(&args),
        Command::Analyse(args) => experiment::analyse_file(&args),
        Command::Probe(args) => compare::probe_target(&args),
        Command::Compare(args) => compare::compare_files(&args),
        Command::Failure(args) => failure::fail(&args),
        Command::Scenario(args) => scenario::play(&args),
        Command::Ladder(args) => scenario::climb(&args),
        Command::Dials(args) => scenario::turn(&args),
        Command::SchemaChange(args) => scenario::change(&args),
        Command::Rival(args) => failure::measure_rival(&args),
        Command::ArticleFigures(args) => article::figures(&args),
        Command::Bench(args) => bench::measure(&args),
        Command::Changes(args) => changes::weigh(&args),
        Command::Import(args) => take_in(&args),
        Command::Clock(args) => move_clock(&args),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit_code()
    })
}

fn bring_up(args: &UpArgs) -> Result<ExitCode, Failure> {
    let options = system::Options {
        ephemeral: args.ephemeral,
        port_base: args.port_base,
        logs: args.logs,
        gateway: args.gateway || args.instances > 1,
        instances: args.instances,
        release: args.release,
        ..system::Options::default()
    };
    let died = system::run(&options, args.format == Format::Json)?;
    Ok(ExitCode::from(u8::from(died > 0)))
}

fn take_in(args: &ImportArgs) -> Result<ExitCode, Failure> {
    let rows = import::catalogue::read(&args.file)?;
    let target = Place::find(args.target.as_deref(), &home_for(args.target.as_deref())?)?;
    let summary = import::run(&rows, &target, &args.seed, args.threads.into())?;
    match args.format {
        Format::Text => print_line(&summary),
        Format::Json => print_line(summary.json()),
    }
    Ok(ExitCode::from(u8::from(!summary.refused.is_empty())))
}

fn move_clock(args: &ClockArgs) -> Result<ExitCode, Failure> {
    let up_json = clock::up_json(args.target.as_deref(), &home_for(args.target.as_deref())?);
    let ahead = clock::run(args.movement, &up_json)?;
    print_line(clock::describe(ahead));
    Ok(ExitCode::SUCCESS)
}

/// A line on standard output. Whoever reads it may have heard enough (`| head`): that is no failure.
pub(crate) fn print_line(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Only asked for where it matters: a machine without a home folder can still name its target.
fn home_for(target: Option<&str>) -> Result<PathBuf, Failure> {
    target.map_or_else(system::Home::usual, |_| Ok(PathBuf::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_move_may_start_with_a_hyphen() {
        let parsed = Cli::try_parse_from(["lab", "clock", "-2h"]).unwrap();
        assert!(matches!(parsed.command, Command::Clock(ClockArgs { movement: clock::Move::By(-7200), .. })));
        assert!(Cli::try_parse_from(["lab", "clock", "soon"]).is_err());
    }
}
