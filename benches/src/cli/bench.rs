//! `lab bench …`

mod all;
mod args;
mod sql;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::common::interruptible;
use crate::Failure;
use crate::bench::{hot, month_end, normalisation, notify};
use crate::result::attachments;
use crate::sql::yardstick;
use args::{
    AllArgs, CreateArgs, DecisionsArgs, GrowthArgs, HotArgs, MonthEndArgs, NormalisationArgs, NotifyArgs, OverloadArgs,
    PairedArgs,
};
use sql::SqlArgs;

/// Measure what one kind of request costs, compared with the least that it could cost.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Registry's read of one API compared with pgbench that runs the same statement: with and without sharing statements.
    Read(HotArgs),
    /// The first 50 APIs of an organisation.
    List(HotArgs),
    /// A new API: across all organisations or, with --one, into one organisation.
    Create(CreateArgs),
    /// A mix: of a hundred requests eighty reads, fifteen lists and five creates.
    Mixed(HotArgs),
    /// The read behind axum and tokio-postgres, axum and sqlx, node and pg: built here and compared with Registry.
    Rivals(HotArgs),
    /// Ways from a request to the database, for the read, in one small program: own threads, web::block and inline, with and without sharing.
    Shapes(HotArgs),
    /// Three times the load that Registry can answer, for a minute: how many requests are still answered, and how fast.
    Overload(OverloadArgs),
    /// The same requests on larger and larger data.
    Growth(GrowthArgs),
    /// What foreign keys across services, a second login and the feed of changes cost (ADRs 0001 to 0003).
    Decisions(DecisionsArgs),
    /// Billing's monthly run compared with one bare insert of the same rows.
    MonthEnd(MonthEndArgs),
    /// From a change's commit to the mail about it, also while a transaction is held open elsewhere.
    Notify(NotifyArgs),
    /// The read of one API through views compared with local copies of others' tables: what normalisation costs.
    Normalisation(NormalisationArgs),
    /// A transaction measured by `lab sql` compared with the same pgbench started by hand.
    Sql(SqlArgs),
    /// Two builds of Registry in turn on one database: whether the second one is slower than the first.
    Paired(PairedArgs),
    /// All benches one after another, saved in a folder with their goals.
    All(AllArgs),
}

/// Measures; exit code 1 where a goal isn't reached.
pub(super) fn measure(args: &BenchArgs) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Read(args) => measure_hot(args, hot::Kind::Read),
        What::List(args) => measure_hot(args, hot::Kind::List),
        What::Create(args) if args.one => measure_hot(&args.hot, hot::Kind::CreateOne),
        What::Create(args) => measure_hot(&args.hot, hot::Kind::Create),
        What::Mixed(args) => measure_hot(args, hot::Kind::Mixed),
        What::Rivals(args) => {
            let outcome = hot::rivals::run(&args.plan(hot::Kind::Read))?;
            done(args.run.output.put("rivals", &outcome))
        }
        What::Shapes(args) => {
            let outcome = hot::rivals::shapes(&args.plan(hot::Kind::Read))?;
            done(args.run.output.put("shapes", &outcome))
        }
        What::Overload(args) => {
            let outcome = hot::overload::run(args.plan()?)?;
            args.run.output.put(&outcome.name(), &outcome)?;
            Ok(verdict(outcome.is_good()))
        }
        What::Growth(args) => done(args.run.output.put("growth", &hot::growth::run(&args.plan())?)),
        What::Decisions(args) => done(args.run.output.put("decisions", &hot::decisions::run(&args.plan())?)),
        What::MonthEnd(args) => measure_month_end(args),
        What::Notify(args) => measure_notify(args),
        What::Normalisation(args) => measure_normalisation(args),
        What::Sql(args) => {
            let outcome = yardstick::run(args.plan())?;
            args.output.put("sql", &outcome)?;
            Ok(verdict(outcome.is_good()))
        }
        What::Paired(args) => {
            let outcome = hot::paired::run(&args.plan())?;
            args.run.output.put("paired", &outcome)?;
            Ok(verdict(outcome.is_good()))
        }
        What::All(args) => all::measure(args),
    }
}

fn done(end: Result<(), Failure>) -> Result<ExitCode, Failure> {
    end.map(|()| ExitCode::SUCCESS)
}

fn verdict(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

fn measure_hot(args: &HotArgs, kind: hot::Kind) -> Result<ExitCode, Failure> {
    let outcome = hot::run(&args.plan(kind))?;
    done(args.run.output.put(kind.name(), &outcome))
}

fn measure_normalisation(args: &NormalisationArgs) -> Result<ExitCode, Failure> {
    let plan = args.plan.plan(args.common.seed);
    let stop = interruptible()?;
    let outcome = normalisation::run(plan, !args.common.unoptimised, &stop)?;
    let whole = args.common.end_if_whole(attachments::NORMALISATION, &outcome, &stop);
    done(whole)
}

fn measure_notify(args: &NotifyArgs) -> Result<ExitCode, Failure> {
    let options = notify::Options { rate: args.rate, seconds: args.seconds, hold: args.hold, release: !args.run.debug };
    let outcome = notify::run(&options)?;
    args.run.output.put("notify", &outcome)?;
    Ok(verdict(outcome.complete()))
}

fn measure_month_end(args: &MonthEndArgs) -> Result<ExitCode, Failure> {
    let settings = month_end::Settings {
        organisations: args.organisations,
        latency_ms: args.latency_ms,
        charge: !args.invoices_only,
        release: !args.run.debug,
    };
    let outcome = month_end::run(settings, args.rounds, |line| eprintln!("{line}"))?;
    args.run.output.put("month-end", &outcome)?;
    Ok(verdict(outcome.is_good()))
}
