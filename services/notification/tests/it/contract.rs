//! The code serves exactly the contract's operations, and tells exactly its kinds.

use std::collections::BTreeSet;

use behaviour::Value;
use behaviour::table::serves;
use kit::Service as _;
use notification::NotificationService;

fn document() -> Value {
    serde_yaml_ng::from_str(NotificationService::CONTRACT).unwrap()
}

#[test]
fn every_operation_has_its_route_and_no_other() {
    serves(&document(), notification::endpoints());
}

/// The kinds of the contract are those in the source.
#[test]
fn every_kind_that_is_told_is_declared() {
    let document = document();
    let declared: BTreeSet<&str> = document["components"]["schemas"]["Kind"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind.as_str().unwrap())
        .collect();
    let source = concat!(include_str!("../../src/templates.rs"), include_str!("../../src/reminders.rs"));
    for kind in &declared {
        assert!(
            source.contains(&format!("\"{kind}\"")) || source.contains(&format!("'{kind}'")),
            "{kind} is never told"
        );
    }
    let types = ["api", "subDomain", "domain", "login", "profile", "invoice", "organisation"];
    for kind in &declared {
        assert!(types.contains(&notification::model::entity_type(kind)), "{kind}");
    }
}

/// Every kind that the other services declare is either told or known to concern nobody.
#[test]
fn every_kind_of_the_feeds_is_known() {
    let changes: Value = serde_yaml_ng::from_str(include_str!("../../../../docs/contract/changes.yaml")).unwrap();
    let silent = [
        "OrganisationCreated",
        "PlanCreated",
        "PlanModified",
        "ProfileCreated",
        "ProfileDeleted",
        "DomainCreated",
        "WatchCreated",
        "WatchEnded",
    ];
    let source = include_str!("../../src/templates.rs");
    for service in ["account", "profile", "registry", "billing"] {
        for kind in changes[service]["kinds"].as_object().unwrap().keys() {
            let told = source.contains(&format!("\"{kind}\"")) || kind == "NotificationSettingsModified";
            assert_ne!(told, silent.contains(&kind.as_str()), "{kind}");
        }
    }
}
