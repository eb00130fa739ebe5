//! What an organisation may subscribe to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::body::object;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};

use super::required;
use crate::schema::plans;

/// How much a plan allows; null: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[diesel(table_name = plans, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Limits {
    /// APIs.
    #[serde(deserialize_with = "required")]
    #[diesel(column_name = api_limit)]
    pub apis: Option<i32>,
    /// Domains.
    #[serde(deserialize_with = "required")]
    #[diesel(column_name = domain_limit)]
    pub domains: Option<i32>,
    /// Sub domains.
    #[serde(deserialize_with = "required")]
    #[diesel(column_name = sub_domain_limit)]
    pub sub_domains: Option<i32>,
    /// People.
    #[serde(deserialize_with = "required")]
    #[diesel(column_name = user_limit)]
    pub users: Option<i32>,
}

/// What each thing in use costs per month, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[diesel(table_name = plans)]
pub struct UnitPrices {
    /// An API.
    #[diesel(column_name = api_price_cents)]
    pub api: i64,
    /// A domain.
    #[diesel(column_name = domain_price_cents)]
    pub domain: i64,
    /// A sub domain.
    #[diesel(column_name = sub_domain_price_cents)]
    pub sub_domain: i64,
    /// A person.
    #[diesel(column_name = user_price_cents)]
    pub user: i64,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[serde(rename_all = "camelCase")]
#[diesel(table_name = plans, primary_key(code))]
pub struct Plan {
    /// Its code, for ever.
    pub code: String,
    /// For people.
    pub name: String,
    /// `fixed` or `payg`.
    pub kind: String,
    /// ISO 4217.
    pub currency: String,
    /// The fixed price.
    pub monthly_price_cents: i64,
    /// How much it allows.
    #[diesel(embed)]
    pub limits: Limits,
    /// What each thing costs.
    #[diesel(embed)]
    pub unit_prices_cents: UnitPrices,
    /// The ETag.
    pub version: i64,
    /// When it was first offered.
    #[diesel(skip_update)]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A new plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewPlan {
    /// Its code, for ever.
    pub code: String,
    /// For people.
    pub name: String,
    /// `fixed` or `payg`.
    pub kind: String,
    /// ISO 4217.
    pub currency: String,
    /// The fixed price.
    pub monthly_price_cents: i64,
    /// How much it allows.
    #[serde(deserialize_with = "object")]
    pub limits: Limits,
    /// What each thing costs.
    #[serde(deserialize_with = "object")]
    pub unit_prices_cents: UnitPrices,
}

impl NewPlan {
    /// The plan it becomes.
    pub fn into_plan(self, now: DateTime<Utc>) -> Plan {
        Plan {
            code: self.code,
            name: self.name,
            kind: self.kind,
            currency: self.currency,
            monthly_price_cents: self.monthly_price_cents,
            limits: self.limits,
            unit_prices_cents: self.unit_prices_cents,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

impl Validate for NewPlan {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.require(
            is_code(&self.code),
            "code",
            "invalid_format",
            "must be 1 to 40 of a-z, 0-9 and -, a letter first",
        );
        invalid.name("name", &self.name, 200);
        kind(invalid, &self.kind);
        currency(invalid, &self.currency);
        cents(invalid, "monthlyPriceCents", self.monthly_price_cents);
        limits(invalid, &self.limits);
        unit_prices(invalid, &self.unit_prices_cents);
    }
}

fn is_code(code: &str) -> bool {
    (1..=40).contains(&code.len())
        && code.starts_with(|c: char| c.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(super) fn kind(invalid: &mut Invalid, kind: &str) {
    invalid.require(matches!(kind, "fixed" | "payg"), "kind", "unknown_value", "must be fixed or payg");
}

pub(super) fn currency(invalid: &mut Invalid, currency: &str) {
    let iso = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    invalid.require(iso, "currency", "invalid_format", "must be an ISO 4217 code such as EUR");
}

/// Ten thousand millions of the currency: far above any price, far below an overflow of a sum.
pub(super) fn cents(invalid: &mut Invalid, field: &str, cents: i64) {
    invalid.range(field, cents, 0..=1_000_000_000_000);
}

pub(super) fn limits(invalid: &mut Invalid, limits: &Limits) {
    let all = [
        ("limits.apis", limits.apis),
        ("limits.domains", limits.domains),
        ("limits.subDomains", limits.sub_domains),
        ("limits.users", limits.users),
    ];
    for (field, limit) in all {
        invalid.range(field, limit.unwrap_or(0), 0..=i32::MAX);
    }
}

/// So that four of them, each times as many things as can be counted (an int), add up to less than a bigint holds.
const UNIT_PRICE_MAX: i64 = 1_000_000_000;

pub(super) fn unit_prices(invalid: &mut Invalid, prices: &UnitPrices) {
    for (field, cents) in [
        ("unitPricesCents.api", prices.api),
        ("unitPricesCents.domain", prices.domain),
        ("unitPricesCents.subDomain", prices.sub_domain),
        ("unitPricesCents.user", prices.user),
    ] {
        invalid.range(field, cents, 0..=UNIT_PRICE_MAX);
    }
}
