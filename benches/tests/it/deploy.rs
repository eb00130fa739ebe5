//! What `docs/deploy` says is so: variables, metrics, services.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{shared, world};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// All texts of the Rust sources below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let text = |path: &Path| match path.extension().is_some_and(|end| end == "rs") {
        true => fs::read_to_string(path).unwrap(),
        false => String::new(),
    };
    entries.map(|entry| entry.path()).map(|path| if path.is_dir() { sources(&path) } else { text(&path) }).collect()
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split(end).next())
}

fn variables() -> BTreeSet<String> {
    ["kit", "account", "profile", "registry", "billing", "notification"]
        .iter()
        .map(|one| sources(&Path::new(ROOT).join(format!("services/{one}/src"))))
        .flat_map(|text| between(&text, "env = \"", "\"").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_table_of_settings_has_every_variable_and_no_other() {
    let readme = read("docs/deploy/README.md");
    let table = readme.split("## Settings").nth(1).unwrap();
    let named: BTreeSet<String> = between(table, "\n| `", "` |").map(str::to_owned).collect();
    assert_eq!(named, variables());
}

#[test]
fn compose_sets_variables_that_there_are_for_every_service() {
    let compose = read("docs/deploy/compose.yaml");
    let known = variables();
    let of_others = ["POSTGRES_PASSWORD", "GOVRNANZA_HOME"];
    assert!(!compose.contains("--database-url"), "every process may read arguments");
    let set = compose
        .lines()
        .map(|line| line.trim().trim_start_matches("environment: {"))
        // `NAME:` alone takes what `.env` has.
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    let mut count = 0;
    for name in set {
        count += 1;
        assert!(known.contains(name) || of_others.contains(&name), "{name}");
    }
    assert!(count > 12, "{count}");
    for name in lab::system::services::names() {
        assert!(compose.contains(&format!("\n  {name}:\n")), "{name}");
        for side in ["READER", "WRITER"] {
            let password = format!("GOVRNANZA_PASSWORD_{}_{side}", name.to_uppercase());
            assert!(compose.contains(&password), "{password}");
        }
    }
}

#[test]
fn dashboard_and_alerts_use_metrics_that_there_are() {
    let world = world(shared());
    // Something of everything: a tenant, whom Notification hears of, and last month's run.
    world.tenant("team");
    let last_month = chrono::Utc::now().date_naive() - chrono::Months::new(1);
    let run = behaviour::json!({"period": last_month.format("%Y-%m").to_string()});
    let token = world.fixture.operator_token();
    let post = world.billing().post("/billing-runs").token(&token).json(&run).send();
    assert!([200, 202].contains(&post.status), "{}", post.describe());
    let metrics: String = lab::system::services::names()
        .map(|name| world.service(name).root("/metrics").send().expect(200).text())
        .collect();
    for feed in ["account", "profile", "registry", "billing"] {
        let line = format!("feed_lag_seconds{{feed=\"{feed}\",service=\"notification\"}} ");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let dashboard: behaviour::Value = serde_json::from_str(&read("docs/deploy/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut expressions: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let alerts = read("docs/deploy/alerts.yaml");
    expressions.extend(between(&alerts, "expr: ", "\n").map(str::to_owned));
    let severe = between(&alerts, "severity: ", "}").filter(|how| ["page", "ticket"].contains(how)).count();
    assert_eq!(severe, alerts.matches("- alert: ").count(), "each alert says how urgent it is");
    // Without its label an absent series doesn't say which one is missing.
    assert!(between(&alerts, "absent(", ")").all(|of| of.contains("{feed=")), "{alerts}");
    assert!(metrics.contains("# TYPE pool_wait_seconds_total counter\n"), "what ends with _total only rises");
    assert!(expressions.len() > 15);
    for expression in expressions {
        let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let names = words.filter(|word| {
            ["http_", "pool_", "queue_", "feed_", "billing_run_"].iter().any(|start| word.starts_with(start))
        });
        for name in names {
            assert!(metrics.contains(&format!("\n{name}{{")), "{name} of {expression}");
        }
    }
}
