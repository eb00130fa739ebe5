//! A topic or a copy that isn't its owner's view is found, by noun and key, and repaired.

use std::fs;
use std::path::Path;

use behaviour::assert::eventually;
use postgres::Client;

use crate::commands::run;
use crate::copies::equal_of;
use crate::ground::Ground;

const ORGANISATION: &str = "00000000-0000-7000-8000-000000000001";

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// People with a change each, as Profile would write them.
pub fn people(client: &mut Client, from: usize, to: usize) {
    people_of(client, ORGANISATION, from, to);
}

/// The same, of an organisation.
pub fn people_of(client: &mut Client, organisation: &str, from: usize, to: usize) {
    client
        .batch_execute(&format!(
            "insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
            select '{organisation}', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'P' || n, '', 'p' || n || '@people.example',
                'Europe/Zurich', 1, now(), now() from generate_series({from}, {to} - 1) n;
            insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
            select now(), 'ProfileCreated', '{organisation}', '00000000-0000-7000-8000-' || lpad(n::text, 12, '0'), 1, 'test-' || n
            from generate_series({from}, {to} - 1) n"
        ))
        .unwrap();
}

fn count(client: &mut Client, text: &str) -> i64 {
    client.query_one(text, &[]).unwrap().get(0)
}

#[test]
fn what_differs_is_named_and_repaired() {
    let Some(ground) = Ground::find(&["profile", "registry"]) else { return };
    let (mut profile, mut registry) = (ground.connect("profile", "superuser"), ground.connect("registry", "superuser"));
    let _parts = [ground.relay("profile"), ground.ingester("registry")];
    people(&mut profile, 1, 50);
    eventually("all are there", || {
        (count(&mut registry, "select count(*) from published.persons") == 49).then_some(())
    });
    let verify = |line: &[&str]| run(&ground, line, &["profile"], &["registry"]);
    let (code, said) = verify(&["verify"]);
    assert_eq!((code, said.as_str()), (0, "Every topic and copy is its owner's view.\n"));
    registry
        .batch_execute(&format!(
            "update published.persons set name = 'Somebody' where id = '{}';
            delete from published.persons where id = '{}';
            insert into published.persons values ('{ORGANISATION}', '{}', 'Nobody', '')",
            id(7),
            id(8),
            id(99)
        ))
        .unwrap();
    let findings = [(7, "differs"), (8, "is missing"), (99, "is unexpected")]
        .map(|(number, what)| format!("persons [\"{ORGANISATION}\", \"{}\"] {what} at registry\n", id(number)));
    let (code, said) = verify(&["verify"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with(&findings.concat()), "{said}");
    let (code, said) = verify(&["verify", "--repair"]);
    assert!(code == 0 && said.ends_with("3 differences, all repaired.\n"), "{code}: {said}");
    equal_of(&ground, &["profile"], &["registry"]);
}

#[test]
fn the_end_of_a_topic_that_was_lost_behind_the_cursor_is_found_and_told_once() {
    let services = ["profile", "registry", "notification"];
    let Some(ground) = Ground::with_node(&services) else { return };
    let mut profile = ground.connect("profile", "superuser");
    let mut notification = ground.connect("notification", "superuser");
    let _parts = [ground.relay("profile"), ground.ingester("registry")];
    let late = ground.ingester("notification");
    people(&mut profile, 0, 500);
    const CHANGES: &str = "select count(*) from published.profile_changes";
    eventually("the first are read", || (count(&mut notification, CHANGES) == 500).then_some(()));
    drop(late);
    for from in (500..2_000).step_by(100) {
        people(&mut profile, from, from + 100);
    }
    // The relay's cursor is behind them, and one of the two consumers has read them.
    let mut registry = ground.connect("registry", "superuser");
    eventually("all are on the log", || {
        let told = "select count(*) from profile.changes c
            where not exists (select from published.log_cursor l where (c.xid, c.id) <= (l.xid, l.id))";
        let read = count(&mut registry, "select count(*) from published.persons") == 2_000;
        (count(&mut profile, told) == 0 && read).then_some(())
    });
    let node = ground.node.as_ref().unwrap();
    node.kill();
    for noun in ["persons", "profile_changes"] {
        let lost = cut(&node.partition(&format!("{}{noun}", ground.log.topic_prefix), 0), 1_000);
        println!("{lost} records of {noun} are lost");
    }
    node.start_again();
    node.ready();
    let _late = ground.ingester("notification");
    let verify = |line: &[&str]| run(&ground, line, &["profile"], &services[1..]);
    let (code, said) = verify(&["verify"]);
    let found = |what: &str| said.lines().filter(|line| line.ends_with(what)).count();
    assert_eq!(code, 1);
    assert!(
        said.lines()
            .filter(|line| line.starts_with("profile_changes") && line.ends_with("is missing at notification"))
            .count()
            >= 1_000
    );
    assert!(found("is missing on the log") >= 2_000 && found("differs") == 0, "{}", found("is missing on the log"));
    let (code, _) = verify(&["verify", "--repair"]);
    assert_eq!(code, 0);
    equal_of(&ground, &["profile"], &services[1..]);
    let row = notification
        .query_one("select count(*), count(distinct request_id) from published.profile_changes", &[])
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2_000, 2_000), "each once");
}

/// Cuts at least so many records off the end of a partition, as a loss of power may; how many.
fn cut(partition: &Path, least: usize) -> usize {
    let segment = partition.join(format!("{:020}.log", 0));
    let data = fs::read(&segment).unwrap();
    let number =
        |at: usize, bytes: usize| data[at..at + bytes].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
    let (mut at, mut batches) = (0, Vec::new());
    while at + 61 <= data.len() {
        // A mark of the end of a transaction is no record.
        let is_mark = number(at + 21, 2) & 0x20 != 0;
        batches.push((at, if is_mark { 0 } else { number(at + 57, 4) }));
        at += 12 + number(at + 8, 4);
    }
    let mut lost = 0;
    while lost < least {
        let (from, records) = batches.pop().unwrap();
        (at, lost) = (from, lost + records);
    }
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(at as u64).unwrap();
    for file in fs::read_dir(partition).unwrap().flatten() {
        if file
            .path()
            .extension()
            .is_some_and(|kind| ["index", "timeindex", "txnindex", "snapshot"].iter().any(|one| kind == *one))
        {
            fs::remove_file(file.path()).unwrap();
        }
    }
    lost
}
