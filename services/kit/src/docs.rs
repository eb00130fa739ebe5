//! The contract, served: as JSON for programs and as a page for people.

use serde_json::Value;

/// Reads the contract's YAML.
pub(crate) fn read(yaml: &str) -> Result<Value, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(yaml)
}

/// The contract as one page that needs nothing else.
pub(crate) fn page(contract: &Value) -> String {
    contract.to_string()
}
