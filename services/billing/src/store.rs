//! The verbs: what Billing does with its database, as whole use cases.

mod attempts;
mod invoices;
mod invoicing;
mod leases;
mod outcomes;
mod payment_methods;
mod runs;
mod standings;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Db, Error, Idempotency, IfMatch, Meta, Page, Paged, Reply};
use uuid::Uuid;

use crate::dunning::Days;
use crate::model::{Invoice, PaymentMethod, Run, Standing, Started, StoredCard, Usage};
use crate::period::Period;
use crate::provider::{Card, Outcome};

pub use payment_methods::check_seen;
pub use runs::take_snapshot;

/// Our schema.
pub(crate) const SCHEMA: &str = "billing";

/// A time as the feed's JSON holds it.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// What a payment by hand begins with.
#[derive(Debug)]
pub enum Begun {
    /// The request was answered before.
    Before(Reply),
    /// The provider is to be asked.
    Ask(Started),
}

/// Billing's use cases, as requests need them.
pub trait Store: Send + Sync {
    /// The card of an organisation, with what only the provider may see.
    fn find_payment_method(&self, organisation: OrganisationId) -> Result<Option<StoredCard>, Error>;

    /// Keeps a card that the provider has taken. True: it is the first one.
    fn set_payment_method(
        &self,
        organisation: OrganisationId,
        seen: Option<IfMatch>,
        customer_id: &str,
        card: &Card,
        meta: &Meta,
    ) -> Result<(PaymentMethod, bool), Error>;

    /// Forgets the card; what it was.
    fn delete_payment_method(&self, organisation: OrganisationId, seen: IfMatch) -> Result<StoredCard, Error>;

    /// What the running period costs up to now.
    fn find_usage(&self, organisation: OrganisationId, now: DateTime<Utc>) -> Result<Usage, Error>;

    /// A page of invoices, oldest first.
    fn list_invoices(&self, organisation: OrganisationId, page: &Page) -> Result<Paged<Invoice>, Error>;

    /// One invoice.
    fn find_invoice(&self, organisation: OrganisationId, id: InvoiceId) -> Result<Invoice, Error>;

