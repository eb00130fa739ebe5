//! One attempt of a call: sent, awaited within its time, read as JSON. What comes of it is the policy's to judge.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use crate::trace::{self, Call};

/// Why an attempt brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers at that address.
    #[error("not reachable")]
    Unreachable,
    /// No whole answer within the time.
    #[error("no answer in time")]
    Late,
    /// Another status than 200.
    #[error("answered {0}")]
    Status(u16),
    /// 200, and not the JSON that was agreed on.
    #[error("answered rubbish")]
    Rubbish,
}

thread_local! {
    // One for each event loop: a connection's task lives where it was made.
    static HTTP: Client<HttpConnector, Full<Bytes>> = {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client::builder(TokioExecutor::new()).build(connector)
    };
}

/// Asks once. `authorization` is the header's whole value.
///
/// # Errors
/// [`Trouble`], after `within` at the latest.
pub async fn get<T: DeserializeOwned>(url: &str, authorization: Option<&str>, within: Duration) -> Result<T, Trouble> {
    send(hyper::Request::get(url), authorization, within).await
}

/// [`get`] by POST, without a body.
///
/// # Errors
/// [`Trouble`], after `within` at the latest.
pub async fn post<T: DeserializeOwned>(url: &str, authorization: &str, within: Duration) -> Result<T, Trouble> {
    send(hyper::Request::post(url), Some(authorization), within).await
}

async fn send<T: DeserializeOwned>(
    mut request: hyper::http::request::Builder,
    authorization: Option<&str>,
    within: Duration,
) -> Result<T, Trouble> {
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let call = Call::begin();
    let request = request.header("traceparent", call.header());
    let request = request.body(Full::default()).map_err(|_| Trouble::Unreachable)?;
    let url = trace::logged().then(|| request.uri().to_string());
    let http = HTTP.with(Clone::clone);
    let answer = async {
        let response = http.request(request).await.map_err(|_| Trouble::Unreachable)?;
        if response.status() != 200 {
            return Err(Trouble::Status(response.status().as_u16()));
        }
        let body = response.into_body().collect().await.map_err(|_| Trouble::Unreachable)?.to_bytes();
        serde_json::from_slice(&body).map_err(|_| Trouble::Rubbish)
    };
    let answer = tokio::time::timeout(within, answer).await.unwrap_or(Err(Trouble::Late));
    if let Some(url) = url {
        let outcome = answer.as_ref().err().map_or_else(|| "ok".to_owned(), ToString::to_string);
        call.ended(&url, &outcome);
    }
    answer
}
