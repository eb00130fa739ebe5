//! What goes over the wire.

use chrono::{DateTime, Utc};
use diesel::prelude::Queryable;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whose notifications are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Addressee {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The token's login.
    pub login_id: LoginId,
    /// Its person, if linked.
    pub profile_id: Option<ProfileId>,
}

/// Filters of the notifications.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotificationFilter {
    /// Only those not read, or only those read.
    pub unread: Option<bool>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// `api`, `domain`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

/// A row of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeRef {
    /// Which feed.
    pub feed: String,
    /// Which row.
    pub id: String,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// As in the contract.
    pub kind: String,
    /// One line.
    pub title: String,
    /// Line by line.
    pub body: String,
    /// What changed.
    pub entity: Entity,
    /// The change it was made from; none for reminders.
    pub change: Option<ChangeRef>,
    /// The request that made the change.
    pub request_id: String,
    /// When the change was made.
    pub at: DateTime<Utc>,
    /// When the notification was made.
    pub created_at: DateTime<Utc>,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
    /// 1, and 2 once read: nothing else of it ever changes.
    pub version: i64,
}

/// What the kind of a notification is about.
pub fn entity_type(kind: &str) -> &'static str {
    match kind {
        _ if kind.starts_with("api") || kind.starts_with("version") => "api",
        _ if kind.starts_with("subDomain") => "subDomain",
        _ if kind.starts_with("domain") => "domain",
        _ if kind.starts_with("login") || kind.starts_with("password") => "login",
        "profileModified" | "notificationSettingsModified" => "profile",
        "upcomingPayment" | "invoicePaid" | "paymentFailed" | "paymentOverdue" => "invoice",
        _ => "organisation",
    }
}

/// Which are to be marked as read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReadNotifications {
    /// Their ids.
    pub ids: Vec<Uuid>,
}

impl Validate for ReadNotifications {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.require((1..=200).contains(&self.ids.len()), "ids", "out_of_range", "must hold 1 to 200 ids");
    }
}

/// Which mails are to be sent again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RetryDeliveries {
    /// Their ids.
    pub ids: Vec<Uuid>,
}

impl Validate for RetryDeliveries {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.require((1..=200).contains(&self.ids.len()), "ids", "out_of_range", "must hold 1 to 200 ids");
    }
}

/// State of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// To be sent, or to be tried again.
    Waiting,
    /// Taken by the mail server.
    Sent,
    /// Given up.
    Failed,
    /// Not to be sent yet.
    Held,
}

impl Status {
    /// As it stands in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Held => "held",
        }
    }
}

/// Filters of the mails.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub status: Option<Status>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// Whose it is; none: the platform's own.
    pub organisation_id: Option<Uuid>,
    /// The address; none once the person has been deleted.
    pub recipient: Option<String>,
    /// One line.
    pub subject: String,
    /// The same for every attempt.
    pub message_id: String,
    /// `waiting`, `sent`, `failed` or `held`.
    pub status: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What the mail server said last.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the mail server took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// One more with every change.
    pub version: i64,
}
