//! The command line: what can be typed, and the exit code.

mod architectures;
mod bench;
mod changes;
pub(crate) mod common;
mod compare;
mod experiment;
mod failure;
mod knee;
mod scenario;
mod sql;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::console::Console;
use crate::system::{self, clock};
use crate::{Failure, Place, import};
use common::{Format, home_for, print_line};

/// The lab of Govrnanza: start the system, fill it, move its clock, and measure how its services slow each other.
///
/// Exit codes: 0 done, 1 a finding or a failed check (a row was refused, a service died), 2 usage error or bad input, 3 could not run.
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
    /// Measure which service slows which, on a system started for this purpose, and write a report.
    Run(experiment::RunArgs),
    /// Continue a run that ended early.
    Resume(experiment::ResumeArgs),
    /// Raise one service's rate until its p95 doubles.
    Knee(knee::KneeArgs),
    /// Print ids, tokens and URLs of a running system as JSON, for k6, wrk and others.
    Export(knee::ExportArgs),
    Selftest(experiment::SelftestArgs),
    /// Analyse a stored result again, from its histograms.
    Analyse(experiment::AnalyseArgs),
    /// Check with 23 requests whether a target keeps the contract.
    Probe(compare::ProbeArgs),
    /// Compare two or more results, with a verdict for every metric.
    Compare(compare::CompareArgs),
    /// Stop one part after the other, and measure how every service answers meanwhile.
    Failure(failure::FailureArgs),
    /// Count what services that call each other answer wrongly, by how long an answer may be used again.
    WrongAnswers(failure::WrongAnswersArgs),
    /// Run known problems of a shared database, each with its control and its remedies.
    Scenario(scenario::ScenarioArgs),
    /// Move an interfering service away from the one that it slows, level by level: what another architecture would gain.
    Ladder(scenario::LadderArgs),
    /// Apply one kind of pressure on the database after another, and measure how much it slows each service.
    #[command(alias = "dials")]
    Pressure(scenario::PressureArgs),
    /// Change the schema under load, and measure which services wait, with and without lock_timeout.
    SchemaChange(scenario::SchemaChangeArgs),
    Architectures(architectures::ArchitecturesArgs),
    /// Compare a read by the API-centric architecture with the same read as three HTTP calls by hand, and as one statement.
    Composed(failure::ComposedArgs),
    /// Measure what one kind of request costs, compared with the least that it could cost.
    Bench(bench::BenchArgs),
    Changes(changes::ChangesArgs),
    Sql(sql::SqlArgs),
    /// Import a catalogue of APIs (JSON Lines) into the running services.
    Import(ImportArgs),
    /// Move the time of all running services: +31d, -2h, reset, show.
    Clock(ClockArgs),
}

/// Counted from the first of the ports.
const CONSOLE_PORT: u16 = 10;

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
    #[command(flatten)]
    layout: common::LayoutArgs,
    /// Instances of each service; more than one turns on --gateway
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3), value_name = "N")]
    instances: u16,
    /// Show on standard error what the services log
    #[arg(long)]
    logs: bool,
    /// Run services built with optimisation, for load
    #[arg(long)]
    release: bool,
    /// Without the console: a page that shows live who blocks whom, with a load and known harms to switch on
    #[arg(long)]
    no_console: bool,
    /// How many rows the console makes for its load, where it has none
    #[arg(long, value_enum, default_value = "small")]
    data: common::Data,
    /// How to print the URLs; json has no console
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
    /// Seed of generated people and passwords: the same seed and file give the same ones
    #[arg(long, default_value = "1")]
    seed: String,
    /// How many organisations are imported at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    threads: u8,
    /// How to print what was imported
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct ClockArgs {
    /// +31d, -2h (s, m, h, d, w; relative to the services' present time), reset, or show
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
        Command::WrongAnswers(args) => failure::count_wrong_answers(&args),
        Command::Scenario(args) => scenario::play(&args),
        Command::Ladder(args) => scenario::ladder(&args),
        Command::Pressure(args) => scenario::press(&args),
        Command::SchemaChange(args) => scenario::change(&args),
        Command::Architectures(args) => architectures::compare(&args),
        Command::Composed(args) => failure::measure_composed(&args),
        Command::Bench(args) => bench::measure(&args),
        Command::Changes(args) => changes::evaluate(&args),
        Command::Sql(args) => sql::measure(&args),
        Command::Import(args) => take_in(&args),
        Command::Clock(args) => move_clock(&args),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit_code()
    })
}

fn bring_up(args: &UpArgs) -> Result<ExitCode, Failure> {
    let layout = args.layout.layout()?;
    if layout.architecture == system::Architecture::ApiCentric && args.instances > 1 {
        return Err(Failure::usage(
            "--instances: with --architecture api-centric one instance of each service runs, because the others call it at one address.",
        ));
    }
    let options = system::Options {
        layout,
        ephemeral: args.ephemeral,
        port_base: args.port_base,
        logs: args.logs,
        gateway: args.gateway || args.instances > 1,
        instances: args.instances,
        release: args.release,
        ..system::Options::default()
    };
    let json = args.format == Format::Json;
    let has_console = !json && !args.no_console && layout.architecture == system::Architecture::SharedDatabase;
    let beside = |up: &system::Deployment| {
        let port = if args.port_base == 0 { 0 } else { args.port_base.saturating_add(CONSOLE_PORT) };
        let begin = || Console::begin(up.place(), up.home(), args.data.size(), port);
        let begun = has_console.then(begin)?;
        // All else is up, and of use without it.
        let console = begun.map_err(|failure| eprintln!("There is no console: {failure}")).ok()?;
        Some((console.url.clone(), console))
    };
    let died = system::run(&options, json, beside)?;
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
