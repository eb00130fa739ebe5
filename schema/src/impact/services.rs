//! Which service a role belongs to.

use std::collections::BTreeMap;

/// The service of a role: as `map` says; else the longest schema that the role is named for (`registry_reader` is of `registry`); else the role itself.
#[must_use]
pub fn service_of(role: &str, schemas: &[String], map: &BTreeMap<String, String>) -> String {
    if let Some(service) = map.get(role) {
        return service.clone();
    }
    let named_for = schemas
        .iter()
        .filter(|schema| {
            role.strip_prefix(schema.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
        .max_by_key(|schema| schema.len());
    named_for.cloned().unwrap_or_else(|| role.to_owned())
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
