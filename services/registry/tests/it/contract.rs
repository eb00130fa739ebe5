//! The contract is what is served: no endpoint more, none less, and `changes.yaml` speaks of each.

use std::collections::BTreeSet;

use behaviour::Value;
use behaviour::assert::eventually;
use behaviour::table::{operations, serves};

use crate::fixture::House;
use crate::sql;

pub const CONTRACT: &str = include_str!("../../../../docs/contract/registry.yaml");
pub const CHANGES: &str = include_str!("../../../../docs/contract/changes.yaml");

/// Registry's part of `changes.yaml`.
pub fn changes() -> Value {
    let all: Value = serde_yaml_ng::from_str(CHANGES).unwrap();
    all["registry"].clone()
}

#[test]
fn every_route_is_in_the_contract_and_every_operation_is_served() {
    let document: Value = serde_yaml_ng::from_str(CONTRACT).unwrap();
    serves(&document, registry::routes().list());
}

#[test]
fn changes_yaml_speaks_of_every_operation_as_the_contract_does() {
    let document: Value = serde_yaml_ng::from_str(CONTRACT).unwrap();
    let changes = changes();
    let endpoints = changes["endpoints"].as_object().unwrap();
    let operations = operations(&document);
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(ids, endpoints.keys().cloned().collect());
    for operation in operations {
        assert_eq!(serde_json::json!(operation.changes), endpoints[&operation.id], "x-changes of {}", operation.id);
    }
    for kind in endpoints.values().flat_map(|kinds| kinds.as_array().unwrap()) {
        assert!(changes["kinds"][kind.as_str().unwrap()].is_array(), "{kind} has no keys");
    }
}

#[test]
fn it_is_ready_on_its_own_tables_and_the_views_granted_to_it() {
    let house = House::new();
    house.api().root("/healthz").send().expect(200);
    house.api().root("/readyz").send().expect(200);
    house.api().root("/docs").send().expect(200);
    let revoke = "revoke select on published.persons from registry_reader";
    sql::run(&mut house.db.connect("superuser"), revoke).unwrap();
    // The answer may be remembered for a moment.
    eventually("a missing right makes it unready", || (house.api().root("/readyz").send().status == 503).then_some(()));
}
