//! What Billing does by itself: runs, charges, dunning. All of it is driven by what is due now, so whoever calls
//! [`Work::tick`] with a later time finds the later time's work, and whatever an earlier call left undone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use chrono::{DateTime, Utc};
use kit::id::RunId;
use kit::{Error, Meta};

use crate::model::Started;
use crate::provider::{Outcome, Provider};
use crate::settings::Settings;
use crate::store::PgStore;

/// How many organisations are frozen in one transaction.
const FREEZE_BATCH: i64 = 100;

/// Tells the time, and whether to go on.
pub trait Pace {
    /// The time by the service's clock.
    fn now(&self) -> DateTime<Utc>;

    /// False: stop where you are. Asked between transactions.
    fn go_on(&self) -> bool {
        true
    }
}

/// A time that stands still: for tests, which say what time it is.
impl Pace for DateTime<Utc> {
    fn now(&self) -> DateTime<Utc> {
        *self
    }
}

/// The work, with what it needs.
pub struct Work {
    store: PgStore,
    provider: Arc<Provider>,
    charge_parallel: usize,
    charge_batch: i64,
    invoice_batch: i64,
    schedule: bool,
}

impl Work {
    /// Work on this store and provider.
    pub fn new(store: PgStore, provider: Arc<Provider>, settings: &Settings) -> Self {
        Self {
            store,
            provider,
            charge_parallel: usize::try_from(settings.charge_parallel).unwrap_or(1),
            charge_batch: settings.charge_batch,
            invoice_batch: settings.invoice_batch,
            schedule: settings.schedule,
        }
    }

    /// Does everything that is due. An error leaves the rest to the next tick; nothing is half done.
    pub fn tick(&self, pace: &dyn Pace) -> Result<(), Error> {
        while self.schedule && pace.go_on() && self.store.start_due_run(pace.now())? {}
        for run in self.store.unfinished_runs()? {
            match run.status.as_str() {
                "pending" => {
                    self.store.take_snapshot(run.id, pace.now())?;
                    self.invoice(run.id, pace)?;
                }
                "invoicing" => self.invoice(run.id, pace)?,
                _ => {}
            }
        }
        self.charge(pace)?;
        for run in self.store.unfinished_runs()? {
            self.store.end_charging(run.id, pace.now())?;
        }
        while pace.go_on() && self.store.freeze_due(FREEZE_BATCH, &meta("freezing", pace))? > 0 {}
        Ok(())
    }

    /// Writes the run's invoices, batch by batch.
    fn invoice(&self, run: RunId, pace: &dyn Pace) -> Result<(), Error> {
        let write = || {
            let meta = meta("invoicing", pace);
            self.store.write_invoices(run, self.invoice_batch, &meta)
        };
        while pace.go_on() && write()? > 0 {}
        Ok(())
    }

    /// Asks for everything that is due, what was left without an answer first.
    fn charge(&self, pace: &dyn Pace) -> Result<(), Error> {
        while pace.go_on() {
            let again = self.store.ask_again(self.charge_batch, pace.now())?;
            if again.is_empty() {
                break;
            }
            self.ask_all(&again, pace);
        }
        while pace.go_on() {
            let (started, due) = self.store.start_due_attempts(self.charge_batch, &meta("charging", pace))?;
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
        let (tell, told) = mpsc::sync_channel(self.charge_parallel);
        std::thread::scope(|scope| {
            for _ in 0..self.charge_parallel.min(attempts.len()) {
                let (tell, next) = (tell.clone(), &next);
                scope.spawn(move || {
                    while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if tell.send((attempt, ask(&self.provider, attempt))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(tell);
            for (attempt, outcome) in told {
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
        if let Err(error) = self.store.record_outcome(attempt, outcome, &meta("charging", pace)) {
            tracing::warn!(%invoice, number, %error, "the answer to a charge was not written down; it is asked for again");
        }
    }
}

fn meta(job: &str, pace: &dyn Pace) -> Meta {
    Meta { actor: None, request_id: format!("{job}-{}", uuid::Uuid::now_v7()), now: pace.now() }
}

/// Asks the provider for the money of one attempt, always with the attempt's own key.
pub fn ask(provider: &Provider, attempt: &Started) -> Outcome {
    let Some(charge) = attempt.charge() else {
        return Outcome::no_payment_method();
    };
    if attempt.asks > 1 {
        match provider.find_charge(&charge) {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => {}
            Err(error) => return Outcome::Unknown(error.to_string()),
        }
    }
    provider.charge(&charge)
}
