//! `--sample`: some rows of each table with all that they refer to, of one state of the database, and no verdict that other rows could decide.

use schema::copy::Copy;
use schema::impact::{Change, Impact, Options, Reason, Statement, Verdict, analyse};
use schema::testing::{TestCluster, dump_program};

use crate::support::{connect, dba, said, texts};

/// Keys in circles: a table to itself, two to one another, one of two columns, one to a partitioned table; 1,000 rows each.
const MADE: &str = r#"
create role farm_team; create role farm_app login; create schema farm authorization farm_team; grant usage on schema farm to farm_app; set role farm_team;
create table farm.animals (id int primary key, mother int, herd int, name text, size int generated always as (id % 7) stored);
create table farm.herds (id int primary key, leader int);
create table farm.fields (land text, number int, part int, note text, primary key (land, number));
create table farm."Days off" (id int primary key, land text, number int, visit int);
create table farm.visits (id int primary key, why text) partition by range (id);
create table farm.visits_low partition of farm.visits for values from (0) to (500); create table farm.visits_high partition of farm.visits default;
create table farm.few (id int primary key, name text); insert into farm.few values (1, 'one'), (2, 'two');
insert into farm.animals select n, 1001 - n, 1 + n % 500, 'animal ' || n from generate_series(1, 1000) n;
insert into farm.herds select n, 1 + (n * 7) % 1000 from generate_series(1, 1000) n;
insert into farm.fields select 'o''Land ' || n % 10, n, n, repeat('x', 20) from generate_series(1, 1000) n;
insert into farm.visits select n, 'why' from generate_series(1, 1000) n;
insert into farm."Days off" select n, 'o''Land ' || (1001 - n) % 10, 1001 - n, 1 + (n * 13) % 1000 from generate_series(1, 1000) n;
alter table farm.animals add foreign key (mother) references farm.animals, add foreign key (herd) references farm.herds;
alter table farm.herds add foreign key (leader) references farm.animals;
alter table farm."Days off" add foreign key (land, number) references farm.fields, add foreign key (visit) references farm.visits;
create table farm.plots (id int primary key, name text); insert into farm.plots select n, 'plot ' || n from generate_series(1, 1000) n; create view farm.shown as select id, name from farm.plots; create materialized view farm.counted as select herd, count(*) as n from farm.animals group by 1;
create view farm.shown_few as select id, name from farm.few; create sequence farm.numbers; select nextval('farm.numbers'), nextval('farm.numbers');
grant select, insert, update on all tables in schema farm to farm_app; reset role; analyze"#;

fn made() -> (TestCluster, String) {
    let cluster = TestCluster::bare();
    let mut postgres = connect(&cluster.url("postgres", "superuser"));
    postgres.batch_execute("create database farm").unwrap();
    let url = cluster.url("farm", "superuser");
    connect(&url).batch_execute(MADE).unwrap();
    (cluster, url)
}

fn number(client: &mut postgres::Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).unwrap().get(0)
}

/// Keys are made after the rows were copied, and checked by Postgres then. Nothing may be written meanwhile, or it would be refused.
#[test]
fn whoever_is_referred_to_is_there() {
    if dump_program().is_none() {
        return;
    }
    let (_cluster, url) = made();
    connect(&url).batch_execute("alter database farm set default_transaction_read_only = on").unwrap();
    let copy = Copy::of_sample(&url, &url, "sample", 20).unwrap();
    let mut client = connect(copy.url());
    assert_eq!(
        number(
            &mut client,
            "select count(*) from pg_constraint where contype = 'f' and convalidated and conparentid = 0"
        ),
        5
    );
    let herds = number(&mut client, "select count(*) from farm.herds");
    let animals = number(&mut client, "select count(*) from farm.animals");
    assert!((20..1000).contains(&herds) && (20..1000).contains(&animals), "{herds} herds, {animals} animals");
    assert_eq!(number(&mut client, "select count(*) from farm.\"Days off\""), 20);
    assert_eq!(number(&mut client, "select count(*) from farm.animals where size <> id % 7"), 0);
    assert_eq!(number(&mut client, "select sum(n)::bigint from farm.counted"), animals);
    assert_eq!(number(&mut client, "select nextval('farm.numbers')"), 3);
    let partial: Vec<_> = copy.partial.keys().map(String::as_str).collect();
    let wanted = [
        "farm.\"Days off\"",
        "farm.animals",
        "farm.fields",
        "farm.herds",
        "farm.plots",
        "farm.visits",
        "farm.visits_high",
        "farm.visits_low",
    ];
    assert_eq!(partial, wanted, "farm.few is whole");
    assert!(texts(&mut client, "select name from farm.few order by id") == ["one", "two"]);
}

