//! What two results must share to be compared at all.

use crate::result::{ResultFile, TargetInfo, contracts_differ};

/// Relative difference of two rates that writing and reading a number may leave.
const SAME_RATE: f64 = 1e-6;

/// Everything in which they differ and mustn't; empty where they can be compared.
#[must_use]
pub fn refusals(base: &ResultFile, other: &ResultFile) -> Vec<String> {
    let (one, two) = (&base.run, &other.run);
    let sql = base.target.as_ref().is_some_and(TargetInfo::is_sql);
    let mut reasons = Vec::new();
    let contract = |of: &ResultFile| {
        let target = of.target.as_ref();
        target.map_or_else(|| "unknown".to_owned(), |target| target.contract.clone())
    };
    if contracts_differ(&contract(base), &contract(other)) || base.target.is_none() != other.target.is_none() {
        let what = if sql { "scripts" } else { "contracts" };
        reasons.push(format!("the {what} differ ({} and {})", contract(base), contract(other)));
    }
    let mut differ = |what: &str, first: String, second: String| {
        if first != second {
            reasons.push(format!("the {what} differ ({first} and {second})"));
        }
    };
    let preset = |of: &crate::result::Run| of.preset.name();
    differ("presets", preset(one), preset(two));
    let data = |of: &crate::result::Run| format!("{} APIs, seed {}", of.data_apis, of.seed);
    differ("data", data(one), data(two));
    let batching = |of: &crate::result::Run| of.batch_max.to_string();
    differ("batch sizes", batching(one), batching(two));
    let complete = |of: &crate::result::Run| if of.complete { "whole" } else { "ended early" }.to_owned();
    differ("runs", complete(one), complete(two));
    let names = |of: &ResultFile| {
        let names: Vec<&str> = of.services.iter().map(|of| of.name.as_str()).collect();
        names.join(", ")
    };
    differ("services", names(base), names(other));
    for of in &base.services {
        let Some(theirs) = other.services.iter().find(|one| one.name == of.name) else {
            continue;
        };
        if (theirs.rate_per_s / of.rate_per_s - 1.0).abs() > SAME_RATE {
            reasons.push(format!(
                "the rates of {} differ ({:.2}/s and {:.2}/s): {}",
                of.name,
                of.rate_per_s,
                theirs.rate_per_s,
                if sql { "give both the same rate-per-s" } else { "run the other with --rates-from" }
            ));
        }
        if theirs.endpoints != of.endpoints {
            let what = if sql { "workload file" } else { "--workload" };
            reasons.push(format!("{} is asked for other things: give both the same {what}", of.name));
        }
    }
    if reasons.is_empty() && one.workload_hash != two.workload_hash {
        reasons.push("their schedules differ".into());
    }
    reasons
}
