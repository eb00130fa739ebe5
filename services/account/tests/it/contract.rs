//! The contract and the code name the same endpoints, and the same changes.

use std::collections::{BTreeMap, BTreeSet};

use behaviour::Value;
use behaviour::table::{operations, serves};

const CONTRACT: &str = include_str!("../../../../docs/contract/account.yaml");
const CHANGES: &str = include_str!("../../../../docs/contract/changes.yaml");

fn document() -> Value {
    serde_yaml_ng::from_str(CONTRACT).expect("YAML")
}

#[test]
fn every_route_is_an_operation_and_every_operation_a_route() {
    serves(&document(), account::routes().list());
}

#[test]
fn operations_declare_the_changes_that_the_table_names() {
    let table: Value = serde_yaml_ng::from_str(CHANGES).expect("YAML");
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, kinds) in table["account"]["endpoints"].as_object().expect("endpoints") {
        let operation = name.split('+').next().unwrap_or(name).to_owned();
        let kinds = kinds.as_array().expect("a list").iter();
        named.entry(operation).or_default().extend(kinds.map(|kind| kind.as_str().expect("a kind").to_owned()));
    }
    let writing = operations(&document()).into_iter().filter(|operation| operation.method != "GET");
    let declared: BTreeMap<_, _> = writing.map(|o| (o.id, o.changes.into_iter().collect())).collect();
    assert_eq!(declared, named);
}
