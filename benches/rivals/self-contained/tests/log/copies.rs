//! What is where, compared: an owner's view, its topic, and the copies.

use std::collections::{BTreeMap, HashMap};

use behaviour::assert::eventually;
use postgres::Client;
use schema::{Noun, SERVICES};
use self_contained::{latest, topics};

use crate::ground::Ground;
use crate::people::texts;

/// Rows by key. Positions in a feed are each database's own.
type Rows = BTreeMap<String, String>;

/// The rows of what a database shows of a noun, by key.
fn table(client: &mut Client, noun: &Noun, row: &str) -> Vec<(String, String)> {
    client.batch_execute("set time zone 'UTC'").unwrap();
    // A change has its id from each database; its request and entity tell it from the others.
    let key = match noun.is_feed() {
        true => "x.request_id, x.kind, x.entity_id, x.version".to_owned(),
        false => noun.key.iter().map(|key| format!("x.{key}")).collect::<Vec<_>>().join(", "),
    };
    let text = format!("select jsonb_build_array({key})::text, ({row})::text from published.{} x", noun.name);
    client.query(&text, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn rows(client: &mut Client, noun: &Noun) -> Rows {
    let local = if noun.is_feed() { "{id,xid}" } else { "{created_xid,ended_xid}" };
    let rows = table(client, noun, &format!("to_jsonb(x) - '{local}'::text[]"));
    let (all, distinct) = (rows.len(), Rows::from_iter(rows));
    if noun.is_feed() {
        assert_eq!(distinct.len(), all, "{}: a change stands here twice", noun.name);
    }
    distinct
}

/// What is the same in both but the copies lack or have too many.
fn difference(here: &Rows, there: &Rows) -> Vec<String> {
    let lacking = here.iter().filter(|(key, row)| there.get(*key) != Some(row)).map(|(_, row)| format!("lacks {row}"));
    let more = there.iter().filter(|(key, _)| !here.contains_key(*key)).map(|(_, row)| format!("has also {row}"));
    lacking.chain(more).take(5).collect()
}

/// Waits until each topic and each copy equals its owner's view; then says how many rows there are of each noun.
pub fn equal(ground: &Ground) -> BTreeMap<String, usize> {
    equal_of(ground, SERVICES, SERVICES)
}

/// Of what these owners show to these consumers.
pub fn equal_of(ground: &Ground, owners: &[&str], consumers: &[&str]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for noun in topics::all().filter(|noun| owners.contains(&noun.owner)) {
        let mut owner = ground.connect(noun.owner);
        if !noun.is_feed() {
            eventually(&format!("the topic of {} is its owner's view", noun.name), || {
                let view: HashMap<_, _> = table(&mut owner, noun, "to_jsonb(x)").into_iter().collect();
                let (topic, _) = latest(&ground.log, noun, str::to_owned).unwrap();
                (topic == view).then_some(())
            });
        }
        for consumer in consumers.iter().filter(|service| **service != noun.owner) {
            if !topics::of_consumer(consumer).unwrap().iter().any(|read| read.name == noun.name) {
                continue;
            }
            let mut copy = ground.connect(consumer);
            let mut last = Vec::new();
            let same = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                eventually("the copy is the view", || {
                    last = difference(&rows(&mut owner, noun), &rows(&mut copy, noun));
                    last.is_empty().then_some(())
                });
            }));
            assert!(same.is_ok(), "{} at {consumer}: {last:#?}", noun.name);
        }
        count.insert(noun.name.clone(), rows(&mut owner, noun).len());
    }
    for service in consumers {
        let found = texts(&mut ground.connect(service), "select topic || ': ' || reason from published.log_aside");
        assert!(found.is_empty(), "{service} has put records aside: {found:#?}");
    }
    count
}
