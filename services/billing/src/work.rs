//! What Billing does by itself: runs, charges, dunning. All of it is driven by what is due now, so whoever calls
//! [`Work::tick`] with a later time finds the later time's work, and whatever an earlier call left undone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use chrono::{DateTime, Utc};
use kit::id::RunId;
use kit::{Db, Error, Meta};

use crate::dunning::Terms;
use crate::model::{Run, Started};
use crate::provider::{Outcome, Provider};
use crate::settings::Settings;
use crate::store::{attempts, invoicing, outcomes, runs, standings};

/// How many organisations are frozen in one transaction.
const FREEZE_BATCH: i64 = 100;

/// The time, and whether to go on.
pub trait Pace {
    /// The time by the service's clock.
    fn now(&self) -> DateTime<Utc>;

    /// False: stop. Asked between transactions.
    fn go_on(&self) -> bool {
        true
    }
}

/// A fixed time, for tests.
impl Pace for DateTime<Utc> {
    fn now(&self) -> DateTime<Utc> {
        *self
    }
}

/// The work, with what it needs.
pub struct Work {
    db: Db,
    terms: Terms,
    provider: Arc<Provider>,
    charge_parallel: usize,
    charge_batch: i64,
    invoice_batch: i64,
    schedule: bool,
}

impl Work {
    /// Work on this database and provider.
    pub fn new(db: Db, provider: Arc<Provider>, settings: &Settings) -> Self {
        Self {
            db,
            terms: settings.terms(),
            provider,
            charge_parallel: usize::try_from(settings.charge_parallel).unwrap_or(1),
            charge_batch: settings.charge_batch,
            invoice_batch: settings.invoice_batch,
            schedule: settings.schedule,
        }
    }

    /// Does everything that is due. An error leaves the rest to the next tick; nothing is half done.
    pub fn tick(&self, pace: &dyn Pace) -> Result<(), Error> {
        while self.schedule && pace.go_on() && self.db.write(|c| runs::start_due(c, pace.now()))? {}
        for run in self.unfinished_runs()? {
            match run.status.as_str() {
                "pending" => {
                    self.db.write(|c| runs::take_snapshot(c, run.id, pace.now()))?;
                    self.invoice(run.id, pace)?;
                }
                "invoicing" => self.invoice(run.id, pace)?,
                _ => {}
            }
        }
        self.charge(pace)?;
        for run in self.unfinished_runs()? {
            self.db.write(|c| runs::end_charging(c, run.id, pace.now()))?;
        }
        let freeze = |meta| self.db.write(|c| standings::freeze_due(c, self.terms, FREEZE_BATCH, &meta));
        while pace.go_on() && freeze(meta("freezing", pace))? > 0 {}
        Ok(())
    }

    /// Asked of the writer: what has just been begun must be seen, whatever the reader reads from.
    fn unfinished_runs(&self) -> Result<Vec<Run>, Error> {
        self.db.write(runs::unfinished)
    }

    /// Writes the run's invoices, batch by batch.
    fn invoice(&self, run: RunId, pace: &dyn Pace) -> Result<(), Error> {
        let write = |meta| self.db.write(|c| invoicing::write_batch(c, run, self.invoice_batch, self.terms, &meta));
        while pace.go_on() && write(meta("invoicing", pace))? > 0 {}
        Ok(())
    }

    /// Asks for everything that is due, what was left without an answer first.
    fn charge(&self, pace: &dyn Pace) -> Result<(), Error> {
        while pace.go_on() {
            let again = self.db.write(|c| attempts::ask_again(c, self.charge_batch, self.terms, pace.now()))?;
            if again.is_empty() {
                break;
            }
            self.ask_all(&again, pace);
        }
        while pace.go_on() {
            let meta = meta("charging", pace);
            let (started, due) = self.db.write(|c| attempts::start_due(c, self.charge_batch, self.terms, &meta))?;
            if due == 0 {
                break;
            }
            self.ask_all(&started, pace);
        }
        Ok(())
    }

    /// Asks for these charges, so many at once, and writes each answer down as it comes. No transaction is open meanwhile.
    fn ask_all(&self, attempts: &[Started], pace: &dyn Pace) {
        let next = AtomicUsize::new(0);
        let (sender, outcomes) = mpsc::sync_channel(self.charge_parallel);
        std::thread::scope(|scope| {
            for _ in 0..self.charge_parallel.min(attempts.len()) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send((attempt, ask(&self.provider, attempt))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (attempt, outcome) in outcomes {
                self.write_down(attempt, &outcome, pace);
            }
        });
    }

    /// An answer that can't be written down is not lost: the attempt stays open, and the provider repeats its answer.
    fn write_down(&self, attempt: &Started, outcome: &Outcome, pace: &dyn Pace) {
        let (invoice, number) = (attempt.invoice_id, attempt.number);
        if let Outcome::Unknown(why) = outcome {
            tracing::warn!(%invoice, number, why, "no answer to a charge; it is asked for again");
            return;
        }
        if let Outcome::Mismatch { what, .. } = outcome {
            tracing::error!(%invoice, number, what, "the payment provider's answer is of another charge: held until it isn't");
        }
        let meta = meta("charging", pace);
        if let Err(error) = self.db.write(|c| outcomes::record_outcome(c, attempt, outcome, self.terms, &meta)) {
            tracing::warn!(%invoice, number, %error, "the answer to a charge was not written down; it is asked for again");
        }
    }
}

fn meta(job: &str, pace: &dyn Pace) -> Meta {
    Meta { actor: None, request_id: format!("{job}-{}", uuid::Uuid::now_v7()), now: pace.now() }
}

/// Asks the provider for the money of one attempt, always with the attempt's own key. Not where an earlier attempt at the invoice was
/// paid after all, nor again after an answer that was of another charge: that is only looked up.
pub fn ask(provider: &Provider, attempt: &Started) -> Outcome {
    asked(provider, attempt).unwrap_or_else(|error| Outcome::Unknown(error.to_string()))
}

fn asked(provider: &Provider, attempt: &Started) -> Result<Outcome, Error> {
    let charge = attempt.charge();
    for customer in &attempt.earlier_customers {
        let like = charge.clone().unwrap_or_else(|| attempt.without_card());
        if let Some(paid) = provider.find_paid(customer, &attempt.key(), &like)? {
            return Ok(paid);
        }
    }
    let Some(charge) = charge else { return Ok(Outcome::no_payment_method()) };
    let found = if attempt.asks > 1 || attempt.mismatch { provider.find_charge(&charge)? } else { None };
    if let Some(outcome) = found {
        return Ok(outcome);
    }
    if attempt.mismatch {
        return Ok(Outcome::Unknown("the charge that doesn't match isn't found under its key".to_owned()));
    }
    Ok(provider.charge(&charge))
}
