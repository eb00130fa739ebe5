//! `lab architectures`, small: two of the three, interrupted and resumed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use lab::experiments::architectures::{Architectures, Fate, Plan, Trust, answers};
use lab::result::{Measured, ResultFile, attachments};
use serde_json::Value;

use crate::json_schema::errors;
use crate::processes::interrupt;
use crate::support::{lab, shared};

/// Interrupted while the second round's first block is measured, which is finished; how it ended and what it said.
fn interrupted(results: &Path) -> (Option<i32>, String) {
    let mut run =
        lab(&["architectures", "--unoptimised", "--rounds", "2", "--seconds", "1", "--tries", "1", "--rate", "30"]);
    run.args(["--architecture", "shared-database,api-centric", "--stop-seconds", "1", "--data", "tiny"]);
    let mut child = run.arg("--results").arg(results).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut news = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.starts_with("Round 2") {
            interrupt(&child);
        }
        news += &(line + "\n");
    }
    (child.wait().unwrap().code(), news)
}

#[test]
fn architectures_are_compared_and_the_page_says_what_was_found() {
    // First the one, then the others: two that start at once may be given the same free ports.
    shared();
    let home = tempfile::tempdir().unwrap();
    let (code, news) = interrupted(home.path());
    assert!(code == Some(3) && news.contains("--resume"), "{code:?} {news}");
    let folder = std::fs::read_dir(home.path()).unwrap().next().unwrap().unwrap().path();
    assert!(!folder.join(attachments::ARCHITECTURES).exists(), "half of it isn't kept as the whole");
    let output = lab(&["architectures", "--resume"]).arg(&folder).output().unwrap();
    let (said, news) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{news}");
    let rounds = |of: &str| news.lines().filter(|line| line.starts_with(of)).count();
    // A block that was interrupted while it started on a busy machine is measured again.
    assert!(rounds("Round 1") == 0 && (1..=2).contains(&rounds("Round 2")), "the other blocks were there: {news}");
    let names = ["shared-database", "api-centric"];
    for name in names {
        let result = ResultFile::read(&folder.join(name).join("result.json")).unwrap();
        assert_eq!(result.counted().count(), 2, "{name}");
        assert!(result.correctness.values().all(|count| *count == 0), "{name}: {:?}", result.correctness);
    }

    let text = std::fs::read_to_string(folder.join(attachments::ARCHITECTURES)).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("attachments.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    assert_eq!(errors(&schema, &schema["$defs"]["comparison"], &value, ""), Vec::<String>::new());
    let found: Measured<Architectures, Plan> = Measured::read(&text).unwrap();
    let of = &found.outcome;
    assert_eq!(of.names(), names);
    let blocks = |name: &str| of.blocks.iter().filter(|one| one.architecture == name).count();
    assert_eq!(names.map(blocks), [2, 2]);
    for figure in &of.figures {
        assert_eq!(figure.arms.is_empty(), figure.not_run.is_some(), "{figure:?}");
        for arm in &figure.arms {
            // Whatever else this machine does meanwhile: what it disturbed too much is in no figure, and the others are in all.
            let counts = |one: &&Trust| one.architecture == arm.architecture && one.fate == Fate::Counts;
            let blocks = of.blocks.iter().filter(counts).count() as u64;
            let counted = figure.id.starts_with("wrong-") || figure.id.starts_with("good-");
            assert!(counted || arm.n == blocks, "{figure:?}");
            assert!(arm.value.map_or(blocks == 0 && !counted, |value| counted || value > 0.0), "{figure:?}");
        }
    }
    assert!(of.left_out().ends_with(" of 4 blocks"), "{}", of.left_out());
    // Who is stopped for a second is missed by too few requests to compare anything; that all were counted is what can be said.
    for figure in of.figures.iter().filter(|figure| figure.id.starts_with("good-")) {
        let share = |value: f64| (0.0..=100.0).contains(&value);
        assert!(figure.arms.iter().all(|arm| arm.n > 0 && arm.value.is_some_and(share)), "{figure:?}");
    }

    // Where a line may break is not looked at.
    let page = std::fs::read_to_string(folder.join("comparison.html")).unwrap().replace('\u{a0}', " ");
    for answer in answers(&of.figures) {
        for sentence in answer.choose.iter().chain(&answer.price) {
            let figure = sentence.split("**").nth(1).unwrap();
            assert!(page.contains(&format!("<b>{figure}</b>")), "{sentence}");
        }
    }
    assert!(page.contains(&of.left_out()) && page.contains(&of.tested()), "{} {}", of.left_out(), of.tested());
    for id in ["decides", "ratios", "stops", "wrong", "figures", "trust", "method"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}
