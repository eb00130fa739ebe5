//! A relay that takes over: what was lost, and what changed without a change in the feed.

use behaviour::assert::eventually;
use postgres::Client;

use crate::ground::Ground;
use crate::people::{ORGANISATION, count, texts};

fn person(client: &mut Client, id: u8, name: &str) {
    let text = format!(
        "insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
        values ('{ORGANISATION}', '00000000-0000-7000-8000-0000000000{id:02}', '{name}', '', '{name}@people.example', 'Europe/Zurich', 1, now(), now())"
    );
    client.batch_execute(&text).unwrap();
}

fn names(client: &mut Client) -> Vec<String> {
    texts(client, "select p.name from published.persons p order by p.name")
}

#[test]
fn who_takes_over_tells_what_differs() {
    let Some(ground) = Ground::find(&["profile", "registry"]) else { return };
    let (mut profile, mut registry) = (ground.connect("profile"), ground.connect("registry"));
    let _ingester = ground.ingester("registry");
    person(&mut profile, 1, "Ada");
    person(&mut profile, 2, "Bea");
    let relay = ground.relay("profile");
    eventually("both are told", || (names(&mut registry) == ["Ada", "Bea"]).then_some(()));
    drop(relay);
    profile.batch_execute("delete from profile.profiles where name = 'Ada'").unwrap();
    person(&mut profile, 3, "Cem");
    let _relay = ground.relay("profile");
    eventually("one is gone, one is new", || (names(&mut registry) == ["Bea", "Cem"]).then_some(()));
    let epoch = count(&mut profile, "select epoch from published.log_cursor");
    assert!(epoch >= 2, "{epoch}");
}

#[test]
fn a_second_relay_fences_the_first_off_and_a_second_ingester_writes_nothing_twice() {
    let Some(ground) = Ground::find(&["profile", "notification"]) else { return };
    let (mut profile, mut copy) = (ground.connect("profile"), ground.connect("notification"));
    let _parts = [
        ground.relay("profile"),
        ground.relay("profile"),
        ground.ingester("notification"),
        ground.ingester("notification"),
    ];
    for number in 0..60 {
        let text = format!(
            "insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
            values (now(), 'ProfileModified', '{ORGANISATION}', '00000000-0000-7000-8000-000000000009', {number}, 'test-{number}')"
        );
        profile.batch_execute(&text).unwrap();
        let told = number + 1;
        eventually("each change is told", || {
            (count(&mut copy, "select count(*) from published.profile_changes") >= told).then_some(())
        });
    }
    let text = "select count(*), count(distinct request_id), count(distinct id) from published.profile_changes";
    let row = copy.query_one(text, &[]).unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [60, 60, 60]);
    let disorder = "select count(*) from (select version, lag(version) over (order by xid, id) as before from published.profile_changes) c
        where before >= version";
    assert_eq!(count(&mut copy, disorder), 0);
}
