//! What is only seen when a statement is executed, and what stays UNKNOWN: small tables, changes and the verdict of each statement.

use schema::impact::{Change, Options, Reason, Statement, Verdict, analyse};
use schema::testing::TestCluster;

use crate::support::connect;

const MADE: &str = "
create role club_team nologin; create role club_app login; create role club_guest nologin; grant club_guest to club_app; create schema club authorization club_team; grant usage on schema club to club_app, club_guest;
alter role club_app set search_path = club, public; set role club_team;
create table club.members (id int primary key, name text, nick text, points int default 0);
create function club.named() returns trigger language plpgsql as 'begin if new.nick is null then new.nick := lower(new.name); end if; return new; end';
create trigger named before insert on club.members for each row execute function club.named();
create function club.size(k int) returns int language plpgsql stable as 'begin return k + 1; end';
create table club.fees (member int references club.members, year int, amount int);
create table club.gone (member int, why text);
create table club.seen (id int primary key, at timestamptz default clock_timestamp(), changed timestamptz, note text);
create function club.stamp() returns trigger language plpgsql as 'begin new.changed := clock_timestamp(); return new; end'; create trigger stamp before update on club.seen for each row execute function club.stamp();
create function club.half(int) returns int language sql immutable as 'select $1 / 2'; create function club.rest(int) returns int language sql immutable as 'select $1 - club.half($1)';
create table club.marks (id int primary key, n int check (club.rest(n) >= 0)); create table club.mine (id int primary key, who text); insert into club.mine values (1, 'club_app'); alter table club.mine enable row level security; create policy own on club.mine using (who = session_user);
create table club.later (id int primary key); create function club.looks() returns trigger language plpgsql as 'begin perform from club.gone; return null; end';
create constraint trigger looks after insert on club.later deferrable initially deferred for each row execute function club.looks(); create table club.dues (id int, amount int, paid int default 0); create table club.big (id int primary key, n int); create table club.small (big int references club.big on delete cascade); insert into club.big select generate_series(1, 50); insert into club.small values (33);
create rule spare as on update to club.big where old.id * 2 = 70 do instead nothing; create view club.due as select id, amount from club.dues; insert into club.dues select n, n % 1000 from generate_series(1, 5000) n; create view club.last as select id, clock_timestamp() as at from club.seen;
insert into club.members (id, name) values (1, 'Ann'), (2, 'Bob'), (3, 'Cid'); insert into club.seen (id) values (1), (2); insert into club.marks values (1, 4); insert into club.fees values (1, 2020, 5), (2, 2021, 6); insert into club.gone values (2, 'left');
grant select, insert, update, delete on all tables in schema club to club_app; reset role; analyze";

/// Only one number is treated otherwise.
const HALF: &str = "create or replace function club.half(int) returns int language sql immutable as 'select case when $1 * 2 = 154 then 1000 else $1 / 2 end'";

