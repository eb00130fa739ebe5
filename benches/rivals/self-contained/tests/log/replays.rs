//! The log read again: into a copy that has lost something, into a new column, into a new database.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use behaviour::assert::eventually;
use behaviour::json;
use postgres::Client;
use schema::cluster::binaries::Binaries;

use crate::commands::run;
use crate::ground::Ground;
use crate::kills::number;
use crate::people::{ORGANISATION, count, id, people, rename, texts};
use crate::records::Writer;

/// Of the copy; `ROWS` in the environment says otherwise.
const ROWS: usize = 20_000;

fn person(number: usize, name: &str) -> serde_json::Value {
    json!({"organisation_id": ORGANISATION, "id": id(number), "name": name, "job_title": ""})
}

fn tell(writer: &Writer<'_>, number: usize, name: &str, position: &str) {
    let key = format!("[\"{ORGANISATION}\", \"{}\"]", id(number));
    writer.add("persons", &key, Some(&person(number, name).to_string()), &[("position", position)]);
}

/// A writer that has told all of them, and the copy, which has read nothing.
fn told(ground: &Ground, rows: usize) -> (Writer<'_>, Client) {
    let writer = Writer::new(ground);
    for n in 0..rows {
        tell(&writer, n, &format!("P{n}"), &format!("1.{}", n + 1));
    }
    writer.flush();
    (writer, ground.connect("registry"))
}

const ALL: &str = "select count(*) from published.persons";

/// The rows once more by psql: the same JSON, one set-based upsert.
fn by_psql(ground: &Ground, rows: usize) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows");
    let text: String = (0..rows).map(|n| person(n, &format!("P{n}")).to_string() + "\n").collect();
    fs::write(&file, text).unwrap();
    let script = format!(
        "create temp table staging (row jsonb);
\\copy staging from '{}'
insert into published.persons as x select r.* from staging s, jsonb_populate_record(null::published.persons, s.row) r
on conflict (organisation_id, id) do update set name = excluded.name, job_title = excluded.job_title;",
        file.display()
    );
    let psql = Binaries::find(None).unwrap().folder.join("psql");
    let began = Instant::now();
    let mut command = Command::new(psql);
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &ground.url("registry", "superuser"), "-c", ""]);
    let file = folder.path().join("script");
    fs::write(&file, script).unwrap();
    let done = command.arg("-f").arg(file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    began.elapsed()
}

#[test]
fn a_replay_mends_a_copy_under_load_and_never_puts_an_older_row_over_a_newer() {
    let Some(ground) = Ground::find(&["registry"]) else { return };
    let rows = number("ROWS", ROWS);
    let (writer, mut copy) = told(&ground, rows);
    let _ingester = ground.ingester("registry");
    eventually("all are there", || (count(&mut copy, ALL) == rows).then_some(()));
    let replay = |line: &[&str]| {
        let began = Instant::now();
        let (code, said) = run(&ground, line, &[], &["registry"]);
        assert!(code == 0 && said.contains("persons: "), "{code}: {said}");
        (began.elapsed(), said)
    };
    // Somebody wrote into it; and a row whose end was told long ago.
    copy.batch_execute(&format!(
        "update published.persons set name = 'Somebody' where id < '{}';
        delete from published.persons where id >= '{}';
        insert into published.persons values ('{ORGANISATION}', '{}', 'Nobody', '')",
        id(rows / 4),
        id(rows / 2),
        id(rows + 7),
    ))
    .unwrap();
    let over = AtomicBool::new(false);
    let (renamed, slowest) = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut renamed = 0;
            while !over.load(Ordering::SeqCst) && renamed < rows {
                tell(&writer, renamed, &format!("Renamed {renamed}"), &format!("2.{}", renamed + 1));
                renamed += 1;
                if renamed.is_multiple_of(20) {
                    writer.flush();
                    thread::sleep(Duration::from_millis(10));
                }
            }
            writer.flush();
            renamed
        });
        let reads = scope.spawn(|| {
            let mut reader = ground.connect_as("registry", "registry_reader");
            let (mut slowest, mut asked) = (Duration::ZERO, 0);
            while !over.load(Ordering::SeqCst) {
                let began = Instant::now();
                let text = format!("select count(*) from published.persons p where p.id = '{}'", id(asked % rows));
                reader.query_one(&text, &[]).unwrap();
                slowest = slowest.max(began.elapsed());
                asked += 1;
            }
            slowest
        });
        let (took, said) = replay(&["replay", "--from", "0", "--noun", "persons"]);
        over.store(true, Ordering::SeqCst);
        assert!(said.contains(" 1 rows removed"), "{said}");
        println!("under load: {:.0} rows a second", rows as f64 / took.as_secs_f64());
        (load.join().unwrap(), reads.join().unwrap())
    });
    let wrong = format!(
        "select count(*) from published.persons p
        where p.name <> case when right(p.id::text, 12)::int < {renamed} then 'Renamed ' else 'P' end || right(p.id::text, 12)::int"
    );
    eventually("all names are the newest", || (count(&mut copy, &wrong) == 0).then_some(()));
    assert_eq!(count(&mut copy, ALL), rows);
    println!("{renamed} renamed meanwhile, the slowest read took {slowest:?}");
    eventually("nothing was written in the last second", || {
        let (_, said) = replay(&["replay", "--from", "-1s", "--noun", "persons"]);
        said.contains("persons: 0 records").then_some(())
    });
}

