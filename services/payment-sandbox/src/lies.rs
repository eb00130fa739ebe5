//! How the sandbox lies: whatever it is asked for it does rightly and keeps in its ledger, and then says something else.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody, SizedStream};
use actix_web::web::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refusal::{Refusal, answer};

/// One misbehaviour, as `lie` in `POST /control` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
#[value(rename_all = "camelCase")]
pub enum Lie {
    /// A minor unit more than was asked for.
    AmountMore,
    /// One less.
    AmountLess,
    /// Zero.
    AmountZero,
    /// The amount below zero.
    AmountNegative,
    /// The amount as a text.
    AmountText,
    /// In another currency.
    OtherCurrency,
    /// From another customer.
    OtherCustomer,
    /// Of another attempt: with another idempotency key in its metadata.
    OtherKey,
    /// Succeeded, nothing received.
    ReceivedZero,
    /// Succeeded, and not said how much was received.
    ReceivedMissing,
    /// Every charge has the same id.
    OneId,
    /// Answered as paid, shown as failed.
    PaidThenFailed,
    /// Answered as declined, shown as paid.
    FailedThenPaid,
    /// A status that nobody knows.
    UnknownStatus,
    /// 200 with a page for people.
    Html,
    /// 200 without a body.
    Empty,
    /// 200 with half of a body.
    Truncated,
    /// 200 with ten megabytes.
    Huge,
    /// 201.
    Status201,
    /// 202.
    Status202,
    /// 302, to itself.
    Status302,
    /// 429.
    Status429,
    /// 429 that says when to come again.
    RetryAfter,
    /// No answer for `hang_ms`.
    Hang,
    /// The answer a byte at a time.
    Trickle,
    /// The connection closed without an answer.
    Close,
    /// An id with a NUL in it.
    NulId,
    /// An id of two megabytes.
    LongId,
    /// Declined, with a NUL in the code; shown as paid.
    NulCode,
    /// Declined, with a code of two megabytes; shown as paid.
    LongCode,
    /// A card that ends in month 99.
    CardMonth,
    /// A card whose last four digits are sixteen.
    CardDigits,
    /// A list that always has more, without what is looked for.
    EndlessList,
}

/// Every one of them.
pub const LIES: [Lie; 33] = [
    Lie::AmountMore,
    Lie::AmountLess,
    Lie::AmountZero,
    Lie::AmountNegative,
    Lie::AmountText,
    Lie::OtherCurrency,
    Lie::OtherCustomer,
    Lie::OtherKey,
    Lie::ReceivedZero,
    Lie::ReceivedMissing,
    Lie::OneId,
    Lie::PaidThenFailed,
    Lie::FailedThenPaid,
    Lie::UnknownStatus,
    Lie::Html,
    Lie::Empty,
    Lie::Truncated,
    Lie::Huge,
    Lie::Status201,
    Lie::Status202,
    Lie::Status302,
    Lie::Status429,
    Lie::RetryAfter,
    Lie::Hang,
    Lie::Trickle,
    Lie::Close,
    Lie::NulId,
    Lie::LongId,
    Lie::NulCode,
    Lie::LongCode,
    Lie::CardMonth,
    Lie::CardDigits,
    Lie::EndlessList,
];

const LONG: usize = 2 << 20;
const HUGE: usize = 10 << 20;

impl Lie {
    /// What is said of a PaymentIntent, as an answer and in lists.
    pub fn twist(self, intent: &mut Value) {
        let amount = intent["amount"].as_i64().unwrap_or_default();
        let paid = |amount: i64| (json!(amount), json!(amount));
        match self {
            Self::AmountMore => (intent["amount"], intent["amount_received"]) = paid(amount + 1),
            Self::AmountLess => (intent["amount"], intent["amount_received"]) = paid(amount - 1),
            Self::AmountZero => (intent["amount"], intent["amount_received"]) = paid(0),
            Self::AmountNegative => (intent["amount"], intent["amount_received"]) = paid(-amount),
            Self::AmountText => {
                (intent["amount"], intent["amount_received"]) = (json!(amount.to_string()), json!(amount.to_string()));
            }
            Self::OtherCurrency => intent["currency"] = json!("xts"),
            Self::OtherCustomer => intent["customer"] = json!("cus_somebody_else"),
            Self::OtherKey => intent["metadata"]["attempt"] = json!("invoice-of-somebody-else-1"),
            Self::ReceivedZero => intent["amount_received"] = json!(0),
            Self::ReceivedMissing => drop(intent.as_object_mut().and_then(|keys| keys.remove("amount_received"))),
            Self::OneId => intent["id"] = json!("pi_one"),
            Self::UnknownStatus => intent["status"] = json!("perhaps"),
            Self::NulId => intent["id"] = json!("pi_\0"),
            Self::LongId => intent["id"] = json!("p".repeat(LONG)),
            _ => {}
        }
    }