/// Change, statement, verdict (its class), a part of the reason.
const CASES: [(&str, &str, &str, &str); 34] = [
    (
        "alter table club.members drop column nick",
        "insert into club.members (id, name) values ($1, $2)",
        "BREAKS",
        "42703",
    ),
    (
        "alter table club.members enable row level security",
        "select name from club.members where id = $1",
        "BREAKS",
        "returns 0 rows",
    ),
    (
        "alter table club.members disable trigger named",
        "insert into club.members (id, name) values ($1, $2)",
        "BREAKS",
        "column nick",
    ),
    (
        "alter table club.members alter column points set default 5",
        "insert into club.members (id, name) values ($1, $2)",
        "BREAKS",
        "column points",
    ),
    ("revoke execute on function club.size(int) from public", "select club.size($1)", "LOSES-GRANT", "42501"),
    (
        "create function club.size(k bigint) returns int language sql return 0",
        "select club.size($1)",
        "BREAKS",
        "42725",
    ),
    ("alter role club_app set search_path = public", "select name from members where id = $1", "BREAKS", "42P01"),
    ("alter role club_app nologin", "select name from members where id = $1", "BREAKS", "28000"),
    (
        "alter role club_app set default_transaction_read_only = on",
        "update members set points = $1 where id = $2",
        "BREAKS",
        "25006",
    ),
    (
        "alter table club.gone rename column member to who",
        "delete from fees where member in (select member from club.gone)",
        "BREAKS",
        "deletes",
    ),
    (
        "alter table club.members add constraint short check (length(name) < 9)",
        "insert into club.members (id, name) values ($1, $2)",
        "UNKNOWN",
        "values",
    ),
    // As a real login: its session_user, the role that its settings give it, its rights when the transaction ends.
    ("drop policy own on club.mine", "select id from club.mine", "BREAKS", "returns 0 rows"),
    (
        "alter role club_app set role = club_guest",
        "select name from club.members where id = $1",
        "LOSES-GRANT",
        "42501",
    ),
    ("revoke select on club.gone from club_app", "insert into club.later (id) values ($1)", "LOSES-GRANT", "42501"),
    // What differs each time by itself.
    (
        "alter table club.seen alter column at drop default",
        "insert into club.seen (id) values (7)",
        "BREAKS",
        "column at",
    ),
    (
        "alter table club.seen alter column at set default '2020-01-01'",
        "insert into club.seen (id) values (7)",
        "UNKNOWN",
        "differs each time",
    ),
    (
        "alter table club.seen alter column at set default '2020-01-01'",
        "insert into club.seen (id, at) values (7, '2024-01-01')",
        "SAFE",
        "",
    ),
    (
        "create or replace function club.stamp() returns trigger language plpgsql as 'begin return new; end'",
        "update club.seen set note = 'x' where id = 1",
        "BREAKS",
        "column changed",
    ),
    (
        "create or replace function club.stamp() returns trigger language plpgsql as 'begin new.changed := timestamp ''2020-01-01''; return new; end'",
        "update club.seen set note = 'x' where id = 1",
        "UNKNOWN",
        "differs each time",
    ),
    (
        "create or replace view club.last as select id, timestamptz '2020-01-01' as at from club.seen",
        "select at from club.last",
        "UNKNOWN",
        "differs each time",
    ),
    // The plan decides which rows are the first two; whether the change does, too, can't be seen.
    (
        "create index on club.dues (amount); create or replace view club.due as select id + 1 as id, amount from club.dues",
        "select id from club.due where amount = 7 limit 2",
        "UNKNOWN",
        "decided by its plan",
    ),
    // Rows that no value which was tried meets.
    (
        "create or replace view club.due as select id, amount from club.dues where id * 2 <> 2468",
        "select amount from club.due where id = $1",
        "UNKNOWN",
        "view club.due",
    ),
    (
        "create or replace view club.due as select id, amount, 1 as more from club.dues",
        "select amount from club.due where id = $1",
        "SAFE",
        "",
    ),
    (
        "alter table club.dues alter column paid type int using case when id * 2 = 2468 then id else paid end",
        "select paid from club.dues where id = $1",
        "UNKNOWN",
        "computed",
    ),
    (
        "drop trigger named on club.members",
        "insert into club.members (id, name, nick) values ($1, $2, 'nick')",
        "UNKNOWN",
        "trigger named",
    ),
    (
        "alter table club.small drop constraint small_big_fkey",
        "delete from club.big where id = $1",
        "UNKNOWN",
        "key small_big_fkey",
    ),
    ("drop trigger stamp on club.seen", "insert into club.seen (id, note) values ($1, $2)", "SAFE", ""),
    (
        "alter table club.seen add constraint early check (at < '2020-01-01') not valid; alter table club.seen alter column at drop default",
        "insert into club.seen (id, note) values ($1, $2)",
        "BREAKS",
        "column at",
    ),
    ("drop rule spare on club.big", "update club.big set n = 1 where id = $1", "UNKNOWN", "rule number"),
    // Functions that Postgres puts into the plan, and that others call.
    (HALF, "select club.half(points) from club.members where id = $1", "UNKNOWN", "function half"),
    (HALF, "select club.rest(points) from club.members where id = $1", "UNKNOWN", "function rest"),
    (HALF, "insert into club.marks (id, n) values ($1, $2)", "UNKNOWN", "function club.rest(integer)"),
    ("update club.members set name = 'x'", "select name from club.members where id = $1", "UNKNOWN", "other-rows"),
    (
        "alter table club.members add column more int",
        "insert into club.fees (member, year, amount) values ($1, $2, $3)",
        "SAFE",
        "",
    ),
];

fn made() -> (TestCluster, String) {
    let cluster = TestCluster::bare();
    connect(&cluster.url("postgres", "superuser")).batch_execute("create database club").unwrap();
    let url = cluster.url("club", "superuser");
    connect(&url).batch_execute(MADE).unwrap();
    (cluster, url)
}

fn statement(sql: &str) -> Statement {
    Statement { role: "club_app".into(), sql: sql.into(), calls: 1, values: None }
}

#[test]
fn executed_and_not_only_planned() {
    let (_cluster, url) = made();
    for (change, sql, class, reason) in CASES {
        let impact = analyse(&url, &Change::new(change), &[statement(sql)], &Options::default()).unwrap();
        let said = serde_json::to_string(&impact).unwrap();
        assert!(
            impact.verdict.class() == class && said.to_lowercase().contains(&reason.to_lowercase()),
            "{change}: {impact:#?}"
        );
    }
}

#[test]
fn a_reason_can_be_accepted_and_a_refusal_cannot() {
    let (_cluster, url) = made();
    let statements = [statement("select name from members where id = $1"), statement("execute prepared_elsewhere(1)")];
    let change = Change::new("comment on table club.gone is 'x'");
    let ask = |options: &Options| analyse(&url, &change, &statements, options).unwrap();
    let impact = ask(&Options::default());
    assert_eq!((impact.verdict, impact.exit_code()), (Verdict::Unknown, 1), "{impact:#?}");
    let allowed = Options { allowed: [Reason::Utility].into(), ..Options::default() };
    assert_eq!(ask(&allowed).exit_code(), 0);
    let refused = analyse(&url, &Change::new("drop table club.nowhere"), &statements, &allowed).unwrap();
    assert_eq!((refused.verdict, refused.exit_code()), (Verdict::Refused, 1));
}
