//! The operations of an OpenAPI document, as far as the table needs them.

use serde_json::Value;

use crate::http::encode;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// One operation of a contract.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `operationId`.
    pub id: String,
    /// In capitals.
    pub method: String,
    /// The template, base path included: `/api/v1/organisations/{org}`.
    pub path: String,
    /// Who may: `x-scope`.
    pub scope: String,
    /// Path and query parameters, in the document's order.
    pub parameters: Vec<Parameter>,
    /// Whether it declares `If-Match`.
    pub if_match: bool,
    /// The schema of its JSON body, references resolved.
    pub body: Option<Value>,
    /// A valid body.
    pub example: Option<Value>,
    /// `x-changes`: the kinds it leaves in the feed.
    pub changes: Vec<String>,
}

/// A parameter in the path or the query.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// In the path (or else in the query).
    pub in_path: bool,
    /// Its schema, references resolved.
    pub schema: Value,
}

impl Operation {
    /// The path with each parameter replaced by a value, percent-encoded.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').unwrap_or_else(|| panic!("{}: unbalanced braces", self.path));
            path.push_str(before);
            path.push_str(&encode(&value(name)));
            rest = tail;
        }
        path + rest
    }

    /// Whether it is about one organisation.
    pub fn of_organisation(&self) -> bool {
        self.path.contains("{org}")
    }

    /// The names of the path's parameters but the organisation's.
    pub fn entities(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.in_path && parameter.name != "org")
    }

    /// The query's parameters.
    pub fn query(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| !parameter.in_path)
    }
}

/// All operations of a document; panics where one lacks what the table needs.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a contract has paths") {
        let base = [item, document].iter().find_map(|place| place["servers"][0]["url"].as_str()).unwrap_or_default();
        let path = format!("{}{path}", base.trim_end_matches('/'));
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.push(read(document, &path, method, item, operation));
            }
        }
    }
    operations
}

/// Asserts that these routes (method, path) are exactly the operations of a document; panics where they aren't.
pub fn serves(document: &Value, mut routes: Vec<(String, String)>) {
    let mut declared: Vec<_> = operations(document).into_iter().map(|one| (one.method, one.path)).collect();
    declared.sort();
    routes.sort();
    assert_eq!(declared, routes);
}

fn read(document: &Value, path: &str, method: &str, item: &Value, operation: &Value) -> Operation {
    let place = format!("{method} {path}");
    let text = |key: &str| operation[key].as_str().unwrap_or_else(|| panic!("{place} has no {key}")).to_owned();
    let mut parameters = Vec::new();
    let mut if_match = false;
    let both = [&item["parameters"], &operation["parameters"]];
    for parameter in both.iter().filter_map(|list| list.as_array()).flatten() {
        let parameter = resolve(document, parameter, 0);
        let name = parameter["name"].as_str().unwrap_or_else(|| panic!("{place}: a parameter without name")).to_owned();
        match parameter["in"].as_str() {
            Some("header") => if_match |= name.eq_ignore_ascii_case("if-match"),
            Some(r#in @ ("path" | "query")) => {
                parameters.push(Parameter { name, in_path: r#in == "path", schema: parameter["schema"].clone() });
            }
            other => panic!("{place}: parameter {name} in {other:?}"),
        }
    }
    let request = resolve(document, &operation["requestBody"], 0);
    let content = &request["content"]["application/json"];
    let changes = operation["x-changes"].as_array().into_iter().flatten();
    Operation {
        id: text("operationId"),
        method: method.to_uppercase(),
        path: path.to_owned(),
        scope: text("x-scope"),
        parameters,
        if_match,
        body: content.get("schema").cloned(),
        example: example(content),
        changes: changes.filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
    }
}

/// The example of a media type, wherever OpenAPI lets it stand.
fn example(content: &Value) -> Option<Value> {
    let named = || content["examples"].as_object()?.values().next()?.get("value");
    let schema = || content["schema"].get("example").or_else(|| content["schema"]["examples"].get(0));
    content.get("example").or_else(named).or_else(schema).cloned()
}

/// The value with all references below it replaced by what they refer to.
fn resolve(document: &Value, value: &Value, depth: usize) -> Value {
    assert!(depth < 64, "references in a circle: {value}");
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("foreign reference {reference}"));
                let target = document.pointer(pointer).unwrap_or_else(|| panic!("dangling reference {reference}"));
                return resolve(document, target, depth + 1);
            }
            object.iter().map(|(key, value)| (key.clone(), resolve(document, value, depth + 1))).collect()
        }
        Value::Array(items) => items.iter().map(|item| resolve(document, item, depth + 1)).collect(),
        other => other.clone(),
    }
}
