//! `dba impact`: the effect of a change of the database on every statement that uses it, tried before it is made.
//!
//! The change is not parsed, and there are no rules that guess: on a clone, every statement of every service is prepared as its own role, the change is
//! run, and the statements are planned again: those prepared before it, and freshly prepared ones. Then all is rolled back. What is reported comes from
//! Postgres: SQLSTATEs, locks, rewrites, rows scanned.
//!
//! On a clone the statements are executed, too, before the change and after it, with rows that are there (`samples`): what planning can't find shows then.
//! Where a verdict still depends on values that are not known, it is UNKNOWN, and says why. Of statements that are only planned, columns that are NOT NULL
//! and that an insert leaves out, and rights on sequences, are checked separately.

mod before;
mod change_file;
mod conflicts;
mod context;
mod coverage;
mod doubts;
mod drawn;
mod execution;
mod fresh;
mod guards;
mod input;
mod judge;
mod locks;
mod near;
mod opaque;
mod outside_clone;
mod plan;
mod prepare;
mod probe;
mod queue;
mod report;
mod rights;
mod samples;
mod services;
mod shape;
mod steps;
mod subject;
mod trust;
mod unknown;
mod unsampled;
mod utility;
mod values;
mod verdict;
mod ways;
mod words;
mod written;

use std::collections::BTreeSet;
use std::time::Instant;

pub use drawn::{Drivable, Undrivable, drawn};
pub use input::{Change, LIVE_LOCK_TIMEOUT, On, Options, QueueOptions, Statement};
pub use report::{
    Conflict, Failure, Impact, Lock, Place, Queue, Refused, RightLost, Scan, ServiceImpact, Skipped, StatementImpact,
    Step, Waited,
};
pub use samples::Drawn;
pub use services::service_of;
pub use unknown::{Reason, Unknown};
pub use verdict::Verdict;

use crate::copy::{Copy, Partial};
use crate::error::{Doing, Error, Result};
use crate::progress::Progress;
use crate::session::value;
use before::Before;
use conflicts::{conflicts, waits_ms};
use context::{Context, Here};
use near::Near;
use probe::Probe;
use rights::{Rights, Strict};
use steps::Ran;
use subject::Subject;
use unsampled::Unsampled;
use values::Named;

/// Tries `change` in the database at `url` and judges `statements`. `url` is a superuser's, or of a role that may create databases and `set role` to the
/// others. Nothing is left behind.
///
/// # Errors
/// [`Error::Unavailable`] where nothing could be judged (no statement, or none that works before the change), where no clone can be made, and where a live
/// database is too busy to get the locks within [`LIVE_LOCK_TIMEOUT`]. [`Error::Usage`] for an empty change, and one that can't be tried there.
pub fn analyse(url: &str, change: &Change, statements: &[Statement], options: &Options) -> Result<Impact> {
    change.check(options)?;
    let Here { database, login, settings, schemas, logins, owners } = Here::read(url, change)?;
    if statements.is_empty() {
        return Err(Error::Unavailable(
            "no statement of any service is known, so nothing can be judged: give --statements, or install pg_stat_statements".into(),
        ));
    }
    let service = |role: &str| service_of(role, &schemas, &options.services);
    let copy = (options.on == On::Clone).then(|| clone(url, options)).transpose()?;
    let sample = copy.as_ref().map(|copy| copy.partial.clone()).unwrap_or_default();
    let here = copy.as_ref().map_or(url, Copy::url);
    let mut probe = Probe::connect(here)?;
    let map = locks::relations(&mut probe.client).doing("reading relations")?;
    let forget: String = value(&mut probe.client, context::FORGET)?;
    let pid = value(&mut probe.client, "select pg_backend_pid()")?;
    let calls: String = value(&mut probe.client, execution::CALLS)?;
    let named = Named::of(&change.statements);
    let context =
        Context { options, settings: &settings, map: &map, pid, forget: &forget, calls: &calls, named: &named };
    let near = match options.on {
        On::Clone => Near::of(
            &mut probe,
            change,
            &map,
            &probe::starts_with(&settings, change.role.as_ref().unwrap_or(&login), true),
        )?,
        On::Live => None,
    };
    probe.run("begin")?;
    let (mut subjects, left) = prepare::prepare(&mut probe, &context, statements, near.as_ref(), service)?;
    probe.run("rollback; begin")?;
    prepare::again(&mut probe, &context, &mut subjects)?;
    probe.run("rollback")?;
    let (skipped, reasons): (Vec<_>, Vec<_>) = left.into_iter().unzip();
    if subjects.is_empty() {
        let why = skipped.first().map_or("", |one| one.why.as_str());
        return Err(Error::Unavailable(format!(
            "none of {} statements can be judged, because none can be planned before the change: {why}",
            statements.len()
        )));
    }
    let place = place(&mut probe, options.on, copy.as_ref())?;
    let unseen = subjects.iter().filter(|one| one.concerned && one.samples.is_empty());
    let unseen: Vec<_> = unseen.map(|one| one.statement.clone()).collect();
    let mut trial =
        Trial { probe, context, change, url: here, database: &database, login: &login, chosen: near.is_some(), sample };
    let tried = trial.run(&subjects, place, service)?;
    near.map_or(Ok(()), |near| near.agrees(tried.refused.is_some()))?;
    let mut impact = Impact { skipped, opaque: opaque::called(url, &unseen)?, ..tried };
    let unsampled: BTreeSet<_> = subjects.iter().filter_map(|one| one.unsampled.clone()).collect();
    impact.warnings.extend(unsampled);
    impact.note_skipped(&reasons, &options.allowed, service);
    impact.note_unjudged(&logins, &schemas, &options.services);
    impact.note_owners(&owners);
    drop(trial);
    if let (Some(wanted), None) = (options.queue, &impact.refused) {
        // A change that was committed must not be there when it is tried again.
        let again = if impact.place.transaction { None } else { Some(clone(url, options)?) };
        let here = again.as_ref().map_or(here, Copy::url);
        let queue = queue::measure(here, change, &subjects, &settings, &impact, wanted)?;
        impact.blocked_by(queue, options);
    }
    Ok(impact)
}

