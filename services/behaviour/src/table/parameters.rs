//! Parameters: garbage in the path or the query is a 4xx, and the query's is named.

use super::Table;
use super::contract::{Operation, Parameter};
use crate::assert::{problem, problem_at};
use crate::http::Call;

impl Table<'_> {
    /// Every operation with parameters.
    pub fn parameters(&self) {
        self.each("parameters", |operation| {
            self.path_garbage(operation);
            for parameter in operation.query() {
                self.query_garbage(operation, parameter);
            }
            if operation.query().next().is_some() {
                problem_at(&self.send(self.read(operation).query("unknown-parameter", "1")), 400, "unknown-parameter");
            }
            if operation.query().any(|parameter| parameter.name == "cursor") {
                self.cursors(operation);
            }
        });
    }

    /// A read that would be answered, to add parameters to.
    fn read(&self, operation: &Operation) -> Call {
        let call = self.bare(operation, &self.path(operation, &[]));
        self.permitted(operation, self.matched(operation, call))
    }

    fn path_garbage(&self, operation: &Operation) {
        let names: Vec<String> = operation
            .parameters
            .iter()
            .filter(|parameter| parameter.in_path)
            .map(|parameter| parameter.name.clone())
            .collect();
        for name in names {
            let nil = uuid::Uuid::nil().to_string();
            let long = "x".repeat(5_000);
            for garbage in ["not-a-uuid", "0", "-1", "%", "\u{0}", "'", "ä", "..", "null", &nil, &long] {
                let path = self.path(operation, &[(&name, garbage)]);
                self.refused(self.permitted(operation, self.filled(operation, self.bare(operation, &path))));
            }
            // Not UTF-8 once decoded.
            let path = self.path(operation, &[(&name, "@@")]).replace("%40%40", "%FF%FE");
            self.refused(self.permitted(operation, self.filled(operation, self.bare(operation, &path))));
        }
    }

    fn query_garbage(&self, operation: &Operation, parameter: &Parameter) {
        let name = parameter.name.as_str();
        let schema = &parameter.schema;
        let mut garbage: Vec<String> = vec!["\u{0}".into(), "a\u{0}b".into()];
        let opaque = ["cursor", "after"].contains(&name);
        let kind = schema["type"].as_str().unwrap_or_default();
        if ["integer", "boolean"].contains(&kind)
            || opaque
            || schema["format"] == "uuid"
            || schema.get("enum").is_some()
        {
            garbage.extend(["garbage", "-", "%", "1.5", "99999999999999999999", "ä"].map(String::from));
        }
        if name == "limit" {
            garbage.extend(["0", "201", "-1", "+5", "abc", "1e1", " 1"].map(String::from));
        }
        if schema.get("maxLength").is_some() || opaque {
            garbage.push("x".repeat(10_000));
        }
        for value in garbage {
            let answer = self.refused(self.read(operation).query(name, &value));
            problem_at(&answer, answer.status, name);
        }
        let path = format!("{}?{name}=%FF%FE", self.path(operation, &[]));
        problem_at(&self.send(self.permitted(operation, self.bare(operation, &path))), 400, name);
    }

    /// Cursors of other lists, of the same list filtered otherwise, and garbled ones.
    fn cursors(&self, operation: &Operation) {
        for (other, cursor) in self.some_cursors() {
            let refuse = |call: Call| problem_at(&self.send(call), 400, "cursor");
            if other != operation.id {
                refuse(self.read(operation).query("cursor", &cursor));
                continue;
            }
            let filter = operation.query().find(|parameter| parameter.name == "q");
            if let Some(filter) = filter {
                refuse(self.read(operation).query(&filter.name, "a").query("cursor", &cursor));
            }
            let reversed: String = cursor.chars().rev().collect();
            let shorter = &cursor[..cursor.len() - 4];
            for garbled in [reversed.as_str(), shorter, &format!("{cursor}AAAA")] {
                refuse(self.read(operation).query("cursor", garbled));
            }
        }
    }

    /// A cursor of each list that has more than one item.
    fn some_cursors(&self) -> Vec<(String, String)> {
        let lists = self.operations.iter().filter(|list| list.query().any(|parameter| parameter.name == "cursor"));
        lists
            .filter_map(|list| {
                let page = self.send(self.read(list).query("limit", "1")).expect(200).json();
                Some((list.id.clone(), page["nextCursor"].as_str()?.to_owned()))
            })
            .collect()
    }

    /// Every operation that declares `If-Match`: missing 428, malformed 400, stale 412.
    pub fn preconditions(&self) {
        self.each("preconditions", |operation| {
            if !operation.if_match {
                return;
            }
            let path = self.path(operation, &[]);
            let call = || {
                let call = self.permitted(operation, self.bare(operation, &path));
                match self.body(operation) {
                    Some(body) => call.json(&body),
                    None => call,
                }
            };
            problem(&self.send(call()), 428);
            for malformed in ["1", "*", "W/\"1\"", "\"1\", \"2\"", "\"", "\"1", ""] {
                problem(&self.send(call().if_match(malformed)), 400);
            }
            for stale in ["\"999999\"", "\"0\"", "\"-1\"", "\"99999999999999999999\""] {
                problem(&self.send(call().if_match(stale)), 412);
            }
        });
    }
}
