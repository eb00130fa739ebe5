//! Customers, cards and charges: as they are kept, and as Stripe shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cards;

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

impl Customer {
    pub(super) fn show(&self) -> Value {
        json!({ "id": self.id, "object": "customer", "created": self.created, "livemode": false, "metadata": self.metadata })
    }
}

impl Method {
    pub(super) fn show(&self) -> Value {
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
    pub(super) fn show(&self) -> Value {
        let error = self
            .declined
            .as_ref()
            .map(|(code, decline_code)| json!({ "type": "card_error", "code": code, "decline_code": decline_code }));
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
