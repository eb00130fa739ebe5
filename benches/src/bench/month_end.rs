//! `lab bench month-end`: Billing's monthly run for many organisations, compared with one bare `insert … select` of the same rows.

mod bare;
mod organisations;
mod rounds;
mod transactions;

use std::time::{Duration, Instant};

use postgres::Client;
use serde::Serialize;

use crate::Failure;
use crate::data::{connect, failed};
use crate::measure::month;
use crate::observe::process::peak_memory_mib;
use crate::system::{Deployment, Options, clock};
pub use rounds::Outcome;
use transactions::LongestTransaction;

/// What is measured.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Organisations; a quarter of them pays as it goes.
    pub organisations: u32,
    /// How long the payment sandbox takes for each answer, in milliseconds.
    pub latency_ms: u32,
    /// Whether the invoices are also charged.
    pub charge: bool,
    /// Services as they are built for load.
    pub release: bool,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// How it was measured.
    pub settings: Settings,
    /// PostgreSQL's version.
    pub server: String,
    /// Processors of this machine.
    pub processors: usize,
    /// The statement that copies plans and counts, and its commit.
    pub snapshot_ms: f64,
    /// From the snapshot until the last invoice is written.
    pub invoicing_ms: f64,
    /// The same rows by one `insert … select` into tables with the same keys and indexes.
    pub bare_ms: f64,
    /// `invoicing_ms / bare_ms`: the goal is at most 2.
    pub ratio: f64,
    /// `(snapshot_ms + invoicing_ms) / bare_ms`.
    pub ratio_with_snapshot: f64,
    /// Rows written: invoices, lines and changes.
    pub rows: i64,
    /// The longest statement of Billing's logins: the goal is at most 2000.
    pub statement_ms_max: f64,
    /// The longest transaction seen of Billing's logins, looked for every few milliseconds: the goal is at most 5000.
    pub transaction_ms_max: f64,
    /// The most memory that Billing has held, in MiB: the goal is less than 200.
    pub memory_mib_max: f64,
    /// Charges, and how many of them in a second.
    pub charges: Option<(i64, f64)>,
}

impl Round {
    fn is_good(&self) -> bool {
        self.ratio <= 2.0
            && self.statement_ms_max <= 2000.0
            && self.transaction_ms_max <= 5000.0
            && self.memory_mib_max < 200.0
    }
}

/// Bills the month so many months back on a system that runs: how long snapshot and invoices took.
pub fn bill(deployment: &Deployment, client: Client, back: u32) -> Result<Duration, Failure> {
    let settings = Settings { organisations: 0, latency_ms: 0, charge: false, release: true };
    let mut bench = Bench { deployment, client, settings };
    bench.sql("select dba.pg_stat_statements_reset()")?;
    let (snapshot, invoicing) = bench.invoice(&month::period(back))?;
    Ok(snapshot + invoicing)
}

/// So many rounds, one after the other.
pub fn run(
    settings: Settings,
    rounds: u32,
    report: impl Fn(&str) + Send + Clone + 'static,
) -> Result<Outcome, Failure> {
    let rounds = (0..rounds).map(|_| round(settings, report.clone()));
    Ok(Outcome::of(rounds.collect::<Result<_, _>>()?))
}

/// Brings a system up, fills it, runs a month, and takes it down again.
fn round(settings: Settings, report: impl Fn(&str) + Send + Clone + 'static) -> Result<Round, Failure> {
    let options = Options { ephemeral: true, release: settings.release, ..Options::default() };
    let deployment = Deployment::start(&options, report.clone())?;
    let url = deployment.place().database_url.clone();
    let url = url.ok_or_else(|| Failure::could_not_run("The database has no superuser's URL."))?;
    let mut client = connect(&url)?;
    report(&format!("Making {} organisations …", settings.organisations));
    let period = organisations::make(&mut client, &deployment, settings)?;
    let mut bench = Bench { deployment: &deployment, client, settings };
    bench.measure(&url, &period, &report)
}

struct Bench<'a> {
    deployment: &'a Deployment,
    client: Client,
    settings: Settings,
}

