//! What the sandbox remembers: an append-only file of JSON lines, and the same in memory.
//!
//! A line is on the disk before its answer is given, so whoever was told of a charge finds it after a kill. A last line
//! that was torn by a kill was never answered, and is cut off when the file is opened.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    cards::{self, Behaviour},
    refusal::Refusal,
};

/// Parameters of a request, decoded; in the order of their names, so that equal requests look equal.
pub type Form = BTreeMap<String, String>;

/// Somebody who pays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// `metadata[…]`
    pub metadata: BTreeMap<String, String>,
}

/// A test card, attached to a customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Method {
    /// `pm_…`; not the token it came from.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The test token that it came from.
    pub token: String,
    /// Null once detached.
    pub customer: Option<String>,
}

/// One charge, or one that the card refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// `pi_…`
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Who pays.
    pub customer: String,
    /// With what.
    pub payment_method: String,
    /// Minor units.
    pub amount: u64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// `metadata[…]`
    pub metadata: BTreeMap<String, String>,
    /// Why the card refused: code and decline code; none: it paid.
    pub declined: Option<(String, Option<String>)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Customer(Customer),
    Method(Method),
    Detached(String),
    Intent(Intent),
}

/// A line of the file: what happened and, if the request had one, its key.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: Entry,
    key: Option<String>,
    fingerprint: u64,
}

#[derive(Default)]
struct State {
    customers: HashMap<String, Customer>,
    methods: HashMap<String, Method>,
    intents: Vec<(Intent, Option<String>)>,
    intent_at: HashMap<String, usize>,
    of_customer: HashMap<String, Vec<usize>>,
    /// Idempotency key → what the request looked like and the id of what it made.
    keys: HashMap<String, (u64, String)>,
}

/// The ledger.
pub struct Ledger {
    state: Mutex<(State, File)>,
    sync: bool,
}

/// A request that makes something: its key and its fingerprint.
pub struct Asked<'a> {
    /// `Idempotency-Key`
    pub key: Option<&'a str>,
    /// Path and form.
    pub path: &'a str,
    /// The parameters.
    pub form: &'a Form,
}

impl Asked<'_> {
    /// FNV-1a over path and parameters.
    fn fingerprint(&self) -> u64 {
        let parts = self
            .form
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        std::iter::once(self.path)
            .chain(parts)
            .flat_map(|part| part.bytes().chain([0]))
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
            })
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let name = |name: &str| {
            name.strip_prefix("metadata[")?
                .strip_suffix(']')
                .map(str::to_owned)
        };
        self.form
            .iter()
            .filter_map(|(key, value)| Some((name(key)?, value.clone())))
            .collect()
    }
}

