//! The code serves exactly the contract's operations.

use behaviour::Value;
use behaviour::table::{operations, serves};
use kit::Service as _;

fn document() -> Value {
    serde_yaml_ng::from_str(profile::Service::CONTRACT).unwrap()
}

#[test]
fn every_operation_has_its_route_and_no_other() {
    serves(&document(), profile::endpoints());
}

/// What an operation says in `x-changes` is what `changes.yaml` says of it.
#[test]
fn changes_are_declared_alike() {
    let table = crate::changes::declared();
    for operation in operations(&document()) {
        let kinds = table.endpoints.get(&operation.id).cloned().unwrap_or_default();
        assert_eq!(operation.changes, kinds, "{}", operation.id);
    }
}
