//! The ledger in memory, made of its lines.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::objects::{Customer, Intent, Method};
use crate::refusal::Refusal;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Customer(Customer),
    Method(Method),
    Detached(String),
    Intent(Intent),
}

/// A line of the file: what happened and, if the request had one, its key.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub entry: Entry,
    pub key: Option<String>,
    pub fingerprint: u64,
}

#[derive(Default)]
pub(super) struct State {
    pub customers: HashMap<String, Customer>,
    pub methods: HashMap<String, Method>,
    pub intents: Vec<(Intent, Option<String>)>,
    pub intent_at: HashMap<String, usize>,
    pub of_customer: HashMap<String, Vec<usize>>,
    /// Idempotency key → what the request looked like and the id of what it made.
    pub keys: HashMap<String, (u64, String)>,
}

impl Entry {
    pub fn id(&self) -> &str {
        match self {
            Self::Customer(customer) => &customer.id,
            Self::Method(method) => &method.id,
            Self::Detached(method) => method,
            Self::Intent(intent) => &intent.id,
        }
    }
}

impl State {
    pub fn apply(&mut self, line: Line) {
        if let Some(key) = &line.key {
            self.keys.insert(key.clone(), (line.fingerprint, line.entry.id().to_owned()));
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
                self.of_customer.entry(intent.customer.clone()).or_default().push(at);
                self.intents.push((intent, line.key));
            }
        }
    }

    /// The answer to a request that made `id`: a refused charge is a refusal again.
    pub fn show(&self, id: &str) -> Result<Value, Refusal> {
        if let Some((intent, _)) = self.intent_at.get(id).map(|at| &self.intents[*at]) {
            return match &intent.declined {
                Some((code, decline_code)) => Err(Refusal::card(code, decline_code.as_deref(), Some(intent.show()))),
                None => Ok(intent.show()),
            };
        }
        let found = self.customers.get(id).map(Customer::show).or_else(|| self.methods.get(id).map(Method::show));
        found.ok_or_else(|| Refusal::missing(404, "object", id))
    }
}
