//! What compaction leaves is enough: a record for each key, and a copy built from it is the view; also once the marks of what is gone are gone.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use behaviour::assert::eventually;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::commands::run;
use crate::copies::equal_of;
use crate::ground::Ground;
use crate::people::{count, people, rename};

/// The keys of all records of a topic, in their order, and how many of the records say that a row is gone.
fn records(ground: &Ground, noun: &str) -> (Vec<String>, usize) {
    let records = ground.records(noun);
    let gone = records.iter().filter(|(_, _, there)| !there).count();
    (records.into_iter().map(|(_, key, _)| key).collect(), gone)
}

/// Removes people, and tells it.
fn leave(profile: &mut postgres::Client, from: usize, to: usize) {
    let these = format!("right(p.id::text, 12)::int between {from} and {to} - 1");
    profile
        .batch_execute(&format!(
            "insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
            select now(), 'ProfileDeleted', p.organisation_id, p.id::text, 9, 'gone-' || p.id from profile.profiles p where {these};
            delete from profile.profiles p where {these}"
        ))
        .unwrap();
}

#[test]
fn a_copy_built_from_a_compacted_topic_is_the_view() {
    let Some(ground) = Ground::find(&["profile", "registry"]) else { return };
    let mut profile = ground.connect("profile");
    let mut registry = ground.connect("registry");
    let relay = ground.relay("profile");
    people(&mut profile, 0, 200);
    let told = "select from profile.changes c where not exists (select from published.log_cursor l where (c.xid, c.id) <= (l.xid, l.id))";
    let all_told = |client: &mut postgres::Client| {
        eventually("all is told", || client.query(told, &[]).unwrap().is_empty().then_some(()))
    };
    for version in 2..6 {
        rename(&mut profile, version, "true");
        all_told(&mut profile);
    }
    leave(&mut profile, 0, 50);
    all_told(&mut profile);
    let (before, gone) = records(&ground, "persons");
    assert!(before.len() >= 400 && gone == 50, "{} {gone}", before.len());

    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &ground.log.kafka_brokers).create().unwrap();
    let topic = format!("{}persons", ground.log.topic_prefix);
    let set = |more: &[(&str, &str)]| {
        let resource = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("cleanup.policy", "compact");
        let resource = more.iter().fold(resource, |resource, (name, value)| resource.set(name, value));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(admin.alter_configs(&[resource], &AdminOptions::new())).unwrap();
    };
    // At once, for the first compaction says when a mark goes; later it doesn't look again.
    set(&[("segment.ms", "500"), ("min.cleanable.dirty.ratio", "0.001"), ("delete.retention.ms", "100")]);
    let mut next = 1_000;
    // The newest segment isn't compacted: somebody new makes the next one begin.
    let mut compacted = |profile: &mut postgres::Client, what: &str, is_it: &dyn Fn(&[String], usize) -> bool| {
        eventually(what, || {
            people(profile, next, next + 1);
            next += 1;
            thread::sleep(Duration::from_millis(700));
            let (keys, gone) = records(&ground, "persons");
            is_it(&keys, gone).then_some((keys.len(), gone))
        })
    };
    let once = |keys: &[String], _: usize| keys.iter().collect::<HashSet<_>>().len() == keys.len();
    let (left, gone) = compacted(&mut profile, "a record for each key", &once);
    println!("{} records, {left} after compaction, {gone} of them of what is gone", before.len());
    let ingester = ground.ingester("registry");
    equal_of(&ground, &["profile"], &["registry"]);
    drop(ingester);
    // A consumer that was away for so long that nothing says any more who is gone.
    leave(&mut profile, 50, 70);
    all_told(&mut profile);
    compacted(&mut profile, "who is gone is forgotten", &|_, gone| gone == 0);
    let late = ground.ingester("registry");
    people(&mut profile, 5_000, 5_001);
    let there = "select count(*) from published.persons where right(id::text, 12) in ('000000005000', '000000000060')";
    eventually("it has read all", || (count(&mut registry, there) == 2).then_some(()));
    let (code, said) = run(&ground, &["replay", "--from", "0", "--noun", "persons"], &[], &["registry"]);
    assert!(code == 0 && said.contains(" 20 rows removed"), "{code}: {said}");
    equal_of(&ground, &["profile"], &["registry"]);
    drop(late);
    // A new one that begins now.
    registry.batch_execute("truncate published.persons, published.log_rows, published.log_offsets").unwrap();
    let _new = ground.ingester("registry");
    equal_of(&ground, &["profile"], &["registry"]);
    drop(relay);
}