fn clone(url: &str, options: &Options) -> Result<Copy> {
    let whole = || Copy::of_busy(url, "impact", options.data);
    options.sample.map_or_else(whole, |rows| Copy::of_sample(url, url, "impact", rows))
}

/// One try.
struct Trial<'a> {
    probe: Probe,
    context: Context<'a>,
    change: &'a Change,
    url: &'a str,
    /// The database that the clone is of.
    database: &'a str,
    /// The role that connects.
    login: &'a str,
    /// It is known which statements the change concerns.
    chosen: bool,
    /// Tables of which the clone doesn't have all rows.
    sample: Partial,
}

impl Trial<'_> {
    fn run(&mut self, subjects: &[Subject<'_>], mut place: Place, service: impl Fn(&str) -> String) -> Result<Impact> {
        let (on, map) = (self.context.options.on, self.context.map);
        let rights = Rights::read(&mut self.probe.client)?;
        let strict = Strict::read(&mut self.probe.client)?;
        let before = Before::read(&mut self.probe, self.database)?;
        let runs_it = self.change.role.as_deref().unwrap_or(self.login);
        self.probe.run("begin")?;
        let began = Instant::now();
        let mut ran = Ran::default();
        if !self.change.per_statement {
            let set = probe::starts_with(self.context.settings, runs_it, true);
            ran = steps::in_transaction(&mut self.probe, self.change, map, on, &set)?;
        }
        let alone = |refused: &Refused| refused.failure.sqlstate == outside_clone::NO_TRANSACTION;
        if self.change.per_statement || ran.refused.as_ref().is_some_and(alone) {
            if on == On::Live {
                return Err(Error::Usage(
                    "the change can't be rolled back, because one of its statements can't run in a transaction: try it on a clone"
                        .into(),
                ));
            }
            self.probe.run("rollback")?;
            place.transaction = false;
            let set = probe::starts_with(self.context.settings, runs_it, false);
            ran = match &self.change.command {
                Some(command) => steps::by_command(&mut self.probe, command, self.url)?,
                None => steps::committing(&mut self.probe, self.change, map, self.url, &set)?,
            };
            self.probe.run("begin")?;
        }
        place.held_ms = ran.total_ms.ceil() as u64;
        let judged = match ran.refused {
            Some(_) => {
                self.probe.run("rollback; begin")?;
                subjects.iter().map(|subject| (subject.service.clone(), None)).collect()
            }
            None => self.judge(subjects, &strict, &before, &ran)?,
        };
        let lost = rights.lost(&Rights::read(&mut self.probe.client)?, service);
        self.probe.run("rollback")?;
        if on == On::Live {
            // Other sessions waited for its locks also while the statements were judged.
            place.held_ms = began.elapsed().as_secs_f64().mul_add(1e3, 1.0) as u64;
            let words = format!("; its locks were held {} ms", place.held_ms);
            place.how.push_str(&words);
        }
        let mut services = services::by_service(judged);
        if ran.refused.is_some() {
            services.iter_mut().for_each(|one| one.verdict = Verdict::Refused);
        }
        let worst = services.iter().map(|one| one.verdict).max().unwrap_or_default();
        Ok(Impact {
            version: 1,
            verdict: if ran.refused.is_some() { Verdict::Refused } else { worst },
            conflicts: conflicts(subjects, &ran, map),
            refused: ran.refused,
            place,
            steps: ran.steps,
            rights_lost: lost,
            services,
            analysed: subjects.len(),
            skipped: Vec::new(),
            opaque: Vec::new(),
            warnings: Vec::new(),
            queue: None,
        })
    }

    fn judge(
        &mut self,
        subjects: &[Subject<'_>],
        strict: &Strict,
        before: &Before,
        ran: &Ran,
    ) -> Result<Vec<(String, Option<StatementImpact>)>> {
        let mut now = Strict::read(&mut self.probe.client)?;
        if self.context.options.on == On::Clone {
            now.hold_rows(strict, &mut self.probe)?;
        }
        let settings = probe::settings(&mut self.probe.client, self.database)?;
        let is = Before::read(&mut self.probe, self.database)?;
        let Context { options, map, pid, named, .. } = self.context;
        let forget: String = value(&mut self.probe.client, context::FORGET)?;
        let calls: String = value(&mut self.probe.client, execution::CALLS)?;
        let context = Context { options, settings: &settings, map, pid, forget: &forget, calls: &calls, named };
        let tables_alone =
            !self.chosen && self.change.command.is_none() && unknown::of_tables_alone(&self.change.statements);
        let (mut guards, makers) = (before.guards.changed(&is.guards), before.makers.changed(&is.makers));
        guards.extend(before.views.changed(&makers, &mut self.probe, self.context.options.on)?);
        guards.extend(ran.computed.iter().map(|table| (*table, "the column computed by `using`".to_owned(), true)));
        let labels = before.labels.changed(&is.labels, &mut self.probe.client)?;
        let treats_rows = !guards.is_empty() || !labels.is_empty() || before.objects.treats_rows(&is.objects);
        let change = doubts::After {
            strict: (strict, &now),
            shut_out: (&before.shut_out, &is.shut_out),
            bodies: &before.bodies,
            labels: &labels,
            changed: &before.objects.changed(&is.objects),
            tables: &before.tables,
            guards: &guards,
            makers: &makers,
            wrote: &ran.wrote.iter().filter_map(|table| Some((*table, map.get(table)?.name.clone()))).collect(),
            writes_rows: self.change.command.is_some() || unknown::writes_rows(&self.change.statements),
            unsampled: &Unsampled::of(&self.sample, map, ran, treats_rows),
            touches: tables_alone.then(|| ran.held.keys().copied().chain(before.firing.iter().copied()).collect()),
        };
        let mut judged = Vec::new();
        let mut progress = Progress::new("statements judged", subjects.len());
        for subject in subjects {
            progress.step();
            let waits = waits_ms(subject, ran);
            let impact = judge::judge(&mut self.probe, &context, subject, &change, waits)?;
            judged.push((subject.service.clone(), Some(impact)));
        }
        Ok(judged)
    }
}

fn place(probe: &mut Probe, on: On, copy: Option<&Copy>) -> Result<Place> {
    let bytes: i64 = value(&mut probe.client, "select pg_database_size(current_database())")?;
    Ok(Place {
        on,
        how: copy.map_or(format!("in the database itself, rolled back, with a lock timeout of {} ms; the disk space and WAL of a rewrite that was rolled back stay in use until vacuum, checkpoint and archiving", LIVE_LOCK_TIMEOUT.as_millis()), |copy| copy.how.to_owned()),
        clone_ms: copy.map_or(0, |copy| u64::try_from(copy.took.as_millis()).unwrap_or(u64::MAX)),
        clone_bytes: if copy.is_some() { bytes } else { 0 },
        held_ms: 0,
        transaction: true,
    })
}