/// What is read of one table and of another is of one moment: what is committed while the sample is made isn't in it.
#[test]
fn a_sample_is_of_one_moment() {
    if dump_program().is_none() {
        return;
    }
    let (_cluster, url) = made();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A herd and its leader come together: neither is ever there alone.
        scope.spawn(|| {
            let mut client = connect(&url);
            let sql = "with h as (insert into farm.few select max(id) + 1, 'more' from farm.few returning id) insert into farm.herds select 5000 + id from h";
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                client.batch_execute(sql).unwrap();
            }
        });
        let copy = Copy::of_sample(&url, &url, "sample", 1_000_000);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let copy = copy.unwrap();
        let mut client = connect(copy.url());
        let few = number(&mut client, "select count(*) from farm.few where id > 2");
        assert_eq!(number(&mut client, "select count(*) from farm.herds where id > 5000"), few);
        assert!(copy.partial.is_empty());
    });
}

fn ask(url: &str, change: &str, allowed: &[Reason]) -> Impact {
    let sqls = [
        "select id, name from farm.shown where name like '%99%'",
        "select id, name from farm.shown_few where id = 1",
        "select note from farm.fields where number = $1",
    ];
    let statement = |sql: &&str| Statement { role: "farm_app".into(), sql: (*sql).into(), calls: 1, values: None };
    let statements: Vec<_> = sqls.iter().map(statement).collect();
    let options = Options { sample: Some(20), allowed: allowed.iter().copied().collect(), ..Options::default() };
    analyse(url, &Change::new(change), &statements, &options).unwrap()
}

/// Verdicts of statements that aren't SAFE, by a part of their text.
fn of(impact: &Impact, part: &str) -> Verdict {
    let mut all = impact.services.iter().flat_map(|one| &one.statements);
    all.find(|one| one.sql.contains(part)).map_or(Verdict::Safe, |one| one.verdict)
}

#[test]
fn what_other_rows_decide_is_unknown() {
    if dump_program().is_none() {
        return;
    }
    let (_cluster, url) = made();
    // A row that isn't in the sample: with it, other rows are returned.
    let filter = "create or replace view farm.shown as select id, name from farm.plots where id <> 990";
    let view = ask(&url, filter, &[]);
    assert_eq!(of(&view, "'%99%'"), Verdict::Unknown, "{view:#?}");
    assert_eq!((of(&view, "shown_few"), of(&view, "fields")), (Verdict::Safe, Verdict::Safe), "{view:#?}");
    assert_eq!(ask(&url, filter, &[Reason::Sample]).verdict, Verdict::Safe);
    // The whole table is there.
    let few = "create or replace view farm.shown_few as select id, name from farm.few where id <> 990";
    assert_eq!(ask(&url, few, &[]).verdict, Verdict::Safe);
    // With it, Postgres refuses the change, whoever uses the table.
    let check = "alter table farm.plots add constraint few check (id <> 990)";
    let refused = ask(&url, check, &[]);
    assert!(refused.refused.is_none(), "the row is in the sample: {refused:#?}");
    assert_eq!((of(&refused, "'%99%'"), of(&refused, "fields")), (Verdict::Unknown, Verdict::Unknown), "{refused:#?}");
    // Whatever the rows.
    let added = ask(&url, "alter table farm.plots add column more text", &[]);
    assert_eq!(added.verdict, Verdict::Safe, "{added:#?}");
    let dropped = ask(&url, "drop view farm.shown_few", &[]);
    assert_eq!(dropped.verdict, Verdict::Breaks, "{dropped:#?}");
}

#[test]
fn as_it_is_typed() {
    if dump_program().is_none() {
        return;
    }
    let (_cluster, url) = made();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("farm_app.sql"), "select note from farm.fields where number = $1;").unwrap();
    let queries = folder.path().to_str().unwrap();
    let ask = |words: &[&str]| said(&dba(&url, &[&["impact", "--statements", queries], words].concat()));
    let (code, text, error) = ask(&["--sample", "20", "create index on farm.fields (note)"]);
    assert!(
        code == 1 && text.contains("sample: ") && text.contains("of about 1000 rows of farm.fields"),
        "{text}{error}"
    );
    let (code, text, error) =
        ask(&["--sample", "20", "--allow-unknown", "sample", "create index on farm.fields (note)"]);
    assert_eq!(code, 0, "{text}{error}");
    for words in
        [["--sample", "0"], ["--sample", "some"], ["--without-data", "--sample=5"], ["--on=live", "--sample=5"]]
    {
        let (code, _, error) = ask(&[&words[..], &["create index on farm.fields (note)"]].concat());
        assert_eq!(code, 2, "{words:?}: {error}");
    }
}

/// Equal in the key's own sense: `a` refers to `A`.
#[test]
fn keys_compare_by_their_own_operators() {
    if dump_program().is_none() {
        return;
    }
    let (_cluster, url) = made();
    connect(&url)
        .batch_execute(
            "create extension citext; create table farm.codes (code citext primary key); create table farm.coded (id int primary key, code citext references farm.codes);
             insert into farm.codes select 'Code ' || n from generate_series(1, 1000) n; insert into farm.coded select n, 'cODE ' || 1001 - n from generate_series(1, 1000) n",
        )
        .unwrap();
    let copy = Copy::of_sample(&url, &url, "sample", 20).unwrap();
    let alone = "select count(*) from farm.coded left join farm.codes using (code) where codes.code is null";
    assert_eq!(number(&mut connect(copy.url()), alone), 0);
    assert_eq!(copy.partial["farm.coded"].0, 20);
}