impl Ledger {
    /// Reads the file, or makes it.
    pub fn open(path: &Path, sync: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let (mut state, mut whole) = (State::default(), 0);
        let mut reader = BufReader::new(&file);
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            let Some(line) = text.strip_suffix('\n') else {
                break;
            };
            let line: Line = serde_json::from_str(line)
                .map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
            state.apply(line);
            whole += text.len() as u64;
            text.clear();
        }
        drop(reader);
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        Ok(Self {
            state: Mutex::new((state, file)),
            sync,
        })
    }

    fn lock(&self) -> MutexGuard<'_, (State, File)> {
        // A panic under the lock can only lie between the file and the memory, never within either.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replays what the key made before, or makes it, once, whoever asks at the same time.
    fn once(
        &self,
        asked: &Asked<'_>,
        make: impl FnOnce(&State) -> Result<Entry, Refusal>,
    ) -> Result<Value, Refusal> {
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
        let line = Line {
            entry,
            key: asked.key.map(str::to_owned),
            fingerprint,
        };
        let mut text = serde_json::to_string(&line).map_err(|_| Refusal::trouble())?;
        text.push('\n');
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| if self.sync { file.sync_data() } else { Ok(()) });
        written.map_err(|_| Refusal::trouble())?;
        state.apply(line);
        state.show(&id)
    }

    /// POST /v1/customers
    pub fn create_customer(&self, asked: &Asked<'_>) -> Result<Value, Refusal> {
        self.once(asked, |_| {
            Ok(Entry::Customer(Customer {
                id: id("cus"),
                created: now(),
                metadata: asked.metadata(),
            }))
        })
    }

    /// POST /v1/payment_methods/{token or id}/attach
    pub fn attach(&self, asked: &Asked<'_>, token: &str) -> Result<Value, Refusal> {
        let customer = asked.form.get("customer").ok_or_else(|| {
            Refusal::parameter(
                "customer",
                "parameter_missing",
                "Missing required param: customer.",
            )
        })?;
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
            let card =
                cards::find(token).ok_or_else(|| Refusal::missing(404, "PaymentMethod", token))?;
            if let Behaviour::DeclinesAttach(code, decline_code) = card.behaviour {
                return Err(Refusal::card(code, decline_code, None));
            }
            let (token, customer) = (token.to_owned(), Some(customer.clone()));
            Ok(Entry::Method(Method {
                id: id("pm"),
                created: now(),
                token,
                customer,
            }))
        })
    }

    /// POST /v1/payment_methods/{id}/detach
    pub fn detach(&self, asked: &Asked<'_>, method: &str) -> Result<Value, Refusal> {
        self.once(asked, |state| {
            state
                .methods
                .get(method)
                .ok_or_else(|| Refusal::missing(404, "PaymentMethod", method))?;
            Ok(Entry::Detached(method.to_owned()))
        })
    }

    /// POST /v1/payment_intents with confirm=true and off_session=true: a charge.
    pub fn charge(&self, asked: &Asked<'_>) -> Result<Value, Refusal> {
        let param = |name: &'static str| {
            asked.form.get(name).cloned().ok_or_else(|| {
                Refusal::parameter(
                    name,
                    "parameter_missing",
                    &format!("Missing required param: {name}."),
                )
            })
        };
        for name in ["confirm", "off_session"] {
            if param(name)? != "true" {
                return Err(Refusal::parameter(
                    name,
                    "parameter_invalid",
                    "The sandbox only charges at once and off-session.",
                ));
            }
        }
        let (customer, method, currency) = (
            param("customer")?,
            param("payment_method")?,
            param("currency")?.to_lowercase(),
        );
        let amount = param("amount")?
            .parse::<u64>()
            .ok()
            .filter(|amount| (1..=99_999_999).contains(amount));
        let amount = amount.ok_or_else(|| {
            Refusal::parameter("amount", "parameter_invalid_integer", "Invalid integer.")
        })?;
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(Refusal::parameter(
                "currency",
                "parameter_invalid",
                "Invalid currency.",
            ));
        }
        self.once(asked, |state| {
            let owned = state
                .methods
                .get(&method)
                .filter(|m| m.customer.as_deref() == Some(customer.as_str()));
            let owned = owned.ok_or_else(|| Refusal::missing(400, "PaymentMethod", &method))?;
            let declined = match cards::find(&owned.token).map(|card| card.behaviour) {
                Some(Behaviour::DeclinesCharge(code, decline)) => {
                    Some((code.to_owned(), decline.map(str::to_owned)))
                }
                _ => None,
            };
            let metadata = asked.metadata();
            let (id, created) = (id("pi"), now());
            Ok(Entry::Intent(Intent {
                id,
                created,
                customer,
                payment_method: method,
                amount,
                currency,
                metadata,
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
            _ => state
                .intent_at
                .get(id)
                .map(|at| state.intents[*at].0.show()),
        }
        .ok_or_else(|| Refusal::missing(404, kind, id))
    }

    /// A customer's cards, newest first.
    pub fn list_methods(&self, customer: &str) -> Vec<Value> {
        let guard = self.lock();
        let mut found: Vec<_> = guard
            .0
            .methods
            .values()
            .filter(|m| m.customer.as_deref() == Some(customer))
            .collect();
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
        let before = after
            .and_then(|id| state.intent_at.get(id))
            .copied()
            .unwrap_or(usize::MAX);
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
        guard
            .0
            .intents
            .iter()
            .skip(from)
            .take(limit)
            .map(show)
            .collect()
    }

    /// Number and sum of what was charged, refusals left out.
    pub fn totals(&self) -> (usize, u64, usize) {
        let guard = self.lock();
        let paid = guard
            .0
            .intents
            .iter()
            .filter(|(intent, _)| intent.declined.is_none());
        let (count, sum) = paid.fold((0, 0), |(count, sum), (intent, _)| {
            (count + 1, sum + intent.amount)
        });
        (count, sum, guard.0.intents.len() - count)
    }
}

impl Entry {
    fn id(&self) -> &str {
        match self {
            Self::Customer(customer) => &customer.id,
            Self::Method(method) => &method.id,
            Self::Detached(method) => method,
            Self::Intent(intent) => &intent.id,
        }
    }
}

impl State {
    fn apply(&mut self, line: Line) {
        if let Some(key) = &line.key {
            self.keys
                .insert(key.clone(), (line.fingerprint, line.entry.id().to_owned()));
        }
        match line.entry {
            Entry::Customer(customer) => drop(self.customers.insert(customer.id.clone(), customer)),
            Entry::Method(method) => drop(self.methods.insert(method.id.clone(), method)),
            Entry::Detached(id) => {
                if let Some(method) = self.methods.get_mut(&id) {
                    method.customer = None;
                }
            }
            Entry::Intent(intent) => {
                let at = self.intents.len();
                self.intent_at.insert(intent.id.clone(), at);
                self.of_customer
                    .entry(intent.customer.clone())
                    .or_default()
                    .push(at);
                self.intents.push((intent, line.key));
            }
        }
    }

    /// The answer to a request that made `id`: a refused charge is a refusal again.
    fn show(&self, id: &str) -> Result<Value, Refusal> {
        if let Some((intent, _)) = self.intent_at.get(id).map(|at| &self.intents[*at]) {
            return match &intent.declined {
                Some((code, decline_code)) => Err(Refusal::card(
                    code,
                    decline_code.as_deref(),
                    Some(intent.show()),
                )),
                None => Ok(intent.show()),
            };
        }
        let found = self
            .customers
            .get(id)
            .map(Customer::show)
            .or_else(|| self.methods.get(id).map(Method::show));
        found.ok_or_else(|| Refusal::missing(404, "object", id))
    }
}

impl Customer {
    fn show(&self) -> Value {
        json!({ "id": self.id, "object": "customer", "created": self.created, "livemode": false, "metadata": self.metadata })
    }
}

impl Method {
    fn show(&self) -> Value {
        let card = cards::find(&self.token);
        json!({
            "id": self.id, "object": "payment_method", "type": "card", "created": self.created, "livemode": false,
            "customer": self.customer,
            "card": {
                "brand": card.map_or("unknown", |card| card.brand), "last4": card.map_or("0000", |card| card.last_four),
                "exp_month": 12, "exp_year": 2099, "country": "US", "funding": "credit",
            },
        })
    }
}

impl Intent {
    fn show(&self) -> Value {
        let error = self.declined.as_ref().map(|(code, decline_code)| {
            json!({ "type": "card_error", "code": code, "decline_code": decline_code })
        });
        json!({
            "id": self.id, "object": "payment_intent", "created": self.created, "livemode": false,
            "amount": self.amount, "amount_received": if error.is_none() { self.amount } else { 0 },
            "currency": self.currency, "customer": self.customer, "metadata": self.metadata,
            "payment_method": if error.is_none() { json!(self.payment_method) } else { Value::Null },
            "status": if error.is_none() { "succeeded" } else { "requires_payment_method" },
            "last_payment_error": error,
        })
    }
}

/// Ordered by time, as Stripe's are not; nobody may rely on it.
fn id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
