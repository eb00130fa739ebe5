//! What is only seen when a statement is executed, and what stays UNKNOWN: small tables, changes and the verdict of each statement.

use schema::impact::{Change, Options, Reason, Statement, Verdict, analyse};
use schema::testing::TestCluster;

use crate::support::connect;

const MADE: &str = "
create role club_team nologin; create role club_app login; create schema club authorization club_team; grant usage on schema club to club_app;
alter role club_app set search_path = club, public; set role club_team;
create table club.members (id int primary key, name text, nick text, points int default 0);
create function club.named() returns trigger language plpgsql as 'begin if new.nick is null then new.nick := lower(new.name); end if; return new; end';
create trigger named before insert on club.members for each row execute function club.named();
create function club.size(k int) returns int language plpgsql stable as 'begin return k + 1; end';
create table club.fees (member int references club.members, year int, amount int);
create table club.gone (member int, why text);
insert into club.members (id, name) values (1, 'Ann'), (2, 'Bob'), (3, 'Cid'); insert into club.fees values (1, 2020, 5), (2, 2021, 6); insert into club.gone values (2, 'left');
grant select, insert, update, delete on all tables in schema club to club_app; reset role";

/// Change, statement, verdict (its class), a part of the reason.
const CASES: [(&str, &str, &str, &str); 13] = [
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
