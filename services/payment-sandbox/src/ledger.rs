//! What the sandbox remembers: an append-only file of JSON lines, and the same in memory.
//!
//! A line is on the disk before its answer is given, so whoever was told of a charge finds it after a kill. A last line
//! that was torn by a kill was never answered, and is cut off when the file is opened.

mod asked;
mod objects;
mod state;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    cards::{self, Behaviour},
    refusal::Refusal,
};

pub use asked::{Asked, Form};
pub use objects::{Customer, Intent, Method};
use state::{Entry, Line, State};

/// The ledger.
pub struct Ledger {
    state: Mutex<(State, File)>,
    sync: bool,
}

impl Ledger {
    /// Reads the file, or makes it.
    pub fn open(path: &Path, sync: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut state, mut whole) = (State::default(), 0);
        let mut reader = BufReader::new(&file);
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            let Some(line) = text.strip_suffix('\n') else {
                break;
            };
            let line: Line =
                serde_json::from_str(line).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
            state.apply(line);
            whole += text.len() as u64;
            text.clear();
        }
        drop(reader);
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        Ok(Self { state: Mutex::new((state, file)), sync })
    }

    fn lock(&self) -> MutexGuard<'_, (State, File)> {
        // A panic under the lock can only lie between the file and the memory, never within either.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replays what the key made before, or makes it, once, whoever asks at the same time.
    fn once(&self, asked: &Asked<'_>, make: impl FnOnce(&State) -> Result<Entry, Refusal>) -> Result<Value, Refusal> {
        let mut guard = self.lock();
        let (state, file) = &mut *guard;
        let fingerprint = asked.fingerprint();
        if let Some((before, id)) = asked.key.and_then(|key| state.keys.get(key)) {
            return if *before == fingerprint {
                state.show(id)
            } else {
                Err(Refusal::key_reused(asked.key.unwrap_or_default()))
            };
        }
        let entry = make(state)?;
        let id = entry.id().to_owned();
        let line = Line { entry, key: asked.key.map(str::to_owned), fingerprint };
        let mut text = serde_json::to_string(&line).map_err(|_| Refusal::trouble())?;
        text.push('\n');
        let written = file.write_all(text.as_bytes()).and_then(|()| if self.sync { file.sync_data() } else { Ok(()) });
        written.map_err(|_| Refusal::trouble())?;
        state.apply(line);
        state.show(&id)
    }

    /// POST /v1/customers
    pub fn create_customer(&self, asked: &Asked<'_>) -> Result<Value, Refusal> {
        self.once(asked, |_| {
            Ok(Entry::Customer(Customer { id: id("cus"), created: now(), metadata: asked.metadata() }))
        })
    }

    /// POST /v1/payment_methods/{token or id}/attach
    pub fn attach(&self, asked: &Asked<'_>, token: &str) -> Result<Value, Refusal> {
        let customer = asked
            .form
            .get("customer")
            .ok_or_else(|| Refusal::parameter("customer", "parameter_missing", "Missing required param: customer."))?;
        self.once(asked, |state| {
            if !state.customers.contains_key(customer) {
                return Err(Refusal::missing(400, "customer", customer));
            }
            if let Some(method) = state.methods.get(token) {
                return match &method.customer {
                    Some(owner) if owner == customer => Ok(Entry::Method(method.clone())),
                    _ => Err(Refusal::parameter(
                        "payment_method",
                        "payment_method_unexpected_state",
                        "This PaymentMethod was previously used and can't be attached again.",
                    )),
                };
            }
            let card = cards::find(token).ok_or_else(|| Refusal::missing(404, "PaymentMethod", token))?;
            if let Behaviour::DeclinesAttach(code, decline_code) = card.behaviour {
                return Err(Refusal::card(code, decline_code, None));
            }
            let (token, customer) = (token.to_owned(), Some(customer.clone()));
            Ok(Entry::Method(Method { id: id("pm"), created: now(), token, customer }))
        })
    }

    /// POST /v1/payment_methods/{id}/detach
    pub fn detach(&self, asked: &Asked<'_>, method: &str) -> Result<Value, Refusal> {
        self.once(asked, |state| {
            state.methods.get(method).ok_or_else(|| Refusal::missing(404, "PaymentMethod", method))?;
            Ok(Entry::Detached(method.to_owned()))
        })
    }

    /// POST /v1/payment_intents with confirm=true and off_session=true: a charge.
    pub fn charge(&self, asked: &Asked<'_>) -> Result<Value, Refusal> {
        let wanted = asked.wanted()?;
        self.once(asked, |state| {
            let (customer, payment_method) = (wanted.customer, wanted.payment_method);
            let owned = state.methods.get(&payment_method);
            let owned = owned.filter(|m| m.customer.as_deref() == Some(customer.as_str()));
            let owned = owned.ok_or_else(|| Refusal::missing(400, "PaymentMethod", &payment_method))?;
            let declined = match cards::find(&owned.token).map(|card| card.behaviour) {
                Some(Behaviour::DeclinesCharge(code, decline)) => Some((code.to_owned(), decline.map(str::to_owned))),
                _ => None,
            };
            Ok(Entry::Intent(Intent {
                id: id("pi"),
                created: now(),
                customer,
                payment_method,
                amount: wanted.amount,
                currency: wanted.currency,
                metadata: asked.metadata(),
                declined,
            }))
        })
    }

    /// What the id names, as Stripe shows it.
    pub fn find(&self, kind: &str, id: &str) -> Result<Value, Refusal> {
        let guard = self.lock();
        let state = &guard.0;
        match kind {
            "PaymentMethod" => state.methods.get(id).map(|m| m.show()),
            "customer" => state.customers.get(id).map(Customer::show),
            _ => state.intent_at.get(id).map(|at| state.intents[*at].0.show()),
        }
        .ok_or_else(|| Refusal::missing(404, kind, id))
    }

    /// A customer's cards, newest first.
    pub fn list_methods(&self, customer: &str) -> Vec<Value> {
        let guard = self.lock();
        let mut found: Vec<_> = guard.0.methods.values().filter(|m| m.customer.as_deref() == Some(customer)).collect();
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found.into_iter().map(Method::show).collect()
    }

    /// A customer's PaymentIntents (without a customer: everybody's), newest first.
    pub fn list_intents(
        &self,
        customer: Option<&str>,
        since: u64,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Value>, bool) {
        let guard = self.lock();
        let state = &guard.0;
        let all: Vec<usize> = match customer {
            Some(customer) => state.of_customer.get(customer).cloned().unwrap_or_default(),
            None => (0..state.intents.len()).collect(),
        };
        let before = after.and_then(|id| state.intent_at.get(id)).copied().unwrap_or(usize::MAX);
        let mut found = all
            .into_iter()
            .rev()
            .filter(|at| *at < before)
            .map(|at| &state.intents[at].0)
            .filter(|i| i.created >= since);
        let page: Vec<Value> = found.by_ref().take(limit).map(Intent::show).collect();
        (page, found.next().is_some())
    }

    /// Every charge and every refusal, in the order they happened, with their keys: for tests and the lab.
    pub fn charges(&self, from: usize, limit: usize) -> Vec<Value> {
        let guard = self.lock();
        let show = |(intent, key): &(Intent, Option<String>)| {
            let mut shown = intent.show();
            shown["idempotency_key"] = json!(key);
            shown
        };
        guard.0.intents.iter().skip(from).take(limit).map(show).collect()
    }

    /// Number and sum of what was charged, refusals left out.
    pub fn totals(&self) -> (usize, u64, usize) {
        let guard = self.lock();
        let paid = guard.0.intents.iter().filter(|(intent, _)| intent.declined.is_none());
        let (count, sum) = paid.fold((0, 0), |(count, sum), (intent, _)| (count + 1, sum + intent.amount));
        (count, sum, guard.0.intents.len() - count)
    }
}

/// Ordered by time, as Stripe's are not; nothing may rely on it.
fn id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
