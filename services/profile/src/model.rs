//! People and their notification settings: rows, requests, responses.

mod settings;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::body::{email, present, present_email};
use kit::id::ProfileId;
use kit::{Error, Invalid, Keyset, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use settings::{NewNotificationSettings, NotificationSettings};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The id.
    pub id: ProfileId,
    /// The name.
    pub name: String,
    /// What the person does.
    pub job_title: Option<String>,
    /// Unique in the organisation, whatever the case.
    pub email: String,
    /// IANA name.
    pub time_zone: String,
    /// The ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Profile {
    /// Its place in lists.
    pub fn place(&self) -> Keyset {
        Keyset::new(self.created_at, self.id)
    }

    /// The keys that `docs/contract/changes.yaml` declares for a person.
    pub fn published(&self) -> Value {
        json!({"name": self.name, "jobTitle": self.job_title, "email": self.email, "timeZone": self.time_zone})
    }

    /// What it is after a patch; equal to what it was if the patch changes nothing.
    pub fn patched(&self, patch: ProfilePatch) -> Self {
        let old = self.clone();
        Self {
            name: patch.name.unwrap_or(old.name),
            job_title: patch.job_title.unwrap_or(old.job_title),
            email: patch.email.unwrap_or(old.email),
            time_zone: patch.time_zone.unwrap_or(old.time_zone),
            ..old
        }
    }
}

/// A person to be created.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewProfile {
    name: String,
    #[serde(default)]
    job_title: Option<String>,
    #[serde(deserialize_with = "email")]
    email: String,
    time_zone: String,
}

impl NewProfile {
    /// The person, as of now.
    pub fn into_profile(self, now: DateTime<Utc>) -> Profile {
        Profile {
            id: ProfileId::new(now),
            name: self.name,
            job_title: self.job_title,
            email: self.email,
            time_zone: self.time_zone,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

impl Validate for NewProfile {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, TEXT_MAX);
        invalid.optional_name("jobTitle", self.job_title.as_deref(), TEXT_MAX);
        invalid.email("email", &self.email);
        time_zone(invalid, &self.time_zone);
    }
}

/// What is to change of a person; `job_title: Some(None)` erases it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProfilePatch {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    job_title: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_email")]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    time_zone: Option<String>,
}

impl Validate for ProfilePatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), TEXT_MAX);
        invalid.optional_name("jobTitle", self.job_title.as_ref().and_then(|title| title.as_deref()), TEXT_MAX);
        if let Some(email) = &self.email {
            invalid.email("email", email);
        }
        if let Some(zone) = &self.time_zone {
            time_zone(invalid, zone);
        }
    }
}

/// The longest name and job title, in characters.
const TEXT_MAX: usize = 200;

fn time_zone(invalid: &mut Invalid, zone: &str) {
    let known = zone.parse::<chrono_tz::Tz>().is_ok();
    invalid.require(known, "timeZone", "unknown_value", "must be a name of the IANA time zone database");
}

/// Filter of the list of people.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFilter {
    q: Option<String>,
}

impl ProfileFilter {
    /// The start of the names asked for.
    pub fn prefix(self) -> Result<Option<String>, Error> {
        match self.q {
            Some(q) if q.is_empty() || q.chars().count() > TEXT_MAX => {
                Err(Error::bad_request("q", "out_of_range", format!("must have 1 to {TEXT_MAX} characters")))
            }
            q => Ok(q),
        }
    }
}