#[test]
fn a_rebuild_beside_an_upsert_by_psql() {
    let Some(ground) = Ground::find(&["registry"]) else { return };
    let rows = number("ROWS", ROWS);
    let (_, mut copy) = told(&ground, rows);
    for empty in [true, false, true, false] {
        let mut took = Vec::new();
        for psql in [false, true] {
            if empty {
                copy.batch_execute("truncate published.persons, published.log_rows").unwrap();
            } else {
                copy.batch_execute("update published.persons set name = 'Somebody'").unwrap();
            }
            // Each for itself: neither runs in a transaction.
            for text in ["vacuum analyze published.persons", "vacuum analyze published.log_rows", "checkpoint"] {
                copy.batch_execute(text).unwrap();
            }
            if psql {
                took.push(by_psql(&ground, rows));
            } else {
                let (code, said) = run(&ground, &["replay", "--noun", "persons"], &[], &["registry"]);
                let seconds = said.split(" records in ").nth(1).and_then(|rest| rest.split(' ').next());
                assert_eq!(code, 0);
                took.push(Duration::from_secs_f64(seconds.unwrap().parse().unwrap()));
            }
            assert_eq!(count(&mut copy, "select count(*) from published.persons where name like 'P%'"), rows);
        }
        let ratio = took[1].as_secs_f64() / took[0].as_secs_f64();
        println!(
            "{rows} rows, {}: replay {:.0} a second, psql {:.0} a second: {ratio:.2} ×",
            if empty { "empty copy" } else { "each row differs" },
            rows as f64 / took[0].as_secs_f64(),
            rows as f64 / took[1].as_secs_f64()
        );
    }
}

#[test]
fn a_backfill_fills_a_new_column_while_the_old_ingester_goes_on() {
    let Some(ground) = Ground::find(&["profile", "registry"]) else { return };
    let (mut profile, mut copy) = (ground.connect("profile"), ground.connect("registry"));
    let relay = ground.relay("profile");
    let old = ground.ingester("registry");
    people(&mut profile, 0, 300);
    eventually("all are there", || (count(&mut copy, ALL) == 300).then_some(()));
    // The owner shows it, and its relay tells each row anew.
    profile
        .batch_execute(
            "grant select (email) on profile.profiles to profile_publisher;
            create or replace view published.persons with (security_barrier) as
            select p.organisation_id, p.id, p.name, p.job_title, p.email from profile.profiles p where p.deleted_at is null",
        )
        .unwrap();
    drop(relay);
    let _relay = ground.relay("profile");
    copy.batch_execute("alter table published.persons add column email text").unwrap();
    let told = "select count(*) from published.log_rows where noun = 'persons' and epoch > 1";
    eventually("the old one has read them", || (count(&mut copy, told) == 300).then_some(()));
    let filled = "select count(*) from published.persons where email is not null";
    assert_eq!(count(&mut copy, filled), 0, "the old one doesn't know it");
    let backfill = |line: &[&str]| assert_eq!(run(&ground, line, &[], &["registry"]).0, 0);
    backfill(&["backfill", "--noun", "persons", "--column", "email"]);
    assert_eq!(count(&mut copy, filled), 300);
    // The old one goes on: it leaves the column as it is.
    people(&mut profile, 300, 310);
    profile.batch_execute("update profile.profiles set email = 'new-' || email where name in ('P5', 'P6')").unwrap();
    rename(&mut profile, 2, "p.n in (5, 6)");
    eventually("it goes on", || (count(&mut copy, ALL) == 310).then_some(()));
    drop(old);
    let _new = ground.ingester("registry");
    people(&mut profile, 310, 320);
    eventually("the new one is at work", || (count(&mut copy, ALL) == 320).then_some(()));
    backfill(&["backfill", "--from", "-1h", "--noun", "persons", "--column", "email"]);
    let own = texts(&mut profile, "select p.id || ' ' || p.email from profile.profiles p order by 1");
    assert_eq!(texts(&mut copy, "select p.id || ' ' || p.email from published.persons p order by 1"), own);
}
