//! Scenarios in short form: that their signatures are there, not how long anything took. No services: their arms of SQL alone.

use lab::data::{Size, generate};
use lab::experiments::scenario::{ALL, Arm, Scenario, ScenarioResult, Stage, choose, run};
use schema::testing::TestCluster;

/// A filled database in a cluster of this test's own, for scenarios make logins.
fn filled() -> (TestCluster, String) {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url(schema::DATABASE, "superuser");
    let mut client = lab::data::connect(&url).unwrap();
    let size = Size { apis: 500, organisations: 48 };
    generate(&mut client, size, 1).unwrap();
    (cluster, url)
}

fn played(id: &str, keep: impl Fn(&Arm) -> bool) -> ScenarioResult {
    let mut scenario = choose(&[id.to_owned()]).unwrap().remove(0);
    let sql = |arm: &Arm| arm.actors.iter().all(|actor| actor.service.is_none());
    scenario.arms.retain(|arm| sql(arm) && keep(arm));
    // What is gained is a matter of time, and of arms that may be missing here.
    scenario.gains.clear();
    let (_cluster, url) = filled();
    let stage = Stage::new(&url, None, vec![]).unwrap();
    let result = run(&stage, &scenario, 1).unwrap();
    assert!(!result.arms.is_empty());
    let mut client = lab::data::connect(&url).unwrap();
    let left: i64 = client
        .query_one(
            "select (select count(*) from pg_namespace where nspname like 'lab\\_%')
                + (select count(*) from pg_roles where rolname like 'lab\\_%' and rolname <> 'lab_monitor')",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(left, 0, "the lab's schemas and logins are gone");
    result
}

/// What makes a child's writer wait, and what doesn't: the whole table of S4.
#[test]
fn foreign_keys_truth_table() {
    let result = played("S4", |_| true);
    let table: Vec<(&str, bool)> = result
        .arms
        .iter()
        .map(|arm| {
            let waits = |entry: &schema::blame::Entry| entry.waiting == "lab_registry" && entry.root == "lab_account";
            (arm.name.as_str(), arm.ledger.iter().any(waits))
        })
        .collect();
    let expected = [
        ("a plan is changed", false),
        ("a slug is changed", true),
        ("an upsert writes the key", true),
        ("a parent is deleted", true),
        ("a child is updated once beside FOR UPDATE", false),
        ("a child is updated twice beside FOR UPDATE", true),
    ];
    assert_eq!(table, expected);
}

/// The guards of a limit: too many without a lock, deadlocks with one taken too late, exact with the others.
#[test]
fn plan_limits_are_exact_or_not() {
    let result = played("S3", |_| true);
    let check = |name: &str| {
        let arm = result.arms.iter().find(|arm| arm.name == name).unwrap();
        arm.checks["overshoot"]
    };
    assert!(check("no lock") >= 1.0);
    for exact in ["for update", "for no key update", "one statement on a counter"] {
        assert_eq!(check(exact), 0.0, "{exact}");
    }
    let late = &result.arms[1];
    assert!(late.actors[0].errors.contains_key("40P01"), "{late:?}");
}

/// Readers behind an ALTER behind a reader: the root is the first reader, the direct blocker the ALTER.
#[test]
fn an_alter_queues_everybody() {
    let result = played("S8", |arm| arm.name == "an ALTER without a timeout");
    let queue = result.arms[0]
        .ledger
        .iter()
        .find(|entry| entry.waiting == "lab_registry" && entry.cause == schema::blame::Cause::BehindDdl);
    let queue = queue.expect("readers wait");
    assert_eq!((&*queue.root, &*queue.direct), ("lab_billing", "lab_migration"));
}

/// A scenario whose signature is absent fails, and says which.
#[test]
fn an_absent_signature_fails() {
    let (_, text) = ALL.iter().find(|(id, _)| *id == "S4").unwrap();
    let mut scenario = Scenario::parse(text).unwrap();
    scenario.arms.truncate(1);
    scenario.gains.clear();
    let measure = &mut scenario.arms[0].expect[0];
    (measure.at_most, measure.at_least) = (None, Some(0.5));
    let (_cluster, url) = filled();
    let stage = Stage::new(&url, None, vec![]).unwrap();
    let result = run(&stage, &scenario, 1).unwrap();
    assert!(!result.passed);
    assert!(!result.arms[0].findings[0].held && result.arms[0].findings[1].held);
}

/// Fields that nobody knows are refused, and so is what can't be played.
#[test]
fn malformed_scenarios_are_refused() {
    let (_, text) = ALL.iter().find(|(id, _)| *id == "S4").unwrap();
    for (right, wrong, says) in [
        ("every-ms", "evry-ms", "evry-ms"),
        ("at-least = 0.2", "", "at-least"),
        ("\"lab_registry\"\n", "\"registry_writer\"\n", "lab_"),
        ("actor = \"registry\"", "actor = \"nobody\"", "actor"),
        ("\\sleep 40 ms", "\\wait 40 ms", "\\sleep"),
        ("from = \"a slug", "from = \"a snail", "snail"),
    ] {
        let broken = text.replace(right, wrong);
        assert_ne!(&broken, text, "{right}");
        let error = Scenario::parse(&broken).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
