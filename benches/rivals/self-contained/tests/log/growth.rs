//! Topics grow while everything is at work: no copy takes an older row, no change comes before an earlier one, and nothing comes back after compaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use behaviour::assert::eventually;

use crate::commands::run;
use crate::copies::equal_of;
use crate::ground::Ground;
use crate::people::{count, people_of, rename};

/// Those partitions where a key's last record is a row, by key.
fn standing(ground: &Ground, noun: &str) -> HashMap<String, Vec<i32>> {
    let records = ground.records(noun).into_iter();
    let rows: HashMap<_, _> = records.map(|(part, key, there)| ((key, part), there)).collect();
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
    let mut profile = ground.connect("profile");
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
            let mut profile = ground.connect("profile");
            let mut version = 1;
            while !over.load(Ordering::SeqCst) {
                version += 1;
                rename(&mut profile, version, &format!("p.n % 10 = {}", version % 10));
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(grow("12").0, 0);
        assert_eq!(grow("12").0, 0, "again: nothing to do");
        over.store(true, Ordering::SeqCst);
    });
    equal_of(&ground, &["profile"], &services[1..]);
    let mut copy = ground.connect("notification");
    let disorder = "select count(*) from (
            select c.version, lag(c.version) over (partition by c.entity_id order by c.xid, c.id) as before from published.profile_changes c
        ) c where c.before >= c.version";
    assert_eq!(count(&mut copy, disorder), 0);
    // Each row stands in one partition: compaction leaves nothing that would come back.
    eventually("each row stands once", || {
        standing(&ground, "persons").values().all(|parts| parts.len() == 1).then_some(())
    });
    let parts: std::collections::HashSet<_> = standing(&ground, "persons").into_values().flatten().collect();
    assert!(parts.len() > 4, "{parts:?}");
    drop(ingesters);
    let mut registry = ground.connect("registry");
    registry.batch_execute("truncate published.persons, published.log_rows, published.log_offsets").unwrap();
    let _new = ground.ingester("registry");
    equal_of(&ground, &["profile"], &["registry"]);
    let (code, said) = grow("5");
    assert!(code == 2 && said.contains("has 12 partitions"), "{code}: {said}");
}
