//! A request that makes something: its key, what it looks like, and its parameters.

use std::collections::BTreeMap;

use crate::refusal::Refusal;

/// Parameters of a request, decoded; in the order of their names, so that equal requests look equal.
pub type Form = BTreeMap<String, String>;

/// A charge, as its parameters want it.
pub(super) struct Wanted {
    pub customer: String,
    pub payment_method: String,
    pub amount: u64,
    pub currency: String,
}

/// A request that makes something: its key and its fingerprint.
pub struct Asked<'a> {
    /// `Idempotency-Key`
    pub key: Option<&'a str>,
    /// Path and form.
    pub path: &'a str,
    /// The parameters.
    pub form: &'a Form,
}

impl Asked<'_> {
    /// FNV-1a over path and parameters.
    pub(super) fn fingerprint(&self) -> u64 {
        let parts = self.form.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        std::iter::once(self.path)
            .chain(parts)
            .flat_map(|part| part.bytes().chain([0]))
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    }

    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let name = |name: &str| name.strip_prefix("metadata[")?.strip_suffix(']').map(str::to_owned);
        self.form.iter().filter_map(|(key, value)| Some((name(key)?, value.clone()))).collect()
    }

    fn param(&self, name: &'static str) -> Result<String, Refusal> {
        let message = || format!("Missing required param: {name}.");
        let found = self.form.get(name).cloned();
        found.ok_or_else(|| Refusal::parameter(name, "parameter_missing", &message()))
    }

    /// Reads the parameters of a charge.
    pub(super) fn wanted(&self) -> Result<Wanted, Refusal> {
        for name in ["confirm", "off_session"] {
            if self.param(name)? != "true" {
                let message = "The sandbox only charges at once and off-session.";
                return Err(Refusal::parameter(name, "parameter_invalid", message));
            }
        }
        let customer = self.param("customer")?;
        let payment_method = self.param("payment_method")?;
        let currency = self.param("currency")?.to_lowercase();
        let amount = self.param("amount")?.parse::<u64>().ok();
        let amount = amount.filter(|amount| (1..=99_999_999).contains(amount));
        let amount =
            amount.ok_or_else(|| Refusal::parameter("amount", "parameter_invalid_integer", "Invalid integer."))?;
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_lowercase()) {
            let message = "Invalid currency.";
            return Err(Refusal::parameter("currency", "parameter_invalid", message));
        }
        Ok(Wanted { customer, payment_method, amount, currency })
    }
}