impl Bench<'_> {
    fn measure(&mut self, url: &str, period: &str, report: &dyn Fn(&str)) -> Result<Round, Failure> {
        self.sql("select dba.pg_stat_statements_reset()")?;
        // A benchmark begins with what a run would find: known statistics, and nothing left to write.
        self.sql("analyze")?;
        self.sql("checkpoint")?;
        let longest = LongestTransaction::start(url)?;
        report("Running the month …");
        let (snapshot, invoicing) = self.invoice(period)?;
        let charges = if self.settings.charge {
            report("Charging …");
            Some(self.charge(period)?)
        } else {
            None
        };
        let transaction = longest.stop()?;
        let memory_mib_max = self.memory()?;
        let statement_ms_max = self.number(
            "select coalesce(max(s.max_exec_time), 0) from dba.pg_stat_statements s \
             join pg_catalog.pg_roles r on r.oid = s.userid where r.rolname like 'billing%'",
        )?;
        report("Writing the same rows by one statement …");
        let (bare, rows) = bare::write(&mut self.client)?;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let (snapshot_ms, invoicing_ms, bare_ms) = (millis(snapshot), millis(invoicing), millis(bare));
        let server: String = self
            .client
            .query_one("show server_version", &[])
            .map_err(|error| failed("asking for the version", &error))?
            .get(0);
        Ok(Round {
            settings: self.settings,
            server,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            snapshot_ms,
            invoicing_ms,
            bare_ms,
            ratio: invoicing_ms / bare_ms,
            ratio_with_snapshot: (snapshot_ms + invoicing_ms) / bare_ms,
            rows,
            statement_ms_max,
            transaction_ms_max: millis(transaction),
            memory_mib_max,
            charges,
        })
    }

    /// Orders the run, and follows it until all invoices are written: how long the snapshot took, and the invoices.
    fn invoice(&mut self, period: &str) -> Result<(Duration, Duration), Failure> {
        let begun = Instant::now();
        self.order(period)?;
        // The service sees the order within a second; what is measured begins with the snapshot's transaction.
        let this = format!("select from billing.runs where period = '{period}'");
        let copied = format!("select exists ({this} and status <> 'pending')");
        self.wait(&copied, begun)?;
        let copied = Instant::now();
        let snapshot = self.number(
            "select coalesce(sum(s.total_exec_time), 0) from dba.pg_stat_statements s \
             where s.query like 'insert into billing.run_items%'",
        )?;
        let written = format!("select not exists ({this} and status in ('pending', 'invoicing'))");
        self.wait(&written, begun)?;
        Ok((Duration::from_secs_f64(snapshot / 1000.0), copied.elapsed()))
    }

    fn order(&self, period: &str) -> Result<(), Failure> {
        month::order(self.deployment.place(), period)?.check(202)?;
        Ok(())
    }

    /// Lets three days pass, and follows the charges: how many, and how many in a second.
    fn charge(&mut self, period: &str) -> Result<(i64, f64), Failure> {
        let begun = Instant::now();
        clock::run(clock::Move::By(3 * 86_400 + 60), self.deployment.up_json())?;
        let done = format!("select exists (select from billing.runs where period = '{period}' and status = 'done')");
        self.wait(&done, begun)?;
        let seconds = begun.elapsed().as_secs_f64();
        let charges = self.number("select count(*)::float8 from billing.payment_attempts")?;
        Ok((charges as i64, charges / seconds))
    }

    /// Asks every few milliseconds, for an hour at most.
    fn wait(&mut self, until: &str, begun: Instant) -> Result<(), Failure> {
        let statement = self.client.prepare(until);
        let statement = statement.map_err(|error| failed("following the run", &error))?;
        loop {
            let done: bool =
                self.client.query_one(&statement, &[]).map_err(|error| failed("following the run", &error))?.get(0);
            if done {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(3600) {
                return Err(Failure::could_not_run("The run isn't done within an hour."));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// The most the service has held, as the kernel says.
    fn memory(&self) -> Result<f64, Failure> {
        let gone = || Failure::could_not_run("Billing is not running.");
        let id = self.deployment.process_id("billing").ok_or_else(gone)?;
        Ok(peak_memory_mib(id))
    }

    fn number(&mut self, sql: &str) -> Result<f64, Failure> {
        let row = self.client.query_one(sql, &[]);
        Ok(row.map_err(|error| failed("reading a figure", &error))?.get(0))
    }

    fn sql(&mut self, sql: &str) -> Result<(), Failure> {
        let done = self.client.batch_execute(sql);
        done.map_err(|error| failed("preparing the benchmark", &error))
    }
}
