//! The code serves exactly the contract's operations, and its tables are the database's.

use behaviour::Value;
use behaviour::table::{operations, serves};
use kit::Service as _;

fn document() -> Value {
    serde_yaml_ng::from_str(billing::Billing::CONTRACT).unwrap()
}

#[test]
fn every_operation_has_its_route_and_no_other() {
    serves(&document(), billing::handlers::routes().list());
}

/// What an operation says in `x-changes` is what `changes.yaml` says of it.
#[test]
fn changes_are_declared_alike() {
    let table = crate::changes::declared();
    for operation in operations(&document()) {
        assert_eq!(operation.changes, table.endpoints[&operation.id], "{}", operation.id);
    }
}
