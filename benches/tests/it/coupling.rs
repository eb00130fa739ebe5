//! The five services do everything their contracts promise, once; how they depend on each other must not grow beyond
//! `results/reference/coupling.json`. `UPDATE_GOLDEN=1` writes that anew; a review then sees what has grown.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use behaviour::World;
use lab::up::{Instance, Options};
use postgres::{Client, NoTls};
use schema::coupling::gate::{Budgets, gate};
use schema::coupling::{JsonKeys, diff, look};

use crate::dunning::pay_or_freeze;
use crate::support::world;

/// Every operation, and what the services do by themselves when time passes.
fn do_everything(up: &Instance, world: &World) {
    // Two cases of Notification's are for a world where nobody else writes changes.
    let quiet = [
        "notifications: nobody is told of nothing",
        "notifications: a profile changed by somebody else",
    ];
    let mut telling = behaviour::notification::suite();
    telling.retain(|case| !quiet.contains(&case.name));
    let suites = [
        behaviour::account::suite(),
        behaviour::profile::suite(),
        behaviour::registry::suite(),
        behaviour::billing::suite(),
        telling,
    ];
    std::thread::scope(|scope| {
        for suite in &suites {
            scope.spawn(|| behaviour::run(world, suite));
        }
    });
    pay_or_freeze(up, world);
}

#[test]
fn the_services_depend_on_each_other_no_more_than_the_reference_says() {
    let options = Options {
        ephemeral: true,
        ..Options::default()
    };
    let up = Instance::start(&options, &Arc::new(AtomicBool::new(false)), |_| {}).unwrap();
    let world = world(up.target());
    do_everything(&up, &world);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let url = up.target().database_url.as_deref().unwrap();
    let mut client = Client::connect(url, NoTls).unwrap();
    let seen = schema::coupling::Options {
        run: true,
        json: JsonKeys::read(&root.join("../docs/contract/json-keys.toml")).unwrap(),
        ..Default::default()
    };
    let now = look(&mut client, &seen).unwrap();
    println!("{}", schema::coupling::render::text::text(&now));
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
