//! `dba roles init`: what it writes of a database that isn't ours is in sync at once, changes nothing when applied, and misses no drift.

use std::fs;

use postgres::Client;
use schema::drift::{self, Options};
use schema::roles::RolesFile;
use schema::testing::TestCluster;

use crate::support::{connect, dba, said};

/// Everything that rights can be on, in names that need quotes, of owners that log in, of superusers and of nobody in particular.
const MADE: &str = r#"
create role "Team A" nologin; create role keeper login noinherit createdb connection limit 7 valid until '2031-02-03 04:05:06+00'; create role app login; create role "read-only" nologin noinherit;
create role chief login superuser; create role auditor login bypassrls; create role lonely login; create role made nologin createrole;
grant "read-only" to app; grant "Team A" to keeper with admin option; grant pg_monitor to auditor;
alter role app set search_path = public, "$user"; alter role app in database shop set statement_timeout = '3s'; alter role all set idle_session_timeout = '1h'; alter database shop set work_mem = '5MB';
alter database shop owner to keeper; revoke connect on database shop from public; grant connect, temp on database shop to app, "read-only";
create schema stock authorization "Team A"; create schema "Odd Place" authorization keeper; grant usage on schema stock to app, "read-only"; grant all on schema "Odd Place" to app with grant option;
create table public.plain (id int primary key, secret text); create table public.of_app (id int); alter table public.of_app owner to app; grant select (id), update (id) on public.plain to app; grant select on public.plain to public;
set role "Team A";
create type stock.state as enum ('a'); create domain stock.code as text check (value <> ''); create type stock.pair as (a int, b int); revoke usage on type stock.state from public; grant usage on type stock.state to app;
create table stock.items (id serial primary key, "Price" int, state stock.state, above int references stock.items); create table stock.hidden (id int); alter table stock.hidden enable row level security; alter table stock.hidden force row level security;
create policy every_row on stock.hidden to app using (true);
create sequence stock.numbers; grant usage on sequence stock.numbers to app; grant select, insert on stock.items to app with grant option; grant select ("Price") on stock.items to "read-only"; revoke delete on stock.items from "Team A";
create view stock.cheap as select id from stock.items where "Price" < 5; grant select on stock.cheap to "read-only"; create view stock.own with (security_invoker = on) as select id from stock.items;
create materialized view stock.copy as select 1 as one; create function stock.f(int, text default 'a') returns int language sql return 1; create procedure stock.p() language sql as ''; create aggregate stock.most(int) (sfunc = int4larger, stype = int);
revoke execute on function stock.f(int, text) from public; grant execute on function stock.f(int, text) to app; create function stock.definer() returns int language sql security definer as 'select 1';
alter default privileges grant select on tables to app; alter default privileges in schema stock grant execute on routines to app; alter default privileges revoke execute on routines from public;
reset role;
create role "V" nologin; create view public.shown as select id from stock.items; alter view public.shown owner to "V"; grant select on public.shown to app;
set role app; grant select on stock.items to auditor; reset role;
alter default privileges in schema public grant select on tables to "read-only";
create function public.peek() returns int language sql security definer as 'select 1'; create table stock.strange (id int); alter table stock.strange owner to made; alter table stock.items disable trigger all;
set role chief; create table public.of_chief (id int); grant select on public.of_chief to app; reset role;
grant execute on function pg_catalog.pg_ls_waldir() to auditor; grant set on parameter log_statement to auditor; revoke usage on language plpgsql from public"#;

