//! The five services do everything their contracts promise, once; how they depend on each other must not grow beyond
//! `results/reference/coupling.json`. `UPDATE_GOLDEN=1` writes that anew; a review then sees what has grown.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use behaviour::World;
use lab::system::{Deployment, Options};
use postgres::{Client, NoTls};
use schema::coupling::gate::{Budgets, gate};
use schema::coupling::report::{List, Report};
use schema::coupling::{JsonKeys, diff, look};

use crate::dunning::pay_or_freeze;
use crate::json_schema::errors;
use crate::support::world;

/// Every operation, and what the services do by themselves when time passes. Whether the cases pass is for the services'
/// own tests to judge; some can't here, where everybody writes changes that Notification tells of.
fn do_everything(up: &Deployment, world: &World) {
    let suites = [
        behaviour::account::suite(),
        behaviour::profile::suite(),
        behaviour::registry::suite(),
        behaviour::billing::suite(),
        behaviour::notification::suite(),
    ];
    std::thread::scope(|scope| {
        for suite in &suites {
            scope.spawn(move || {
                for case in suite {
                    let _ = catch_unwind(AssertUnwindSafe(|| (case.run)(world)));
                }
            });
        }
    });
    pay_or_freeze(up, world);
}

fn conforms_to_its_schema(root: &Path, report: &Report) {
    let text = std::fs::read_to_string(root.join("../schema/coupling.schema.json")).unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    let value = serde_json::to_value(report).unwrap();
    let wrong = errors(&schema, &schema, &value, "");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each `views.rs` names the columns of others that its service uses: all are used, and nothing is used beside them but what
/// `kit` reads for every service and the feeds, whose statements Notification makes from their names.
fn agrees_with_what_the_services_declare(root: &Path, report: &Report) {
    let beside = |column: &str| {
        let view = column.split('.').nth(1).unwrap_or_default();
        ["signing_keys", "feed_cursors"].contains(&view) || view.ends_with("_changes")
    };
    for service in schema::SERVICES {
        let file = root.join(format!("../services/{service}/src/views.rs"));
        let declared = declared(&std::fs::read_to_string(file).unwrap());
        let used: BTreeSet<String> = report
            .columns
            .iter()
            .filter(|column| column.from == *service && column.list != List::NeverUsed)
            .map(|column| column.column.clone())
            .filter(|column| declared.contains(column) || !beside(column))
            .collect();
        assert_eq!(used, declared, "{service}: used, and in its views.rs");
    }
}

/// `published.persons.name` of each line `name -> Text,` in a `table!` of `published.persons`.
fn declared(views: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut view = "";
    for line in views.lines().map(str::trim) {
        if line.starts_with("published.") {
            view = line.split([' ', '(']).next().unwrap_or_default();
        // A macro's: the feeds.
        } else if let Some((column, _)) = line.split_once(" -> ").filter(|_| !view.contains('$')) {
            found.insert(format!("{view}.{column}"));
        }
    }
    found
}

#[test]
fn the_services_depend_on_each_other_no_more_than_the_reference_says() {
    let options = Options { ephemeral: true, ..Options::default() };
    let up = Deployment::start(&options, |_| {}).unwrap();
    let world = world(up.place());
    do_everything(&up, &world);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let url = up.place().database_url.as_deref().unwrap();
    let mut client = Client::connect(url, NoTls).unwrap();
    let seen = schema::coupling::Options {
        run: true,
        json: JsonKeys::read(&root.join("../docs/contract/json-keys.toml")).unwrap(),
        ..Default::default()
    };
    let now = look(&mut client, &seen).unwrap();
    println!("{}", schema::coupling::render::text::text(&now));
    conforms_to_its_schema(root, &now);
    agrees_with_what_the_services_declare(root, &now);
    let reference = root.join("results/reference/coupling.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&now).unwrap();
        std::fs::write(&reference, text + "\n").unwrap();
    }
    let budgets = Budgets::read(&root.join("coupling-budgets.toml")).unwrap();
    let verdict = gate(&diff::read(&reference).unwrap(), &now, &budgets).unwrap();
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
    for change in &verdict.diff.gone {
        println!("not there any more: {}: {}", change.what, change.thing);
    }
}
