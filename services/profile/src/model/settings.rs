//! When a person wants to be notified: rows, requests, responses.

use chrono::{DateTime, NaiveTime, Utc};
use diesel::prelude::*;
use kit::body::present;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

/// When a person wants to be notified.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSettings {
    /// `instant`, `daily` or `weekly`.
    pub mode: String,
    /// Local time; none when instant.
    #[serde(serialize_with = "hours_and_minutes", skip_serializing_if = "Option::is_none")]
    pub at: Option<NaiveTime>,
    /// The weekday, when weekly.
    #[serde(rename = "day", skip_serializing_if = "Option::is_none")]
    pub weekday: Option<String>,
    /// The ETag.
    pub version: i64,
    /// When they last changed.
    pub updated_at: DateTime<Utc>,
}

impl NotificationSettings {
    /// The keys that `docs/contract/changes.yaml` declares for settings.
    pub fn published(&self) -> Value {
        json!({"mode": self.mode, "at": self.at.map(clock_face), "day": self.weekday})
    }

    /// What they are after a replacement; equal to what they were if it changes nothing.
    pub fn replaced(&self, new: NewNotificationSettings) -> Self {
        Self {
            mode: new.mode.as_str().to_owned(),
            at: new.at.as_deref().and_then(time_of_day),
            weekday: new.day.map(|day| day.as_str().to_owned()),
            ..self.clone()
        }
    }
}

fn clock_face(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

fn hours_and_minutes<S: Serializer>(at: &Option<NaiveTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(clock_face).serialize(serializer)
}

/// Reads `HH:MM`, two digits each: chrono alone would take `9:5` and ` 9: 5` as well.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
    (clock_face(time) == text).then_some(time)
}

kit::words! {
    /// How often.
    enum Mode { Instant = "instant", Daily = "daily", Weekly = "weekly" }
}
kit::words! {
    /// A day of the week.
    enum Day {
        Monday = "monday", Tuesday = "tuesday", Wednesday = "wednesday", Thursday = "thursday", Friday = "friday",
        Saturday = "saturday", Sunday = "sunday"
    }
}

/// Settings to be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewNotificationSettings {
    mode: Mode,
    #[serde(default, deserialize_with = "present")]
    at: Option<String>,
    #[serde(default, deserialize_with = "present")]
    day: Option<Day>,
}

impl Validate for NewNotificationSettings {
    fn validate(&self, invalid: &mut Invalid) {
        let mode = self.mode.as_str();
        let mut rule = |field: &str, wanted: bool, there: bool| {
            let (code, message) =
                if wanted { ("missing_field", "is needed") } else { ("unknown_field", "has no place") };
            invalid.require(wanted == there, field, code, &format!("{message} when {mode}"));
        };
        rule("at", self.mode != Mode::Instant, self.at.is_some());
        rule("day", self.mode == Mode::Weekly, self.day.is_some());
        if let Some(at) = &self.at {
            invalid.require(time_of_day(at).is_some(), "at", "invalid_format", "must be a time of day such as 17:30");
        }
    }
}

#[cfg(test)]
mod tests;
