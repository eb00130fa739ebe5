//! `attachments.schema.json` says what the lab's types read and write.

use std::path::Path;

use lab::bench::normalisation;
use lab::experiments::paired::Plan;
use lab::experiments::{
    architectures, composed, failure, ladder, pressure, problems, scenario, schema_change, wrong_answers,
};
use lab::result::{Measured, attachments};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::json_schema::errors;

/// Goes through all values of every enumeration.
const ROUNDS: usize = 8;

fn schema() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("attachments.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A value with everything that the schema knows; alternatives and enumerations by `round`.
fn full(root: &Value, schema: &Value, round: usize) -> Value {
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().trim_start_matches('#');
        return full(root, root.pointer(pointer).unwrap(), round);
    }
    for choice in ["enum", "oneOf"] {
        if let Some(of) = schema.get(choice).and_then(Value::as_array) {
            let one = &of[round % of.len()];
            return if choice == "enum" { one.clone() } else { full(root, one, round) };
        }
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(several) => &several[round % several.len()],
        one => one,
    };
    match kind.as_str().unwrap() {
        "object" => {
            let known = schema["properties"].as_object().into_iter().flatten();
            let mut made: serde_json::Map<String, Value> =
                known.map(|(name, of)| (name.clone(), full(root, of, round))).collect();
            if schema["additionalProperties"].is_object() {
                let any = full(root, &schema["additionalProperties"], round);
                made.insert("any".into(), any);
            }
            made.into()
        }
        "array" => {
            let item = full(root, &schema["items"], round);
            json!([item, item])
        }
        "string" => "text".into(),
        "number" => 1.5.into(),
        "integer" => 3.into(),
        "boolean" => true.into(),
        _ => Value::Null,
    }
}

/// The type reads what the schema allows and writes it back; neither knows anything that the other doesn't.
fn agree<T: Serialize + DeserializeOwned>(file: &str) {
    let (root, name) = (schema(), file.trim_end_matches(".json"));
    let of = &root["$defs"][name];
    for round in 0..ROUNDS {
        let value = full(&root, of, round);
        let read: T =
            serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{file}: {error} in {value}"));
        let written = json!(read);
        assert_eq!(written, value, "{file}");
        assert_eq!(errors(&root, of, &written, ""), Vec::<String>::new());
        let mut surprising = value;
        surprising["surprise"] = 1.into();
        assert_eq!(errors(&root, of, &surprising, "").len(), 1);
        assert!(serde_json::from_value::<T>(surprising).is_err(), "{file}");
    }
    kept(&root, of, file);
}

/// So do the files of the reference run.
fn kept(root: &Value, of: &Value, file: &str) {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let runs = std::fs::read_dir(reference).unwrap().flatten();
    for text in runs.filter_map(|run| std::fs::read_to_string(run.path().join(file)).ok()) {
        let value = serde_json::from_str(&text).unwrap();
        assert_eq!(errors(root, of, &value, ""), Vec::<String>::new(), "the reference's {file}");
    }
}

#[test]
fn types_and_schema_agree() {
    agree::<Measured<scenario::Scenarios>>(attachments::SCENARIOS);
    agree::<Measured<problems::Problems>>(attachments::PROBLEMS);
    agree::<Measured<ladder::Ladders>>(attachments::LADDER);
    agree::<Measured<pressure::Pressures>>(attachments::PRESSURE);
    agree::<Measured<schema_change::SchemaChanges>>(attachments::SCHEMA_CHANGE);
    agree::<Measured<failure::FailureMatrix>>(attachments::FAILURE);
    agree::<Measured<wrong_answers::WrongAnswers>>(attachments::WRONG_ANSWERS);
    agree::<Measured<composed::Outcome, Plan>>(attachments::COMPOSED);
    agree::<Measured<architectures::Architectures, architectures::Plan>>(attachments::ARCHITECTURES);
    agree::<Measured<normalisation::Outcome, Plan>>(attachments::NORMALISATION);
    agree::<Measured<lab::sql::SqlOutcome>>(attachments::SQL);
}