/// What is changed afterwards, and the key by which it is found.
const DRIFTS: &[(&str, &str)] = &[
    ("grant select (secret) on public.plain to app", "extra right app SELECT table public.plain.secret"),
    ("revoke select on public.plain from public", "missing right public SELECT table public.plain"),
    ("grant insert on public.plain to public", "extra right public INSERT table public.plain"),
    ("revoke update (id) on public.plain from app", "missing right app UPDATE table public.plain.id"),
    ("grant delete on stock.items to \"read-only\"", "extra right read-only DELETE table stock.items"),
    ("grant delete on stock.items to \"Team A\"", "extra right Team A DELETE table stock.items"),
    ("revoke grant option for insert on stock.items from app cascade", "missing right app INSERT table stock.items"),
    (
        "grant select on stock.cheap to \"read-only\" with grant option",
        "grant option right read-only SELECT table stock.cheap",
    ),
    ("grant usage on schema \"Odd Place\" to auditor", "extra right auditor USAGE schema \"Odd Place\""),
    ("revoke create on schema \"Odd Place\" from app", "missing right app CREATE schema \"Odd Place\""),
    ("grant create on schema public to public", "extra right public CREATE schema public"),
    ("grant connect on database shop to public", "extra right public CONNECT database shop"),
    ("revoke temp on database shop from app", "missing right app TEMPORARY database shop"),
    ("grant usage on type stock.state to public", "extra right public USAGE type stock.state"),
    ("grant usage on type stock.pair to app", "extra right app USAGE type stock.pair"),
    ("revoke usage on type stock.code from public", "missing right public USAGE type stock.code"),
    ("grant update on sequence stock.numbers to app", "extra right app UPDATE sequence stock.numbers"),
    ("grant usage on sequence stock.items_id_seq to app", "extra right app USAGE sequence stock.items_id_seq"),
    (
        "grant execute on function stock.f(int, text) to public",
        "extra right public EXECUTE routine stock.f(integer,text)",
    ),
    ("revoke execute on function stock.definer() from public", "missing right public EXECUTE routine stock.definer()"),
    (
        "grant execute on function pg_catalog.pg_read_file(text) to app",
        "extra right app EXECUTE routine pg_read_file(text)",
    ),
    ("grant usage on language plpgsql to public", "extra right public USAGE language plpgsql"),
    ("grant set on parameter log_min_messages to auditor", "extra right auditor SET parameter log_min_messages"),
    (
        "alter default privileges for role \"Team A\" grant insert on tables to app",
        "extra right app INSERT default tables of Team A",
    ),
    (
        "alter default privileges for role \"Team A\" in schema stock revoke execute on routines from app",
        "missing right app EXECUTE default routines of Team A in stock",
    ),
    (
        "alter default privileges in schema public revoke select on tables from \"read-only\"",
        "missing right read-only SELECT default tables of postgres in public",
    ),
    ("grant pg_read_all_data to app", "extra member app in pg_read_all_data"),
    ("revoke \"read-only\" from app", "missing member app in read-only"),
    ("revoke admin option for \"Team A\" from keeper", "missing member option keeper in Team A"),
    ("alter role app createdb", "attribute app createdb"),
    ("alter role app nologin", "attribute app login"),
    ("alter role keeper connection limit 8", "attribute keeper connection_limit"),
    ("alter role auditor nobypassrls", "attribute auditor bypassrls"),
    ("create role intruder superuser", "attribute intruder superuser"),
    ("alter role app set search_path = public", "setting app search_path"),
    ("alter role app in database shop reset statement_timeout", "setting app statement_timeout in database"),
    ("alter database shop set work_mem = '6MB'", "setting all work_mem in database"),
    ("alter table stock.hidden disable row level security", "missing row level security of stock.hidden"),
    ("alter view public.shown set (security_invoker = true)", "view option public.shown security_invoker"),
    ("create table stock.new (id int); alter table stock.new owner to \"Team A\"", "extra table stock.new"),
];

/// Changes of owners, whose rights are only compared when the owner is fixed.
const OWNERS: &[(&str, &str)] = &[
    ("alter table stock.items owner to keeper", "owner table stock.items"),
    ("alter schema stock owner to keeper", "owner schema stock"),
    ("alter function stock.f(int, text) owner to app", "owner routine stock.f(integer,text)"),
    ("alter table public.plain owner to made", "owner table public.plain"),
];

