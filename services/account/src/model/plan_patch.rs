//! Changes of a plan.

use kit::body::{present, present_object};
use kit::{Invalid, Validate};
use serde::Deserialize;

use super::plans::{Limits, Plan, UnitPrices, cents, currency, kind, limits, unit_prices};

/// What of a plan an operator may change; limits and unit prices as a whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanPatch {
    /// For people.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<String>,
    /// `fixed` or `payg`.
    #[serde(default, deserialize_with = "present")]
    pub kind: Option<String>,
    /// ISO 4217.
    #[serde(default, deserialize_with = "present")]
    pub currency: Option<String>,
    /// The fixed price.
    #[serde(default, deserialize_with = "present")]
    pub monthly_price_cents: Option<i64>,
    /// How much it allows.
    #[serde(default, deserialize_with = "present_object")]
    pub limits: Option<Limits>,
    /// What each thing costs.
    #[serde(default, deserialize_with = "present_object")]
    pub unit_prices_cents: Option<UnitPrices>,
}

impl PlanPatch {
    /// The plan as it is to be.
    pub fn apply(self, plan: &Plan) -> Plan {
        let now = plan.clone();
        Plan {
            name: self.name.unwrap_or(now.name),
            kind: self.kind.unwrap_or(now.kind),
            currency: self.currency.unwrap_or(now.currency),
            monthly_price_cents: self.monthly_price_cents.unwrap_or(now.monthly_price_cents),
            limits: self.limits.unwrap_or(now.limits),
            unit_prices_cents: self.unit_prices_cents.unwrap_or(now.unit_prices_cents),
            ..now
        }
    }
}

impl Validate for PlanPatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), 200);
        if let Some(text) = &self.kind {
            kind(invalid, text);
        }
        if let Some(text) = &self.currency {
            currency(invalid, text);
        }
        if let Some(price) = self.monthly_price_cents {
            cents(invalid, "monthlyPriceCents", price);
        }
        if let Some(all) = &self.limits {
            limits(invalid, all);
        }
        if let Some(all) = &self.unit_prices_cents {
            unit_prices(invalid, all);
        }
    }
}
