//! How a target is reached: signed in, at the right base URL, with its headers.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::TargetFile;
use super::client::{Ask, Client};
use crate::Failure;

/// Of every request.
pub(super) type Headers = Vec<(HeaderName, HeaderValue)>;

/// A session's token.
pub(super) fn sign_in(client: &Client, target: &TargetFile, email: &str, password: &str) -> Result<String, Failure> {
    let url = api(target, "account")? + "/sessions";
    let body = json!({"email": email, "password": password});
    let ask = Ask::post(&url, &body);
    Ok(client.insist(ask, 200)?.text("token").to_owned())
}

/// Where a service's rows are written, down to the version of the contract.
pub(super) fn api(target: &TargetFile, service: &str) -> Result<String, Failure> {
    let base = target.writes(service).ok_or_else(|| {
        Failure::usage(format!(
            "The target names no {service}, which its data needs: add it to [services], or to [load-at]."
        ))
    })?;
    Ok(format!("{base}/api/v1"))
}

pub(super) fn headers(target: &TargetFile, token: &str, organisation: &str) -> Result<Headers, Failure> {
    target.headers_for(token, organisation).map_err(|reason| Failure::usage(format!("The target's {reason}.")))
}
