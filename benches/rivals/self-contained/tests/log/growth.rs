//! Topics grow while everything is at work: no copy takes an older row, no change comes before an earlier one, and nothing comes back after compaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use behaviour::assert::eventually;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;

use crate::commands::run;
use crate::copies::equal_of;
use crate::ground::Ground;
use crate::verify::people_of;

/// Those partitions where a key's last record is a row, by key.
fn standing(ground: &Ground, noun: &str) -> HashMap<String, Vec<i32>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &ground.log.kafka_brokers)
        .set("group.id", "standing")
        .set("enable.partition.eof", "true");
    config.set("isolation.level", "read_committed").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    let topic = format!("{}{noun}", ground.log.topic_prefix);
    let metadata = consumer.fetch_metadata(Some(&topic), Duration::from_secs(10)).unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    let count = metadata.topics()[0].partitions().len();
    for part in 0..count {
        list.add_partition_offset(&topic, i32::try_from(part).unwrap(), rdkafka::Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut rows, mut ended) = (HashMap::<_, bool>::new(), 0);
    while ended < count {
        match consumer.poll(Duration::from_secs(10)).unwrap() {
            Ok(message) => {
                let key = String::from_utf8_lossy(message.key().unwrap()).into_owned();
                rows.insert((key, message.partition()), message.payload().is_some());
            }
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let mut found = HashMap::<_, Vec<_>>::new();
    for ((key, part), _) in rows.into_iter().filter(|(_, there)| *there) {
        found.entry(key).or_default().push(part);
    }
    found
}

#[test]
fn topics_grow_from_4_partitions_to_12_under_load() {
    let services = ["profile", "registry", "notification"];
    let Some(ground) = Ground::find(&services) else { return };
    let mut profile = ground.connect("profile", "superuser");
    let grow = |partitions: &str| run(&ground, &["grow", "--partitions", partitions], &[], &["registry"]);
    assert_eq!(grow("4").0, 0);
    let _relay = ground.relay("profile");
    let ingesters = [ground.ingester("registry"), ground.ingester("notification")];
    // Of ten organisations, each of which is a key of the feed.
    for one in 0..10 {
        people_of(&mut profile, &format!("00000000-0000-7000-8000-00000000010{one}"), one * 20, one * 20 + 20);
    }
    equal_of(&ground, &["profile"], &services[1..]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut profile = ground.connect("profile", "superuser");
            let mut version = 1;
            while !over.load(Ordering::SeqCst) {
                version += 1;
                profile
                    .batch_execute(&format!(
                        "update profile.profiles set name = 'V{version}-' || right(id::text, 12), version = {version} where right(id::text, 12)::int % 10 = {0};
                        insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
                        select now(), 'ProfileModified', p.organisation_id, p.id::text, {version}, 'test-' || p.id || '-{version}' from profile.profiles p
                        where right(p.id::text, 12)::int % 10 = {0}",
                        version % 10
                    ))
                    .unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(grow("12").0, 0);
        assert_eq!(grow("12").0, 0, "again: nothing to do");
        over.store(true, Ordering::SeqCst);
    });
    equal_of(&ground, &["profile"], &services[1..]);
    let mut copy = ground.connect("notification", "superuser");
    let disorder = "select count(*) from (
            select c.version, lag(c.version) over (partition by c.entity_id order by c.xid, c.id) as before from published.profile_changes c
        ) c where c.before >= c.version";
    assert_eq!(copy.query_one(disorder, &[]).unwrap().get::<_, i64>(0), 0);
    // Each row stands in one partition: compaction leaves nothing that would come back.
    eventually("each row stands once", || {
        standing(&ground, "persons").values().all(|parts| parts.len() == 1).then_some(())
    });
    let parts: std::collections::HashSet<_> = standing(&ground, "persons").into_values().flatten().collect();
    assert!(parts.len() > 4, "{parts:?}");
    drop(ingesters);
    let mut registry = ground.connect("registry", "superuser");
    registry.batch_execute("truncate published.persons, published.log_rows, published.log_offsets").unwrap();
    let _new = ground.ingester("registry");
    equal_of(&ground, &["profile"], &["registry"]);
    let (code, said) = grow("5");
    assert!(code == 2 && said.contains("has 12 partitions"), "{code}: {said}");
}
