//! `lab bench …`

mod all;
mod args;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::common::interruptible;
use crate::Failure;
use crate::bench::{hot, month_end, normalisation, notify};
use crate::result::attachments;
use args::{
    AllArgs, CreateArgs, DecisionsArgs, GrowthArgs, HotArgs, MonthEndArgs, NormalisationArgs, NotifyArgs, OverloadArgs,
};

/// What one thing costs, beside the least it could cost.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Registry's read of one API, beside pgbench with the same statement: alone, and sharing statements.
    Read(HotArgs),
    /// The first 50 APIs of an organisation.
    List(HotArgs),
    /// A new API: across all organisations or, with --one, into one that all wait for.
    Create(CreateArgs),
    /// Eighty reads, fifteen lists and five creates of a hundred.
    Mixed(HotArgs),
    /// The read behind axum and tokio-postgres, axum and sqlx, node and pg: built here and measured beside Registry.
    Rivals(HotArgs),
    /// The read's ways to the database in one small program: own threads, web::block and inline, with and without sharing.
    Shapes(HotArgs),
    /// Three times what Registry can do, for a minute: what still goes through, and how fast.
    Overload(OverloadArgs),
    /// The same requests on ever larger data.
    Growth(GrowthArgs),
    /// What keys across services, a second login and the change feed cost a statement (ADRs 0001 to 0003).
    Decisions(DecisionsArgs),
    /// Billing's monthly run beside one bare insert of the same rows.
    MonthEnd(MonthEndArgs),
    /// From a change's commit to the mail about it, and what a transaction held open elsewhere does to that.
    Notify(NotifyArgs),
    /// The read of one API through views, beside local copies of others' tables: the normalisation tax.
    Normalisation(NormalisationArgs),
    /// All of the hot path's benches in order, kept in a folder with what was asked of each.
    All(AllArgs),
}

/// Measures; exit code 1 where something is above what is wanted.
pub(super) fn measure(args: &BenchArgs) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Read(args) => measure_hot(args, hot::Kind::Read),
        What::List(args) => measure_hot(args, hot::Kind::List),
        What::Create(args) if args.one => measure_hot(&args.hot, hot::Kind::CreateHot),
        What::Create(args) => measure_hot(&args.hot, hot::Kind::Create),
        What::Mixed(args) => measure_hot(args, hot::Kind::Mixed),
        What::Rivals(args) => {
            let outcome = hot::rivals::run(&args.plan(hot::Kind::Read))?;
            done(args.said.end("rivals", &outcome))
        }
        What::Shapes(args) => {
            let outcome = hot::rivals::shapes(&args.plan(hot::Kind::Read))?;
            done(args.said.end("shapes", &outcome))
        }
        What::Overload(args) => {
            let outcome = hot::overload::run(args.plan()?)?;
            args.said.end(&outcome.name(), &outcome)?;
            Ok(wanted(outcome.is_good()))
        }
        What::Growth(args) => done(args.said.end("growth", &hot::growth::run(&args.plan())?)),
        What::Decisions(args) => done(args.said.end("decisions", &hot::decisions::run(&args.plan())?)),
        What::MonthEnd(args) => measure_month_end(args),
        What::Notify(args) => measure_notify(args),
        What::Normalisation(args) => measure_normalisation(args),
        What::All(args) => all::measure(args),
    }
}

fn done(end: Result<(), Failure>) -> Result<ExitCode, Failure> {
    end.map(|()| ExitCode::SUCCESS)
}

fn wanted(is_so: bool) -> ExitCode {
    ExitCode::from(u8::from(!is_so))
}

fn measure_hot(args: &HotArgs, kind: hot::Kind) -> Result<ExitCode, Failure> {
    let outcome = hot::run(&args.plan(kind))?;
    done(args.said.end(kind.name(), &outcome))
}

fn measure_normalisation(args: &NormalisationArgs) -> Result<ExitCode, Failure> {
    let plan = args.plan.plan(args.common.seed);
    let stop = interruptible()?;
    let outcome = normalisation::run(plan, !args.common.unoptimised, &stop)?;
    let whole = args.common.end_if_whole(attachments::NORMALISATION, &outcome, &stop);
    done(whole)
}

fn measure_notify(args: &NotifyArgs) -> Result<ExitCode, Failure> {
    let options = notify::Options { rate: args.rate, seconds: args.seconds, hold: args.hold, release: !args.debug };
    let outcome = notify::run(&options)?;
    args.said.end("notify", &outcome)?;
    Ok(wanted(outcome.complete()))
}

fn measure_month_end(args: &MonthEndArgs) -> Result<ExitCode, Failure> {
    let settings = month_end::Settings {
        organisations: args.organisations,
        latency_ms: args.latency_ms,
        charge: !args.invoices_only,
    };
    let outcome = month_end::run(settings, args.rounds, |line| eprintln!("{line}"))?;
    args.said.end("month-end", &outcome)?;
    Ok(wanted(outcome.is_good()))
}