    /// Begins a payment by hand, or joins the attempt that is open.
    fn begin_payment(
        &self,
        organisation: OrganisationId,
        id: InvoiceId,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Begun, Error>;

    /// Writes down how it ended, and answers it.
    fn end_payment(
        &self,
        attempt: &Started,
        outcome: &Outcome,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Reply, Error>;

    /// Begins a run: 202; or shows the one of that period: 200.
    fn create_run(&self, period: Period, idempotency: &Idempotency, meta: &Meta) -> Result<Reply, Error>;

    /// A page of runs, oldest first.
    fn list_runs(&self, page: &Page) -> Result<Paged<Run>, Error>;

    /// One run.
    fn find_run(&self, id: RunId) -> Result<Run, Error>;

    /// How an organisation stands.
    fn find_standing(&self, organisation: OrganisationId) -> Result<Standing, Error>;
}

/// The store on Postgres.
#[derive(Clone)]
pub struct PgStore {
    db: Db,
    days: Days,
    /// How long the provider is waited for before it is asked again.
    pause: TimeDelta,
}

impl PgStore {
    /// A store on this database.
    pub fn new(db: Db, days: Days, pause: TimeDelta) -> Self {
        Self { db, days, pause }
    }

    /// Takes or keeps the lease of the work; false: another instance has it.
    pub fn hold_lease(&self, holder: Uuid, lease_ms: i64) -> Result<bool, Error> {
        self.db.write(|connection| leases::hold(connection, "work", holder, lease_ms))
    }

    /// Begins the run of the last month if it is time. True: one was begun.
    pub fn start_due_run(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        self.db.write(|connection| runs::start_due(connection, now))
    }

    /// Runs that are not done.
    pub fn unfinished_runs(&self) -> Result<Vec<Run>, Error> {
        // The writer: what has just been begun must be seen, whatever the reader reads from.
        self.db.write(runs::unfinished)
    }

    /// Copies plan and counts of every organisation due, once.
    pub fn take_snapshot(&self, run: RunId, now: DateTime<Utc>) -> Result<(), Error> {
        self.db.write(|connection| take_snapshot(connection, run, now))
    }

    /// Writes up to `limit` invoices of a run; how many. None: all are written.
    pub fn write_invoices(&self, run: RunId, limit: i64, meta: &Meta) -> Result<usize, Error> {
        let first = self.days.first_attempt(meta.now);
        self.db.write(|connection| invoicing::write_batch(connection, run, limit, first, meta))
    }

    /// Ends a run, if every invoice has had an answer.
    pub fn end_charging(&self, run: RunId, now: DateTime<Utc>) -> Result<(), Error> {
        self.db.write(|connection| runs::end_charging(connection, run, now))
    }

    /// Begins attempts for up to `limit` invoices whose time has come; and how many those were.
    pub fn start_due_attempts(&self, limit: i64, meta: &Meta) -> Result<(Vec<Started>, usize), Error> {
        self.db.write(|connection| attempts::start_due(connection, limit, self.pause, meta))
    }

    /// Attempts whose answer never came, to be asked again.
    pub fn ask_again(&self, limit: i64, now: DateTime<Utc>) -> Result<Vec<Started>, Error> {
        self.db.write(|connection| attempts::ask_again(connection, limit, self.pause, now))
    }

    /// Writes down how an attempt ended, and what follows from it; once, whoever comes with it.
    pub fn record_outcome(&self, attempt: &Started, outcome: &Outcome, meta: &Meta) -> Result<(), Error> {
        self.db.write(|connection| outcomes::record_outcome(connection, attempt, outcome, self.days, meta))
    }

    /// Freezes up to `limit` organisations whose grace period has ended; how many.
    pub fn freeze_due(&self, limit: i64, meta: &Meta) -> Result<usize, Error> {
        self.db.write(|connection| standings::freeze_due(connection, self.days, limit, meta))
    }
}

impl Store for PgStore {
    fn find_payment_method(&self, organisation: OrganisationId) -> Result<Option<StoredCard>, Error> {
        self.db.read(|connection| payment_methods::find(connection, organisation))
    }

    fn set_payment_method(
        &self,
        organisation: OrganisationId,
        seen: Option<IfMatch>,
        customer_id: &str,
        card: &Card,
        meta: &Meta,
    ) -> Result<(PaymentMethod, bool), Error> {
        self.db.write(|connection| payment_methods::set(connection, organisation, seen, customer_id, card, meta))
    }

    fn delete_payment_method(&self, organisation: OrganisationId, seen: IfMatch) -> Result<StoredCard, Error> {
        self.db.write(|connection| payment_methods::delete(connection, organisation, seen))
    }

    fn find_usage(&self, organisation: OrganisationId, now: DateTime<Utc>) -> Result<Usage, Error> {
        self.db.read(|connection| invoices::usage(connection, organisation, now))
    }

    fn list_invoices(&self, organisation: OrganisationId, page: &Page) -> Result<Paged<Invoice>, Error> {
        self.db.read(|connection| invoices::list(connection, organisation, page))
    }

    fn find_invoice(&self, organisation: OrganisationId, id: InvoiceId) -> Result<Invoice, Error> {
        self.db.read(|connection| invoices::find(connection, organisation, id))
    }

    fn begin_payment(
        &self,
        organisation: OrganisationId,
        id: InvoiceId,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Begun, Error> {
        self.db.write(|connection| attempts::begin_payment(connection, organisation, id, self.pause, idempotency, meta))
    }

    fn end_payment(
        &self,
        attempt: &Started,
        outcome: &Outcome,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Reply, Error> {
        if let Outcome::Unknown(_) = outcome {
            return Err(Error::Busy(kit::error::Busy::Elsewhere));
        }
        let answered = self.db.write(|connection| {
            outcomes::record_outcome(connection, attempt, outcome, self.days, meta)?;
            attempts::answer(connection, attempt, idempotency, meta)
        });
        answered?
    }

    fn create_run(&self, period: Period, idempotency: &Idempotency, meta: &Meta) -> Result<Reply, Error> {
        self.db.write(|connection| runs::create(connection, period, idempotency, meta))
    }

    fn list_runs(&self, page: &Page) -> Result<Paged<Run>, Error> {
        self.db.read(|connection| runs::list(connection, page))
    }

    fn find_run(&self, id: RunId) -> Result<Run, Error> {
        self.db.read(|connection| runs::find(connection, id))
    }

    fn find_standing(&self, organisation: OrganisationId) -> Result<Standing, Error> {
        self.db.read(|connection| invoices::standing(connection, organisation))
    }
}
