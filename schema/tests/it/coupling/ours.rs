//! `dba coupling` on ours, and on much.

use std::collections::{BTreeMap, BTreeSet};

use schema::coupling::report::List;
use schema::coupling::{JsonKeys, Options, look};
use schema::testing::TestDb;

use crate::support::connect;

/// Reader or writer of a service, and the views of others that grants.txt gives it.
fn granted() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for line in include_str!("../grants.txt").lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [role, "table", view, "SELECT"] = words[..]
            && let Some(service) = role.strip_suffix("_reader").or(role.strip_suffix("_writer"))
            && view.starts_with("published.")
        {
            found.insert((service.to_owned(), view.to_owned()));
        }
    }
    found
}

#[test]
fn who_may_read_what_is_what_grants_txt_says() {
    let db = TestDb::new();
    let report = look(&mut connect(&db.url("superuser")), &Options::default()).unwrap();
    let names: Vec<_> = report.services.iter().map(|one| one.name.as_str()).collect();
    let mut ours = schema::SERVICES.to_vec();
    ours.sort_unstable();
    assert_eq!(names, ours, "administrators and monitors are no services");
    let views = report.columns.iter().map(|column| {
        let view = column.column.rsplit_once('.').unwrap().0;
        (column.from.clone(), view.to_owned())
    });
    let seen: BTreeSet<_> = views.collect();
    let owner: BTreeMap<_, _> =
        report.columns.iter().map(|one| (one.column.rsplit_once('.').unwrap().0, one.to.as_str())).collect();
    // What a service publishes it may read itself.
    let others: BTreeSet<_> =
        granted().into_iter().filter(|(service, view)| owner.get(view.as_str()) != Some(&service.as_str())).collect();
    assert_eq!(seen, others);
    assert!(report.write_rights.is_empty(), "{:?}", report.write_rights);
    assert!(report.services.iter().all(|one| one.write_edges == 0));
    assert!(report.keys.iter().all(|key| key.indexed && key.on_delete == "no action"));
    let (persons, all) = ("published.persons.", &report.lineage);
    let persons = all.iter().find(|one| persons.starts_with(&one.view)).unwrap();
    assert_eq!((persons.depth, &persons.behind), (1, &vec!["profile.profiles.deleted_at".to_owned()]));
}

#[test]
fn a_column_that_nobody_reads_is_what_a_view_can_shrink_by() {
    let db = TestDb::new();
    let mut client = connect(&db.url("superuser"));
    client
        .batch_execute("create or replace view published.head_counts as select h.organisation_id, h.users, 1 as spare from profile.head_counts h")
        .unwrap();
    let file = tempfile::tempdir().unwrap();
    let sql = "select users from published.head_counts where organisation_id = $1";
    std::fs::write(file.path().join("billing_writer.sql"), sql).unwrap();
    let options = Options {
        declared: schema::coupling::statements::from_files(file.path(), &["billing_writer".to_owned()]).unwrap(),
        ..Options::default()
    };
    let report = look(&mut client, &options).unwrap();
    let of = |column: &str| {
        let all = report.columns.iter().filter(|one| one.from == "billing");
        all.filter(|one| one.column == format!("published.head_counts.{column}"))
            .map(|one| one.list)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("users"), [List::Used]);
    assert_eq!(of("spare"), [List::NeverUsed]);
    let profile = report.services.iter().find(|one| one.name == "profile").unwrap();
    assert!(profile.unused.contains(&"published.head_counts.spare".to_owned()), "{profile:?}");
}

/// The feeds' keys are those of the contract, and stand in columns that are there.
#[test]
fn keys_of_the_feeds_are_those_of_the_contract() {
    let keys = JsonKeys::parse(include_str!("../../../../docs/contract/json-keys.toml")).unwrap();
    let contract = include_str!("../../../../docs/contract/changes.yaml");
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut service, mut kinds) = (String::new(), false);
    for line in contract.lines() {
        let bare = line.trim_start();
        match line.len() - bare.len() {
            0 => service = line.trim_end_matches(':').to_owned(),
            2 => kinds = bare == "kinds:",
            _ => {}
        }
        let list = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        if let Some((list, _)) = list.filter(|_| kinds) {
            let names = list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            for side in ["before", "after"] {
                let column = format!("published.{service}_changes.{side}");
                wanted.entry(column).or_default().extend(names.clone());
            }
        }
    }
    let declared: BTreeMap<String, BTreeSet<String>> =
        keys.columns().iter().map(|(column, keys)| (column.clone(), keys.iter().cloned().collect())).collect();
    assert!(wanted.len() == 8 && wanted.values().all(|keys| keys.len() > 5), "{wanted:#?}");
    assert_eq!(declared, wanted);
    let db = TestDb::new();
    let options = Options { json: keys, ..Options::default() };
    let report = look(&mut connect(&db.url("superuser")), &options).unwrap();
    for (column, keys) in &declared {
        for key in keys {
            let name = format!("{column}.{key}");
            assert!(report.columns.iter().any(|one| one.column == name && one.from == "notification"), "{name}");
        }
    }
}

/// `cargo test --release -p schema --test it -- --ignored --nocapture much`: prints how long it takes.
#[test]
#[ignore = "measures"]
fn how_long_much_takes() {
    let db = TestDb::bootstrapped();
    let mut client = connect(&db.url("superuser"));
    client
        .batch_execute(
            "do $$ declare i int; v int; begin
                for i in 1..10 loop
                    execute format('create schema team_%s; grant usage on schema team_%s to public', i, i);
                end loop;
                for i in 1..1000 loop
                    execute format('create table team_%s.t%s (id int primary key, a text, b int, c timestamptz, d jsonb, e uuid, f bool, g numeric, h text, parent int)', 1 + i % 10, i);
                    if i > 10 then
                        execute format('alter table team_%s.t%s add foreign key (parent) references team_%s.t%s', 1 + i % 10, i, 1 + (i - 3) % 10, i - 3);
                    end if;
                end loop;
                for i in 1..300 loop
                    v := 3 * i;
                    execute format('create view team_%s.v%s as select x.id, x.a, x.b + y.b as sum, y.c from team_%s.t%s x join team_%s.t%s y on y.id = x.parent where x.f',
                        1 + v % 10, i, 1 + v % 10, v, 1 + (v + 1) % 10, v + 1);
                    execute format('grant select on team_%s.v%s to public', 1 + v % 10, i);
                end loop;
            end $$",
        )
        .unwrap();
    let file = tempfile::tempdir().unwrap();
    let sql: String = (1..=300)
        .map(|i| {
            format!(
                "select v.a, t.b from team_{}.v{i} v join team_{}.t{i} t on t.id = v.id where v.sum > $1;\n",
                1 + (3 * i) % 10,
                1 + i % 10
            )
        })
        .collect();
    std::fs::write(file.path().join("billing_reader.sql"), sql).unwrap();
    let started = std::time::Instant::now();
    let options = Options {
        declared: schema::coupling::statements::from_files(file.path(), &["billing_reader".to_owned()]).unwrap(),
        ..Options::default()
    };
    let report = look(&mut client, &options).unwrap();
    println!(
        "1,000 tables, 300 views, 300 statements: {:.2} s; {} columns between {} services, {} keys, {} % resolved",
        started.elapsed().as_secs_f64(),
        report.columns.len(),
        report.services.len(),
        report.keys.len(),
        report.coverage.percent().unwrap_or_default()
    );
    assert_eq!(report.lineage.len(), 300);
}
