//! `lab architectures`, small: two of the three.

use std::path::Path;

use lab::experiments::architectures::{Architectures, Plan, answers};
use lab::result::{Measured, ResultFile, attachments};
use serde_json::Value;

use crate::json_schema::errors;
use crate::support::{lab, shared};

#[test]
fn architectures_are_compared_and_the_page_says_what_was_found() {
    // First the one, then the others: two that start at once may be given the same free ports.
    shared();
    let home = tempfile::tempdir().unwrap();
    let output =
        lab(&["architectures", "--unoptimised", "--rounds", "2", "--seconds", "1", "--tries", "1", "--rate", "30"])
            .args(["--architecture", "shared-database,api-centric", "--stop-seconds", "1", "--results"])
            .arg(home.path())
            .output()
            .unwrap();
    let (said, news) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{news}");
    let folder = std::fs::read_dir(home.path()).unwrap().next().unwrap().unwrap().path();
    let names = ["shared-database", "api-centric"];
    for name in names {
        let result = ResultFile::read(&folder.join(name).join("result.json")).unwrap();
        assert_eq!(result.cells.len(), 2, "{name}");
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
    for figure in &of.figures {
        assert_eq!(figure.arms.is_empty(), figure.not_run.is_some(), "{figure:?}");
        for arm in &figure.arms {
            let value = arm.value.unwrap_or_else(|| panic!("{figure:?}"));
            let counted = figure.id.starts_with("wrong-") || figure.id.starts_with("good-");
            assert!(counted || value > 0.0 && arm.n == 2, "{figure:?}");
        }
    }
    // Who is stopped for a second is missed by too few requests to compare anything; that all were counted is what can be said.
    for figure in of.figures.iter().filter(|figure| figure.id.starts_with("good-")) {
        let share = |value: f64| (0.0..=100.0).contains(&value);
        assert!(figure.arms.iter().all(|arm| arm.n > 0 && arm.value.is_some_and(share)), "{figure:?}");
    }

    let page = std::fs::read_to_string(folder.join("comparison.html")).unwrap();
    for answer in answers(&of.figures) {
        for sentence in answer.choose.iter().chain(&answer.price) {
            let figure = sentence.split("**").nth(1).unwrap();
            assert!(page.contains(&format!("<b>{}</b>", figure.replace(' ', "\u{a0}"))), "{sentence}");
        }
    }
    for id in ["decides", "ratios", "stops", "wrong", "figures", "method"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}
