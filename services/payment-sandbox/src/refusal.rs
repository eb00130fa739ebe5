//! Stripe's error object, with the statuses Stripe gives it.

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{Value, json};

/// An answer that refuses.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `{"error":{…}}`
    pub body: Value,
}

impl Refusal {
    fn new(status: u16, kind: &str, code: Option<&str>, message: String) -> Self {
        let mut error = json!({ "type": kind, "message": message });
        if let Some(code) = code {
            error["code"] = json!(code);
        }
        Self { status, body: json!({ "error": error }) }
    }

    /// 401: no key, or another one.
    pub fn unauthorized() -> Self {
        Self::new(401, "invalid_request_error", None, "Invalid API Key provided.".into())
    }

    /// 400: a parameter that is missing or makes no sense.
    pub fn parameter(param: &str, code: &str, message: &str) -> Self {
        let mut refusal = Self::new(400, "invalid_request_error", Some(code), message.into());
        refusal.body["error"]["param"] = json!(param);
        refusal
    }

    /// `resource_missing`: 404 for what the path names, 400 for what a parameter names.
    pub fn missing(status: u16, what: &str, id: &str) -> Self {
        Self::new(status, "invalid_request_error", Some("resource_missing"), format!("No such {what}: '{id}'"))
    }

    /// 400: the key was used with other parameters.
    pub fn key_reused(key: &str) -> Self {
        Self::new(
            400,
            "idempotency_error",
            None,
            format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}'."
            ),
        )
    }

    /// 402: the card was declined. `intent` is the PaymentIntent that it was declined for.
    pub fn card(code: &str, decline_code: Option<&str>, intent: Option<Value>) -> Self {
        let message = match code {
            "expired_card" => "Your card has expired.",
            "incorrect_cvc" => "Your card's security code is incorrect.",
            "processing_error" => "An error occurred while processing your card. Try again in a little bit.",
            _ => "Your card was declined.",
        };
        let mut refusal = Self::new(402, "card_error", Some(code), message.into());
        if let Some(decline_code) = decline_code {
            refusal.body["error"]["decline_code"] = json!(decline_code);
        }
        if let Some(intent) = intent {
            refusal.body["error"]["payment_intent"] = intent;
        }
        refusal
    }

    /// 500: the provider's own trouble, turned on by a dial.
    pub fn trouble() -> Self {
        Self::new(500, "api_error", None, "Something went wrong on our end.".into())
    }

    /// As a response.
    pub fn respond(self) -> HttpResponse {
        answer(self.status, &self.body)
    }
}

/// Any status with a JSON body.
pub fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)).json(body)
}
