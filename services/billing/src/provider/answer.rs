//! The provider's answers, read.

use serde_json::Value;

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
        Some(Self {
            token: body["id"].as_str()?.to_owned(),
            brand: card["brand"].as_str()?.to_owned(),
            last_four: card["last4"].as_str()?.to_owned(),
            expiry_month: number(&card["exp_month"])?,
            expiry_year: number(&card["exp_year"])?,
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

fn code(error: &Value) -> Option<String> {
    error["decline_code"].as_str().or_else(|| error["code"].as_str()).map(str::to_owned)
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
    pub(super) fn read(status: u16, body: &Value) -> Self {
        let error = &body["error"];
        match (status, error["type"].as_str()) {
            (200, _) => Self::of_intent(body),
            (402, _) => Self::Failed {
                payment_id: id(&error["payment_intent"]),
                code: code(error).unwrap_or_else(|| "card_declined".into()),
            },
            (400 | 404, Some("invalid_request_error" | "card_error")) => {
                Self::Failed { payment_id: None, code: code(error).unwrap_or_else(|| "invalid_request".into()) }
            }
            (_, kind) => Self::Unknown(format!("status {status}, {}", kind.unwrap_or("no error object"))),
        }
    }

    /// Reads a PaymentIntent, which the provider keeps whatever was answered.
    pub(super) fn of_intent(intent: &Value) -> Self {
        let failed = |otherwise: &str| Self::Failed {
            payment_id: id(intent),
            code: code(&intent["last_payment_error"]).unwrap_or_else(|| otherwise.to_owned()),
        };
        match (intent["status"].as_str(), id(intent)) {
            (Some("succeeded"), Some(payment_id)) => Self::Paid { payment_id },
            (Some("requires_payment_method"), _) => failed("card_declined"),
            (Some("requires_action" | "requires_confirmation"), _) => failed("authentication_required"),
            (Some("canceled"), _) => failed("canceled"),
            (status, _) => Self::Unknown(format!("payment intent {}", status.unwrap_or("without a status"))),
        }
    }
}

fn id(intent: &Value) -> Option<String> {
    intent["id"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failed(payment_id: Option<&str>, code: &str) -> Outcome {
        Outcome::Failed { payment_id: payment_id.map(str::to_owned), code: code.to_owned() }
    }

    #[test]
    fn only_what_is_said_of_the_charge_is_a_failure() {
        let error = |kind: &str, code: &str| json!({ "error": { "type": kind, "code": code } });
        for (status, body, expected) in [
            (200, json!({ "id": "pi", "status": "succeeded" }), Some(Outcome::Paid { payment_id: "pi".into() })),
            (
                200,
                json!({ "id": "pi", "status": "requires_action" }),
                Some(failed(Some("pi"), "authentication_required")),
            ),
            (200, json!({ "id": "pi", "status": "processing" }), None),
            (200, json!({}), None),
            (402, error("card_error", "card_declined"), Some(failed(None, "card_declined"))),
            (
                402,
                json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": "lost_card", "payment_intent": { "id": "pi" } } }),
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
            let read = Outcome::read(status, &body);
            match expected {
                Some(expected) => assert_eq!(read, expected, "{status} {body}"),
                None => assert!(matches!(read, Outcome::Unknown(_)), "{status} {body}: {read:?}"),
            }
        }
    }
}
