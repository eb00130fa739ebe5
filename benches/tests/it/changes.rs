//! What `dba impact` says of a change, and what really happens under five running services.

use lab::experiments::changes;
use lab::experiments::changes::outcome::Report;
use lab::experiments::changes::{Options, catalogue};
use lab::result::Outcome as _;

/// One that only its owner feels, one that depends on values, one across two services, one that takes a right away. `lab changes --verify` tries all 24.
const TRIED: [&str; 4] = ["02-split-name", "07-require-title", "17-cross-service-key", "19-revoke-right"];

#[test]
fn what_is_said_of_a_change_is_what_happens() {
    let chosen = catalogue::chosen(&TRIED.map(str::to_owned)).unwrap();
    let options = Options { verify: true, ..Options::default() };
    let outcome = changes::run(&chosen, options, |line| println!("{line}")).unwrap();
    outcome.tables(&()).iter().for_each(|table| println!("{table}"));
    let agreement = outcome.agreement.as_ref().unwrap();
    assert!(agreement.false_safe.is_empty(), "{:?}", agreement.false_safe);
    // Of so few pairs one is more than a twentieth: the share is for all 24.
    assert!(agreement.false_breaks.len() <= 1, "{:?}", agreement.false_breaks);
    let broke = |change: &str| {
        let services = agreement.reality.get(change).map(|found| found.keys().cloned().collect::<Vec<_>>());
        services.unwrap_or_default().join(" ")
    };
    assert_eq!(TRIED.map(broke), ["profile", "registry", "account", "account"]);
    // Spelling a view out loses no statement.
    for change in &outcome.changes {
        let (with, without) = (&change.with_views.skipped, &change.without_views.skipped);
        assert_eq!(with.len(), without.len(), "{with:#?} {without:#?}");
        assert!(with.len() * 100 <= outcome.statements, "{with:#?}");
    }
    let split = &outcome.changes[0];
    let names = |found: &std::collections::BTreeSet<String>| found.iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&split.with_views.deploy_together), "profile");
    assert_eq!(names(&split.without_views.deploy_together), "notification profile registry");
    assert_eq!(names(&outcome.changes[2].with_views.consent), "account");
}

#[test]
fn the_reference_is_of_this_catalogue_and_agrees() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/results/reference/changes.json");
    let text = std::fs::read_to_string(file).unwrap();
    let outcome: Report = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = catalogue::catalogue().unwrap().into_iter().map(|change| change.name).collect();
    assert_eq!(outcome.changes.iter().map(|change| change.name.clone()).collect::<Vec<_>>(), names);
    let agreement = outcome.agreement.as_ref().unwrap();
    assert!(agreement.is_good(), "{agreement:?}");
    assert_eq!(agreement.pairs, 24 * 5);
    assert_eq!(outcome.stories.len(), 3);
    assert_eq!(outcome, outcome.clone().structure(), "no times in it");
}
