//! The payment provider: a client for Stripe's public HTTP shape.
//!
//! Every call that makes something carries an `Idempotency-Key`, so asking again never makes it twice. Where the answer
//! is missing or says nothing about the charge, the outcome is *unknown*, which is not a failure: whoever asked asks
//! again, with the same key.

mod answer;

use std::time::{Duration, Instant};

use kit::Error;
use kit::error::Busy;
use serde_json::Value;

pub use answer::{Card, Outcome, Refused};

/// A charge to be asked for; asked again it must look the same, or the key is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// `Idempotency-Key`: one for each attempt.
    pub key: String,
    /// Minor units.
    pub amount_cents: i64,
    /// ISO 4217.
    pub currency: String,
    /// Who pays.
    pub customer_id: String,
    /// With what.
    pub token: String,
}

/// The provider at a base URL, with a key.
pub struct Provider {
    agent: ureq::Agent,
    base: String,
    authorization: String,
    timeout: Duration,
}

/// The largest answer that is read, in bytes: a page of a hundred charges has a fifth of it.
const ANSWER_MAX: u64 = 1 << 20;
/// The most pages of a customer's charges that are looked through: far more than there can be.
const PAGES_MAX: usize = 50;

impl Provider {
    /// A client that gives up on an answer after `timeout`.
    pub fn new(base: &str, key: &str, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("govrnanza-billing")
            .build();
        Self {
            agent: config.new_agent(),
            base: base.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {key}"),
            timeout,
        }
    }

    /// The organisation at the provider: made once for a key, whoever asks.
    pub fn create_customer(&self, organisation: &str, key: &str) -> Result<String, Error> {
        let (status, body) = self.post("/v1/customers", key, &[("metadata[organisation]", organisation)])?;
        match (status, answer::identifier(&body["id"])) {
            (200, Some(id)) => Ok(id),
            _ => Err(unexpected("customers", status, &body)),
        }
    }

    /// Gives the card behind a token to a customer. `Ok(Err(…))`: the provider refused it.
    pub fn attach(&self, token: &str, customer_id: &str, key: &str) -> Result<Result<Card, Refused>, Error> {
        let path = format!("/v1/payment_methods/{token}/attach");
        let (status, body) = self.post(&path, key, &[("customer", customer_id)])?;
        match status {
            200 => Card::read(&body).map(Ok).ok_or_else(|| unexpected("attach", status, &body)),
            400 | 402 | 404 if body["error"]["type"] != "idempotency_error" => Ok(Err(Refused::read(&body))),
            _ => Err(unexpected("attach", status, &body)),
        }
    }

    /// Takes a card away from its customer; that it is gone already is no error.
    pub fn detach(&self, token: &str) -> Result<(), Error> {
        let (status, body) =
            self.post(&format!("/v1/payment_methods/{token}/detach"), &format!("detach-{token}"), &[])?;
        match status {
            200 | 400 | 404 => Ok(()),
            _ => Err(unexpected("detach", status, &body)),
        }
    }

    /// Asks for the money. Never fails: what isn't known is [`Outcome::Unknown`].
    pub fn charge(&self, charge: &Charge) -> Outcome {
        let amount = charge.amount_cents.to_string();
        let form = [
            ("amount", amount.as_str()),
            ("currency", &charge.currency.to_lowercase()),
            ("customer", &charge.customer_id),
            ("payment_method", &charge.token),
            ("payment_method_types[]", "card"),
            ("confirm", "true"),
            ("off_session", "true"),
            ("metadata[attempt]", &charge.key),
        ];
        match self.post("/v1/payment_intents", &charge.key, &form) {
            Ok((status, body)) => Outcome::read(status, &body, charge),
            Err(error) => Outcome::Unknown(error.to_string()),
        }
    }

    /// What became of a charge that was asked for before; none: the provider does not know it.
    ///
    /// Asked before a charge is repeated: keys are forgotten after a day, and an answer 5xx is repeated for a key as
    /// long as it is remembered, whatever became of the charge.
    pub fn find_charge(&self, charge: &Charge) -> Result<Option<Outcome>, Error> {
        let ours = |intent: &Value| intent["metadata"]["attempt"] == charge.key.as_str();
        Ok(self.search(&charge.customer_id, ours)?.map(|intent| Outcome::of_intent(&intent, charge)))
    }

    /// What was paid by an attempt whose key begins so: one that was answered as failed and succeeded after all. `like` says how much.
    pub fn find_paid(&self, customer_id: &str, key: &str, like: &Charge) -> Result<Option<Outcome>, Error> {
        let of = |intent: &Value| {
            intent["metadata"]["attempt"].as_str().filter(|attempt| attempt.starts_with(key)).map(str::to_owned)
        };
        let paid = |intent: &Value| intent["status"] == "succeeded" && of(intent).is_some();
        let found = self.search(customer_id, paid)?;
        Ok(found.map(|intent| {
            let (key, customer_id) = (of(&intent).unwrap_or_default(), customer_id.to_owned());
            Outcome::of_intent(&intent, &Charge { key, customer_id, ..like.clone() })
        }))
    }

    /// The first of a customer's PaymentIntents that is meant, newest first. An error where the list doesn't end.
    fn search(&self, customer_id: &str, meant: impl Fn(&Value) -> bool) -> Result<Option<Value>, Error> {
        let (mut after, end) = (String::new(), Instant::now() + 3 * self.timeout);
        for _ in 0..PAGES_MAX {
            let path = format!("/v1/payment_intents?customer={customer_id}&limit=100{after}");
            let (status, mut body) = self.get(&path)?;
            let more = body["has_more"] == true;
            let Some(page) = body["data"].as_array_mut().filter(|_| status == 200) else {
                return Err(unexpected("payment_intents", status, &body));
            };
            let last = page.last().and_then(|intent| answer::identifier(&intent["id"]));
            if let Some(at) = page.iter().position(&meant) {
                return Ok(Some(page.swap_remove(at)));
            }
            if !more {
                return Ok(None);
            }
            match last.filter(|_| Instant::now() < end) {
                Some(last) => after = format!("&starting_after={last}"),
                None => break,
            }
        }
        tracing::warn!("the payment provider's list of charges doesn't end");
        Err(Error::Busy(Busy::Elsewhere))
    }

    fn get(&self, path: &str) -> Result<(u16, Value), Error> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("authorization", &self.authorization);
        read(request.call())
    }

    fn post(&self, path: &str, key: &str, form: &[(&str, &str)]) -> Result<(u16, Value), Error> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.header("authorization", &self.authorization).header("idempotency-key", key);
        read(request.send_form(form.iter().copied()))
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, Value), Error> {
    let read = answer.and_then(|mut answer| {
        let status = answer.status().as_u16();
        // A refusal needn't be JSON (a gateway's 502 isn't); a success that isn't tells nothing and is no answer.
        match answer.body_mut().with_config().limit(ANSWER_MAX).read_json() {
            Ok(body) => Ok((status, body)),
            Err(error) if status == 200 => Err(error),
            Err(_) => Ok((status, Value::Null)),
        }
    });
    read.map_err(|error| {
        tracing::warn!(%error, "no answer from the payment provider");
        Error::Busy(Busy::Elsewhere)
    })
}

/// An answer that says nothing about what was asked: 401, 429, 5xx. The body may name a token, so it is not logged.
fn unexpected(what: &str, status: u16, body: &Value) -> Error {
    let kind: String = body["error"]["type"].as_str().unwrap_or("none").chars().take(64).collect();
    tracing::warn!(what, status, kind, "the payment provider can't or won't");
    Error::Busy(Busy::Elsewhere)
}
