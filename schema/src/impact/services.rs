//! Which service a role belongs to.

use std::collections::BTreeMap;

use super::report::{ServiceImpact, StatementImpact};
use super::verdict::Verdict;

/// The service of a role: from `map`; else the longest schema that the role is named after (`registry_reader`: `registry`); else the role itself.
#[must_use]
pub fn service_of(role: &str, schemas: &[String], map: &BTreeMap<String, String>) -> String {
    if let Some(service) = map.get(role) {
        return service.clone();
    }
    let named_for = schemas
        .iter()
        .filter(|schema| {
            role.strip_prefix(schema.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
        .max_by_key(|schema| schema.len());
    named_for.cloned().unwrap_or_else(|| role.to_owned())
}

/// The worst verdict of each service, and its statements that are affected.
pub(super) fn by_service(judged: Vec<(String, Option<StatementImpact>)>) -> Vec<ServiceImpact> {
    let mut services: BTreeMap<String, ServiceImpact> = BTreeMap::new();
    for (service, impact) in judged {
        let one = services.entry(service).or_insert_with_key(|service| ServiceImpact {
            service: service.clone(),
            verdict: Verdict::Safe,
            analysed: 0,
            statements: Vec::new(),
        });
        one.analysed += 1;
        if let Some(impact) = impact
            .filter(|impact| impact.verdict > Verdict::Safe || !impact.shape.is_empty() || !impact.rows.is_empty())
        {
            one.verdict = one.verdict.max(impact.verdict);
            one.statements.push(impact);
        }
    }
    for one in services.values_mut() {
        one.statements.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(b.calls.cmp(&a.calls)));
    }
    services.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::service_of;

    #[test]
    fn by_map_by_schema_by_itself() {
        let schemas = ["sales".to_owned(), "sales_eu".to_owned()];
        let map = BTreeMap::from([("app7".to_owned(), "sales".to_owned())]);
        for (role, service) in [
            ("app7", "sales"),
            ("sales", "sales"),
            ("sales_reader", "sales"),
            ("sales_eu_reader", "sales_eu"),
            ("salesman", "salesman"),
        ] {
            assert_eq!(service_of(role, &schemas, &map), service);
        }
    }
}
