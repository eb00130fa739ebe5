//! What is read from a plan.

use std::collections::BTreeSet;

use postgres::Client;
use serde_json::Value;

use super::values::{Values, sets};

/// Of one statement, with any parameters (a generic plan).
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) cost: f64,
    pub(super) indexes: BTreeSet<String>,
    /// Tables that are still scanned from end to end when sequential scans are disabled: no index helps, whatever the number of rows.
    pub(super) unhelped: BTreeSet<String>,
    /// Tables that it inserts into or updates.
    pub(super) writes: Vec<Write>,
    /// Sequences that defaults take from.
    pub(super) sequences: BTreeSet<String>,
}

/// Rows made or changed.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) table: String,
    pub(super) insert: bool,
    /// Of an insert: by column, in their order, dropped ones included. Of an update: of the columns it sets, in some order.
    pub(super) expressions: Vec<String>,
}

impl Plan {
    /// Plans a prepared statement as the session's current role, with these parameters, as SQL.
    pub(super) fn of(client: &mut Client, name: &str, parameters: &[String]) -> Result<Self, postgres::Error> {
        let explain = explain(name, parameters);
        let sets = sets(
            client,
            &format!(
                "set local plan_cache_mode = force_generic_plan; {explain}; set local enable_seqscan = off; {explain}; set local enable_seqscan = on"
            ),
        )?;
        let mut plan = Self::default();
        let usual = parsed(sets.get(1));
        plan.cost = usual["Total Cost"].as_f64().unwrap_or_default();
        plan.walk(&usual);
        plan.seq_scans(&parsed(sets.get(3)));
        Ok(plan)
    }

    /// Is a prepared statement still planned, as the session's current role?
    pub(super) fn again(client: &mut Client, name: &str, parameters: &[String]) -> Result<(), postgres::Error> {
        client.batch_execute(&again(name, parameters))
    }

    fn walk(&mut self, node: &Value) {
        if let Some(index) = node["Index Name"].as_str() {
            self.indexes.insert(index.to_owned());
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            let operation = node["Operation"].as_str().unwrap_or_default();
            let writes = node["Node Type"] == "ModifyTable" && operation != "Delete";
            if writes && child["Parent Relationship"] == "Outer" {
                self.writes.push(Write {
                    table: table(node),
                    insert: operation == "Insert",
                    expressions: texts(&child["Output"]),
                });
            }
            self.walk(child);
        }
        for expression in texts(&node["Output"]) {
            let mut rest = expression.as_str();
            while let Some((_, tail)) = rest.split_once("nextval('") {
                let Some((sequence, tail)) = tail.split_once("'::regclass") else {
                    break;
                };
                self.sequences.insert(sequence.to_owned());
                rest = tail;
            }
        }
    }

    fn seq_scans(&mut self, node: &Value) {
        if node["Node Type"] == "Seq Scan" {
            self.unhelped.insert(table(node));
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.seq_scans(child);
        }
    }

    /// How this plan is worse than the one before: in words, and whether it counts as slower.
    pub(super) fn worse_than(&self, before: &Self, ratio: f64) -> (Vec<String>, bool) {
        let lost = before.indexes.difference(&self.indexes).next().is_some();
        // A few pages more or less of a small table are the planner's guess, not an effect.
        let dearer = self.cost > before.cost * ratio && self.cost > before.cost + if lost { 1.0 } else { 100.0 };
        let unhelped: Vec<_> = self.unhelped.difference(&before.unhelped).collect();
        if !dearer && unhelped.is_empty() {
            return (Vec::new(), false);
        }
        let mut words: Vec<String> =
            before.indexes.difference(&self.indexes).map(|index| format!("index {index} is no longer used")).collect();
        words.extend(unhelped.iter().map(|table| format!("no index helps with {table} any more")));
        if dearer {
            words.push(format!("cost {:.1} → {:.1}", before.cost, self.cost));
        }
        (words, true)
    }
}

fn explain(name: &str, parameters: &[String]) -> String {
    let values = parameters.join(", ");
    let call = if parameters.is_empty() { name.to_owned() } else { format!("{name}({values})") };
    format!("explain (format json, verbose) execute {call}")
}

/// SQL that plans it, with any values.
pub(super) fn again(name: &str, parameters: &[String]) -> String {
    format!("set local plan_cache_mode = force_generic_plan; {}", explain(name, parameters))
}

fn table(node: &Value) -> String {
    let part = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
    format!("{}.{}", part("Schema"), part("Relation Name"))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The plan of an `explain (format json)`.
fn parsed(rows: Option<&Vec<Values>>) -> Value {
    let text: String = rows.into_iter().flatten().filter_map(|row| row.first()?.as_deref()).collect();
    let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
    parsed[0]["Plan"].clone()
}
