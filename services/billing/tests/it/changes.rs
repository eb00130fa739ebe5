//! Every step leaves exactly the rows that `docs/contract/changes.yaml` names for it, and no other key.

use std::collections::BTreeMap;

use behaviour::Value;

/// This service's part of `changes.yaml`.
pub struct Declared {
    pub endpoints: BTreeMap<String, Vec<String>>,
    pub jobs: BTreeMap<String, Vec<String>>,
    pub kinds: BTreeMap<String, Vec<String>>,
}

pub fn declared() -> Declared {
    let all: Value =
        serde_yaml_ng::from_str(include_str!("../../../../docs/contract/changes.yaml")).unwrap();
    let part = |name: &str| serde_json::from_value(all["billing"][name].clone()).unwrap();
    Declared {
        endpoints: part("endpoints"),
        jobs: part("jobs"),
        kinds: part("kinds"),
    }
}
