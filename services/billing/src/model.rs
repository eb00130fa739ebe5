//! The nouns: what requests bring, what is stored, what answers show.

use chrono::{DateTime, Utc};
use diesel::prelude::Queryable;
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Error, Invalid, Validate};
use serde::{Deserialize, Serialize};

use crate::period::Period;
use crate::provider::Charge;

/// Body of `PUT …/payment-method`. Not `Debug`: what it holds must not be logged.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewPaymentMethod {
    /// From the payment provider.
    pub payment_method_token: String,
}

impl Validate for NewPaymentMethod {
    fn validate(&self, invalid: &mut Invalid) {
        let token = &self.payment_method_token;
        // It becomes a segment of a URL at the provider's.
        let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        invalid.require(
            (1..=200).contains(&token.len()) && plain,
            "paymentMethodToken",
            "invalid_format",
            "must be a token of the payment provider, such as pm_…",
        );
    }

    /// Card numbers are looked for before anything else is, in whatever the body holds.
    fn screen(body: &[u8]) -> Option<kit::FieldError> {
        let held = serde_json::from_slice(body).is_ok_and(|value| crate::card_number::holds_card_number(&value));
        held.then(|| {
            kit::FieldError::new("", "card_number", "holds a card number; send the payment provider's token for it")
        })
    }
}

/// The card of an organisation. Not `Debug`: tokens must not be logged.
#[derive(Clone, Queryable)]
pub struct StoredCard {
    /// The organisation at the provider.
    pub customer_id: String,
    /// The card at the provider.
    pub token: String,
    /// What may be shown.
    pub shown: PaymentMethod,
}

/// The card, as far as anybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    /// `visa`, …
    pub brand: String,
    /// The last four digits.
    pub last_four: String,
    /// 1 to 12.
    pub expiry_month: i32,
    /// Four digits.
    pub expiry_year: i32,
    /// The ETag.
    pub version: i64,
    /// When the first card came.
    pub created_at: DateTime<Utc>,
    /// When this card came.
    pub updated_at: DateTime<Utc>,
}

/// Part of an invoice: a plan's price, or a count times its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `plan`, `api`, `domain`, `subDomain`, `user`.
    pub item: String,
    /// How many.
    pub quantity: i64,
    /// Minor units.
    pub unit_price_cents: i64,
    /// Minor units.
    pub amount_cents: i64,
}

/// A try to charge an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1.
    pub number: i32,
    /// `started`, `succeeded`, `failed`.
    pub outcome: String,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// When it was written down, before the provider was asked.
    pub started_at: DateTime<Utc>,
    /// When its outcome was.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What is owed for a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// `2026-10`
    pub period: String,
    /// ISO 4217.
    pub currency: String,
    /// Minor units.
    pub amount_cents: i64,
    /// `open`, `paid`, `overdue`, `void`.
    pub status: String,
    /// When it was written.
    pub issued_at: DateTime<Utc>,
    /// When it is charged next by itself.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When its last retry had failed.
    pub overdue_at: Option<DateTime<Utc>>,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// What it is made of.
    pub lines: Vec<Line>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
    /// The ETag.
    pub version: i64,
    /// As `issued_at`.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// What the running period costs up to now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The month that now lies in.
    pub period: String,
    /// The plan's code.
    pub plan: String,
    /// ISO 4217.
    pub currency: String,
    /// Minor units.
    pub amount_cents: i64,
    /// As an invoice would have them.
    pub lines: Vec<Line>,
}

/// How an organisation stands, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// `active`, `overdue`, `frozen`.
    pub standing: String,
    /// Since when an invoice has been overdue.
    pub overdue_since: Option<DateTime<Utc>>,
    /// Since when it has been frozen.
    pub frozen_at: Option<DateTime<Utc>>,
    /// The ETag; 0 while there never was another standing than active.
    #[serde(skip)]
    pub version: i64,
}

/// Body of `POST /billing-runs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewRun {
    /// `2026-10`
    pub period: String,
}

impl NewRun {
    /// The period.
    pub fn period(&self) -> Result<Period, Error> {
        let invalid = || Error::invalid("period", "invalid_format", "must be a month, YYYY-MM");
        Period::parse(&self.period).ok_or_else(invalid)
    }
}

impl Validate for NewRun {
    /// Nothing here: reading the period is what checks it.
    fn validate(&self, _: &mut Invalid) {}
}

/// The billing of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// `2026-10`
    pub period: String,
    /// `pending`, `invoicing`, `charging`, `done`.
    pub status: String,
    /// How many were due at the snapshot.
    pub organisations: i32,
    /// How many have their invoice.
    pub invoices: i32,
    /// Sum of the invoices written.
    pub amount_cents: i64,
    /// When plans and counts were copied.
    pub snapshot_at: Option<DateTime<Utc>>,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// The ETag.
    pub version: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// An attempt whose outcome is to be found out: written down, committed, and not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Started {
    /// Whose invoice.
    pub organisation_id: OrganisationId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Which attempt at it.
    pub number: i32,
    /// How often the provider has been asked, the coming time included.
    pub asks: i32,
    /// The organisation at the provider; none: there is no card.
    pub customer_id: Option<String>,
    /// The card, as it was when the attempt began.
    pub token: Option<String>,
    /// Minor units.
    pub amount_cents: i64,
    /// ISO 4217.
    pub currency: String,
    /// An answer was of another charge: it is looked up again, and never charged again.
    pub mismatch: bool,
    /// The organisation at the provider, as earlier attempts had it.
    pub earlier_customers: Vec<String>,
}

impl Started {
    /// How the keys of all attempts at this invoice begin.
    pub fn key(&self) -> String {
        format!("invoice-{}-", self.invoice_id)
    }

    /// The question without a card: how much it would be for.
    pub fn without_card(&self) -> Charge {
        let [customer_id, token] = [String::new(), String::new()];
        Charge {
            key: String::new(),
            amount_cents: self.amount_cents,
            currency: self.currency.clone(),
            customer_id,
            token,
        }
    }

    /// The question to the provider; the same each time. None without a card.
    pub fn charge(&self) -> Option<Charge> {
        Some(Charge {
            key: format!("{}{}", self.key(), self.number),
            amount_cents: self.amount_cents,
            currency: self.currency.clone(),
            customer_id: self.customer_id.clone()?,
            token: self.token.clone()?,
        })
    }
}
