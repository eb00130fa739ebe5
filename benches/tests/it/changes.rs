//! What `dba impact` says of a change, and what really happens under five running services.

use behaviour::requests::{ENTER, MAKE, REST, Request, Sender};
use behaviour::table::{Operation, operations};
use lab::experiments::changes;
use lab::experiments::changes::outcome::Report;
use lab::experiments::changes::{Options, catalogue};
use lab::result::Outcome as _;

use crate::support::{shared, world};

/// Their requests hold what only a mail tells; the mail sink sends them during the walk.
const BEHIND_A_LINK: [&str; 2] = ["find_confirmation", "confirm_address"];

/// An operation that is new in a contract is walked over the day it is written.
#[test]
fn the_walk_asks_for_every_operation() {
    let world = world(shared());
    let is = |request: &Request, operation: &Operation, method: &str, path: &str| {
        let below = if request.sender == Sender::Admin { "/organisations/{org}" } else { "" };
        let path = format!("/api/v1{below}{}", path.split('?').next().unwrap_or_default());
        let (asked, there): (Vec<_>, Vec<_>) = (path.split('/').collect(), operation.path.split('/').collect());
        let same = asked.len() == there.len() && asked.iter().zip(&there).all(|(a, b)| a == b || b.starts_with('{'));
        method == operation.method && same
    };
    let requests = [ENTER, MAKE, REST].concat();
    let missing: Vec<String> = lab::system::services::names()
        .flat_map(|name| {
            let document = world.service(name).root("/openapi.json").send().expect(200).json();
            let of_service = requests.iter().filter(|request| request.service == name).collect::<Vec<_>>();
            let asks = move |operation: &Operation| {
                of_service.iter().any(|one| {
                    let etag = one.etag_of.map(|of| if of.is_empty() { one.path } else { of });
                    is(one, operation, one.method, one.path) || etag.is_some_and(|of| is(one, operation, "GET", of))
                })
            };
            let operations = operations(&document).into_iter().filter(|one| one.path.starts_with("/api/v1"));
            operations
                .filter(move |one| !asks(one) && !BEHIND_A_LINK.contains(&one.id.as_str()))
                .map(|one| one.id)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

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
