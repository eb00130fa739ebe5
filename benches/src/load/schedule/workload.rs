//! The mix of requests of each service, as a file under `benches/scenarios/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A workload file: for each service its weight in the common rate and its endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    /// By the service's name.
    pub services: BTreeMap<String, ServiceWorkload>,
}

/// What one service is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceWorkload {
    /// Its part of the total rate, relative to the others'.
    pub weight: f64,
    /// Requests per second, where they are known: yours instead of what the weights give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// What is asked for, with shares relative to each other.
    pub endpoints: Vec<Endpoint>,
}

/// One kind of request; what it means over HTTP is the driver's catalogue of operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoint {
    /// Name of an operation, such as `find-api`.
    pub name: String,
    /// How often, relative to the others.
    pub share: f64,
}

/// A workload file that can't be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MalformedWorkload(String);

impl Workload {
    /// Reads TOML; unknown fields are refused, so that a misspelt one can't silently change an experiment.
    ///
    /// # Errors
    /// [`MalformedWorkload`] with the reason and place.
    pub fn parse(text: &str) -> Result<Self, MalformedWorkload> {
        let workload: Self = toml::from_str(text).map_err(|error| MalformedWorkload(error.to_string()))?;
        for (name, service) in &workload.services {
            if service.endpoints.is_empty() {
                return Err(MalformedWorkload(format!("service {name} has no endpoint")));
            }
            let shares = service.endpoints.iter().map(|endpoint| endpoint.share);
            let rate = service.rate_per_s.unwrap_or(1.0);
            if shares.chain([service.weight, rate]).any(|share| !share.is_finite() || share <= 0.0) {
                return Err(MalformedWorkload(format!(
                    "service {name}: weight, shares and rate must be positive numbers"
                )));
            }
        }
        Ok(workload)
    }
}

impl ServiceWorkload {
    /// The endpoint for a uniform random number in [0, 1).
    #[must_use]
    pub fn pick(&self, uniform: f64) -> u16 {
        let total: f64 = self.endpoints.iter().map(|endpoint| endpoint.share).sum();
        let mut left = uniform * total;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            left -= endpoint.share;
            if left < 0.0 {
                return index as u16;
            }
        }
        self.endpoints.len().saturating_sub(1) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::Workload;

    #[test]
    fn refuses_what_it_does_not_know() {
        let misspelt = "[services.registry]\nweight = 1.0\nendpoint = []\n";
        let error = Workload::parse(misspelt).expect_err("unknown field").to_string();
        assert!(error.contains("endpoint"), "{error}");
        let negative = "[services.registry]\nweight = 1.0\nendpoints = [{ name = \"x\", share = -1.0 }]";
        assert!(Workload::parse(negative).is_err());
        assert!(Workload::parse("[services.registry]\nweight = 1.0\nendpoints = []").is_err());
    }
}