    /// What is said of it when it is looked up later.
    pub fn twist_shown(self, intent: &mut Value) {
        if self == Self::PaidThenFailed {
            intent["status"] = json!("requires_payment_method");
            intent["last_payment_error"] = json!({ "type": "card_error", "code": "card_declined" });
        }
        self.twist(intent);
    }

    /// What is said of a card.
    pub fn twist_card(self, method: &mut Value) {
        match self {
            Self::CardMonth => method["card"]["exp_month"] = json!(99),
            Self::CardDigits => method["card"]["last4"] = json!("4242424242424242"),
            _ => {}
        }
    }

    /// The answer to a charge that was made.
    pub async fn charged(self, outcome: Result<Value, Refusal>, hang_ms: u64) -> HttpResponse {
        let mut intent = match outcome {
            Ok(intent) => intent,
            Err(refusal) => return refusal.respond(),
        };
        let declined = |code: &str| Refusal::card(code, None, None).respond();
        self.twist(&mut intent);
        match self {
            Self::FailedThenPaid => declined("card_declined"),
            Self::NulCode => declined("card\0declined"),
            Self::LongCode => declined(&"c".repeat(LONG)),
            Self::Html => HttpResponse::Ok().content_type("text/html").body("<html><body>OK</body></html>"),
            Self::Empty => HttpResponse::Ok().finish(),
            Self::Truncated => {
                HttpResponse::Ok().content_type("application/json").body(r#"{"id":"pi_1","status":"succee"#)
            }
            Self::Huge => {
                intent["description"] = json!("x".repeat(HUGE));
                answer(200, &intent)
            }
            Self::Status201 => answer(201, &intent),
            Self::Status202 => answer(202, &intent),
            Self::Status302 => HttpResponse::Found().insert_header(("location", "/v1/payment_intents")).finish(),
            Self::Status429 => {
                answer(429, &json!({ "error": { "type": "invalid_request_error", "code": "rate_limit" } }))
            }
            Self::RetryAfter => HttpResponse::TooManyRequests().insert_header(("retry-after", "3600")).finish(),
            Self::Hang => {
                tokio::time::sleep(Duration::from_millis(hang_ms)).await;
                answer(200, &intent)
            }
            Self::Trickle => trickle(&intent),
            Self::Close => HttpResponse::Ok().force_close().body(Gone),
            _ => answer(200, &intent),
        }
    }

    /// A list of PaymentIntents.
    pub fn listed(self, data: &mut Vec<Value>, has_more: &mut bool) {
        data.iter_mut().for_each(|intent| self.twist_shown(intent));
        if self == Self::EndlessList {
            let other = |number: u32| json!({ "id": format!("pi_{}", uuid::Uuid::now_v7().simple()), "n": number });
            (*data, *has_more) = ((0..100).map(other).collect(), true);
        }
    }
}

/// A whole answer, a byte each tenth of a second.
fn trickle(intent: &Value) -> HttpResponse {
    let bytes = intent.to_string().into_bytes();
    let size = bytes.len() as u64;
    let bytes = futures_util::stream::unfold(bytes.into_iter(), |mut bytes| async move {
        let byte = bytes.next()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, std::io::Error>(Bytes::copy_from_slice(&[byte])), bytes))
    });
    HttpResponse::Ok().content_type("application/json").body(SizedStream::new(size, Box::pin(bytes)))
}

/// A body that fails before its first byte: actix then closes the connection, and the caller never gets an answer.
pub(crate) struct Gone;

impl MessageBody for Gone {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, Self::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("dropped on purpose"))))
    }
}
