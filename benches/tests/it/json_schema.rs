//! As much of JSON Schema as `result.schema.json` uses; a keyword beyond that is an error, so nothing is skipped in silence.

use serde_json::Value;

const KNOWN: [&str; 16] = [
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "minimum",
    "oneOf",
    "pattern",
];

/// What is wrong with `value`, by path.
pub fn errors(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("{path}: no schema"));
    for keyword in keywords.keys() {
        assert!(KNOWN.contains(&keyword.as_str()), "{path}: {keyword} isn't checked");
    }
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().trim_start_matches('#');
        let target = root.pointer(pointer).unwrap_or_else(|| panic!("{reference} is nowhere"));
        return errors(root, target, value, path);
    }
    if let Some(choices) = schema.get("oneOf") {
        let fits = choices.as_array().unwrap().iter().filter(|one| errors(root, one, value, path).is_empty());
        return if fits.count() == 1 { vec![] } else { vec![format!("{path}: fits none or several")] };
    }
    let mut wrong = vec![];
    if let Some(types) = schema.get("type") {
        let is = |name: &Value| match name.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("{path}: type {other}"),
        };
        let fits = types.as_array().map_or_else(|| is(types), |several| several.iter().any(is));
        if !fits {
            return vec![format!("{path}: not {types}")];
        }
    }
    if schema.get("enum").is_some_and(|of| !of.as_array().unwrap().contains(value)) {
        wrong.push(format!("{path}: {value} isn't one of the values"));
    }
    if schema.get("const").is_some_and(|of| of != value) {
        wrong.push(format!("{path}: {value} isn't the constant"));
    }
    if let (Some(least), Some(number)) = (schema.get("minimum"), value.as_f64())
        && number < least.as_f64().unwrap()
    {
        wrong.push(format!("{path}: {number} is below {least}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(of) = schema.get("items") {
            wrong.extend(errors(root, of, item, &format!("{path}/{index}")));
        }
    }
    if let Some(members) = value.as_object() {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{path}: {name} is missing"));
            }
        }
        for (name, member) in members {
            let below = format!("{path}/{name}");
            match (schema.pointer(&format!("/properties/{name}")), schema.get("additionalProperties")) {
                (Some(of), _) => wrong.extend(errors(root, of, member, &below)),
                (None, Some(Value::Bool(false))) => wrong.push(format!("{below}: unknown")),
                (None, Some(of)) if of.is_object() => wrong.extend(errors(root, of, member, &below)),
                (None, _) => {}
            }
        }
    }
    wrong
}
