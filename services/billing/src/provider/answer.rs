//! The provider's answers, read and not believed: what is to be kept is validated, and a charge compared with what was asked for.

use serde_json::Value;

use super::Charge;

/// A card as the provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The payment method attached; the test tokens become one of their own.
    pub token: String,
    /// `visa`, …
    pub brand: String,
    /// The last four digits.
    pub last_four: String,
    /// 1 to 12.
    pub expiry_month: i32,
    /// Four digits.
    pub expiry_year: i32,
}

impl Card {
    pub(super) fn read(body: &Value) -> Option<Self> {
        let (card, number) = (&body["card"], |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok()));
        let brand = card["brand"].as_str().filter(|brand| brand.len() <= 40 && plain(brand))?;
        let digits = |text: &&str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            token: identifier(&body["id"])?,
            brand: brand.to_owned(),
            last_four: card["last4"].as_str().filter(digits)?.to_owned(),
            expiry_month: number(&card["exp_month"]).filter(|month| (1..=12).contains(month))?,
            expiry_year: number(&card["exp_year"]).filter(|year| (2000..=9999).contains(year))?,
        })
    }
}

/// A card that the provider refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `expired_card`, `insufficient_funds`, `resource_missing`, …
    pub code: String,
}

impl Refused {
    /// The decline code is more precise than `card_declined`.
    pub(super) fn read(body: &Value) -> Self {
        Self { code: code(&body["error"]).unwrap_or_else(|| "refused".to_owned()) }
    }
}

/// The reason as it may be kept and shown: of letters, digits and few signs, and short.
fn code(error: &Value) -> Option<String> {
    let text = error["decline_code"].as_str().or_else(|| error["code"].as_str())?;
    Some(text.chars().filter(|letter| letter.is_ascii_graphic()).take(CODE_MAX).collect())
        .filter(|code: &String| !code.is_empty())
}

/// The most characters of a reason that are kept.
const CODE_MAX: usize = 64;
/// The longest id that is believed to be one.
const ID_MAX: usize = 200;

fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// An id of the provider's: it is kept, and goes into URLs. None where it can't be one.
pub(super) fn identifier(value: &Value) -> Option<String> {
    value.as_str().filter(|id| id.len() <= ID_MAX && plain(id)).map(str::to_owned)
}

/// What became of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money is there.
    Paid {
        /// The PaymentIntent.
        payment_id: String,
    },
    /// It isn't, and won't be by this attempt.
    Failed {
        /// The PaymentIntent, where there is one.
        payment_id: Option<String>,
        /// Why.
        code: String,
    },
    /// The answer is of another charge than was asked for. Neither paid nor failed: money may have been taken.
    Mismatch {
        /// The PaymentIntent, where its id can be one.
        payment_id: Option<String>,
        /// What differs: `amount`, `currency`, …
        what: &'static str,
    },
    /// Not known yet; why, for the log.
    Unknown(String),
}

impl Outcome {
    /// No card to ask for the money.
    pub fn no_payment_method() -> Self {
        Self::Failed { payment_id: None, code: "no_payment_method".to_owned() }
    }

    /// Reads an answer to a charge. Only a statement about *this charge* counts as a failure: a wrong key of
    /// ours, too many requests or its own trouble must not make an organisation overdue.
    pub(super) fn read(status: u16, body: &Value, charge: &Charge) -> Self {
        let error = &body["error"];
        let intent = &error["payment_intent"];
        match (status, error["type"].as_str()) {
            (200, _) => Self::of_intent(body, charge),
            (402, _) if intent.is_object() && whose(intent, charge).is_some() => {
                Self::Unknown("a refusal of another charge".to_owned())
            }
            (402, _) => Self::Failed {
                payment_id: identifier(&intent["id"]),
                code: code(error).unwrap_or_else(|| "card_declined".into()),
            },
            (400 | 404, Some("invalid_request_error" | "card_error")) => {
                Self::Failed { payment_id: None, code: code(error).unwrap_or_else(|| "invalid_request".into()) }
            }
            (_, kind) => Self::Unknown(format!("status {status}, {}", short(kind.unwrap_or("no error object")))),
        }
    }

    /// Reads a PaymentIntent, which the provider keeps whatever was answered. It must be the one that was asked for.
    pub(super) fn of_intent(intent: &Value, charge: &Charge) -> Self {
        let payment_id = identifier(&intent["id"]);
        let failed = |otherwise: &str| match whose(intent, charge) {
            Some(what) => Self::Mismatch { payment_id: payment_id.clone(), what },
            None => Self::Failed {
                payment_id: payment_id.clone(),
                code: code(&intent["last_payment_error"]).unwrap_or_else(|| otherwise.to_owned()),
            },
        };
        match intent["status"].as_str() {
            Some("succeeded") => match (whose(intent, charge).or_else(|| how_much(intent, charge)), payment_id.clone())
            {
                (None, Some(payment_id)) => Self::Paid { payment_id },
                (what, payment_id) => Self::Mismatch { payment_id, what: what.unwrap_or("payment_id") },
            },
            Some("requires_payment_method") => failed("card_declined"),
            Some("requires_action" | "requires_confirmation") => failed("authentication_required"),
            Some("canceled") => failed("canceled"),
            status => Self::Unknown(format!("payment intent {}", short(status.unwrap_or("without a status")))),
        }
    }
}

