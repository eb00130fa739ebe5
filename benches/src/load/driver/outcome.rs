//! What became of a request. Kept apart, because a fast refusal must never improve a percentile.

use serde::{Deserialize, Serialize};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// 2xx.
    Ok,
    /// 402 or 409: the answer the contract gives to a frozen organisation, a full plan or a taken name.
    Expected4xx,
    /// 412: somebody else changed the row first, which the contract promises to tell.
    Stale,
    /// Another 4xx: the workload or the service is wrong.
    Unexpected4xx,
    /// 429: the service limits its callers.
    Limited,
    /// 5xx, 503 among them.
    ServerError,
    /// No answer within the time-out.
    Timeout,
    /// Never sent, since too many were in flight.
    Shed,
    /// No connection, or it broke.
    Connect,
}

impl Outcome {
    /// The outcome of an answer with this status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=399 => Self::Ok,
            402 | 409 => Self::Expected4xx,
            412 => Self::Stale,
            429 => Self::Limited,
            400..=499 => Self::Unexpected4xx,
            _ => Self::ServerError,
        }
    }

    /// Whether the caller got what the contract promises.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Expected4xx | Self::Stale)
    }
}