fn shop(cluster: &TestCluster) -> (String, Client) {
    connect(&cluster.url("postgres", "superuser")).batch_execute("create database shop").unwrap();
    let url = cluster.url("shop", "superuser");
    let mut client = connect(&url);
    client.batch_execute(MADE).unwrap();
    (url, client)
}

#[test]
fn what_init_writes_is_in_sync_changes_nothing_and_misses_no_drift() {
    let cluster = TestCluster::bare();
    let (url, mut client) = shop(&cluster);
    let written = drift::init(&url).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roles.sql");
    fs::write(&file, &written.text).unwrap();
    let options = Options { file: RolesFile::load(&file).unwrap(), ..Options::default() };
    let keys =
        || -> Vec<String> { drift::check(&url, &options).unwrap().findings.into_iter().map(|one| one.key).collect() };
    assert_eq!(keys(), Vec::<String>::new(), "{}", written.text);
    let (done, left) = drift::converge(&url, &options, &[]).unwrap();
    assert_eq!((done, left.findings.len()), (Vec::new(), 0));
    assert_eq!(drift::init(&url).unwrap(), written);
    // What no grant can state is accepted by its key, and nothing else is.
    let mut accepted: Vec<_> = options.file.accepted().into_iter().collect();
    accepted.sort_unstable();
    assert_eq!(
        accepted,
        [
            "definer function public.peek()",
            "function option stock.definer() search_path",
            "open policy every_row of stock.hidden",
            "table with disabled trigger all of stock.items",
            "view option stock.cheap security_barrier",
            "view option stock.own security_invoker",
        ]
    );

    for (all, unfixable) in [(DRIFTS, 1), (OWNERS, 0)] {
        for (drift, _) in all {
            client.batch_execute(drift).unwrap_or_else(|error| panic!("{drift}: {error:?}"));
        }
        let found = keys();
        let missed: Vec<_> = all.iter().filter(|(_, key)| !found.iter().any(|one| one == key)).collect();
        assert!(missed.is_empty(), "{missed:#?} in {found:#?}");
        let (_, left) = drift::converge(&url, &options, &[]).unwrap();
        assert_eq!(left.findings.len(), unfixable, "{left:#?}");
        client.batch_execute("drop table if exists stock.new").unwrap();
    }
}

/// Run from an empty folder on a database that knows nothing of us.
#[test]
fn a_foreign_database_needs_a_roles_file_and_gets_one() {
    let cluster = TestCluster::bare();
    let (url, _client) = shop(&cluster);
    for words in [&["roles", "check"], &["roles", "plan"], &["roles", "attack"]] {
        let (code, text, error) = said(&dba(&url, words));
        assert_eq!((code, text.as_str(), error.lines().count()), (2, "", 1), "{error}");
        assert!(error.contains("`dba roles init > roles.sql`") && error.contains("--roles roles.sql"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roles.sql");
    let (code, text, error) = said(&dba(&url, &["roles", "init"]));
    assert!(code == 0 && error.contains("6 finding(s)"), "{error}");
    fs::write(&file, text).unwrap();
    let (code, text, error) = said(&dba(&url, &["roles", "check", "--roles", file.to_str().unwrap()]));
    assert_eq!((code, text.trim()), (0, "in sync with the roles file (0 allowed, 6 accepted by the file)"), "{error}");
    let (code, text, _) = said(&dba(&url, &["roles", "apply", "--yes", "--roles", file.to_str().unwrap()]));
    assert_eq!((code, text.trim()), (0, "nothing to do"));
    let (code, _, error) = said(&dba(&cluster.cluster().url_of("lonely", "", "shop"), &["roles", "init"]));
    assert!(code > 1, "{error}");
}

/// Every option that the workflow for CI uses is one of the command's.
#[test]
fn the_workflow_for_ci_uses_options_that_exist() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/impact.yaml");
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("dba ")).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let command = line.split(' ').next().unwrap();
        let (_, help, _) = said(&dba("", &[command, "--help"]));
        let ours = line.split(" -- ").next().unwrap();
        for option in ours.split(' ').filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{option}: {line}");
        }
    }
}