/// Whether a PaymentIntent is another one than was asked for, and by what that is seen.
fn whose(intent: &Value, charge: &Charge) -> Option<&'static str> {
    match () {
        () if intent["customer"] != charge.customer_id.as_str() => Some("customer"),
        () if intent["metadata"]["attempt"] != charge.key.as_str() => Some("idempotency_key"),
        () => None,
    }
}

/// Whether other money was taken than was asked for, and in what it differs.
fn how_much(intent: &Value, charge: &Charge) -> Option<&'static str> {
    match () {
        () if intent["currency"] != charge.currency.to_lowercase().as_str() => Some("currency"),
        () if intent["amount"] != charge.amount_cents => Some("amount"),
        () if intent["amount_received"] != charge.amount_cents => Some("amount_received"),
        () => None,
    }
}

/// For the log, where two megabytes are no help.
fn short(text: &str) -> String {
    text.chars().take(CODE_MAX).filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn charge() -> Charge {
        let [key, customer_id, token] = ["k", "cus", "pm"].map(str::to_owned);
        Charge { key, amount_cents: 4900, currency: "EUR".to_owned(), customer_id, token }
    }

    fn intent(own: Value) -> Value {
        let mut intent = json!({ "id": "pi", "status": "succeeded", "customer": "cus", "metadata": { "attempt": "k" },
            "currency": "eur", "amount": 4900, "amount_received": 4900 });
        if let (Value::Object(keys), Value::Object(own)) = (&mut intent, own) {
            keys.extend(own);
        }
        intent
    }

    #[test]
    fn an_intent_must_be_the_one_that_was_asked_for() {
        let is = |own: Value| Outcome::of_intent(&intent(own), &charge());
        assert_eq!(is(json!({})), Outcome::Paid { payment_id: "pi".into() });
        for (own, what) in [
            (json!({ "customer": "cus_2" }), "customer"),
            (json!({ "customer": null }), "customer"),
            (json!({ "metadata": {} }), "idempotency_key"),
            (json!({ "currency": "usd" }), "currency"),
            (json!({ "amount": 4901 }), "amount"),
            (json!({ "amount": "4900" }), "amount"),
            (json!({ "amount": -4900 }), "amount"),
            (json!({ "amount": 4900.5 }), "amount"),
            (json!({ "amount_received": 0 }), "amount_received"),
            (json!({ "amount_received": null }), "amount_received"),
            (json!({ "status": "canceled", "customer": "cus_2" }), "customer"),
        ] {
            assert_eq!(is(own.clone()), Outcome::Mismatch { payment_id: Some("pi".into()), what }, "{own}");
        }
        for id in [json!("pi_\0"), json!("p".repeat(2 << 20)), json!(7), json!("../x"), json!("")] {
            assert_eq!(is(json!({ "id": id })), Outcome::Mismatch { payment_id: None, what: "payment_id" });
        }
    }

    #[test]
    fn what_is_kept_is_cut_and_validated() {
        let error = |code: &str| json!({ "error": { "type": "card_error", "code": code } });
        let code = |text: &str| match Outcome::read(402, &error(text), &charge()) {
            Outcome::Failed { code, .. } => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code("a\0b\u{1f600}c"), "abc");
        assert_eq!(code(&"c".repeat(2 << 20)), "c".repeat(64));
        assert_eq!(code("\0"), "card_declined");
        let card = |key: &str, value: Value| {
            let mut card = json!({ "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030 });
            card[key] = value;
            Card::read(&json!({ "id": "pm_1", "card": card }))
        };
        assert!(card("brand", json!("visa")).is_some());
        for (key, value) in [
            ("exp_month", json!(99)),
            ("exp_month", json!(0)),
            ("exp_year", json!(99)),
            ("last4", json!("4242424242424242")),
            ("last4", json!("42\0 ")),
            ("brand", json!("v".repeat(2 << 20))),
        ] {
            assert_eq!(card(key, value), None, "{key}");
        }
    }

    fn failed(payment_id: Option<&str>, code: &str) -> Outcome {
        Outcome::Failed { payment_id: payment_id.map(str::to_owned), code: code.to_owned() }
    }

    #[test]
    fn only_what_is_said_of_the_charge_is_a_failure() {
        let error = |kind: &str, code: &str| json!({ "error": { "type": kind, "code": code } });
        for (status, body, expected) in [
            (200, intent(json!({})), Some(Outcome::Paid { payment_id: "pi".into() })),
            (200, intent(json!({ "status": "requires_action" })), Some(failed(Some("pi"), "authentication_required"))),
            (200, intent(json!({ "status": "processing" })), None),
            (200, json!({}), None),
            (402, error("card_error", "card_declined"), Some(failed(None, "card_declined"))),
            (
                402,
                json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": "lost_card", "payment_intent": intent(json!({ "status": "x" })) } }),
                Some(failed(Some("pi"), "lost_card")),
            ),
            (400, error("invalid_request_error", "amount_too_small"), Some(failed(None, "amount_too_small"))),
            (400, error("idempotency_error", "x"), None),
            (400, Value::Null, None),
            (401, error("invalid_request_error", "api_key_expired"), None),
            (403, error("invalid_request_error", "x"), None),
            (409, error("invalid_request_error", "idempotency_key_in_use"), None),
            (429, error("invalid_request_error", "rate_limit"), None),
            (500, error("api_error", "x"), None),
            (502, Value::Null, None),
        ] {
            let read = Outcome::read(status, &body, &charge());
            match expected {
                Some(expected) => assert_eq!(read, expected, "{status} {body}"),
                None => assert!(matches!(read, Outcome::Unknown(_)), "{status} {body}: {read:?}"),
            }
        }
    }
}
