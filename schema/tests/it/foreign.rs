//! Databases as other people have them: roles files in any spelling, every way to a column, dependencies without a statement. None of it is ours.

use postgres::Client;
use schema::coupling::report::{Kind, List};
use schema::coupling::statements::{Source, Statement};
use schema::coupling::{self, Options as Coupling};
use schema::drift::{self, Options};
use schema::effective_rights::{Access, answer, explain, of, of_object};
use schema::roles::RolesFile;
use schema::session::{Session, identifier};
use schema::testing::TestCluster;

use crate::support::{connect, dba, said, texts};

/// An empty database `shop`, and its superuser's URL.
fn shop(cluster: &TestCluster, made: &str) -> (String, Client) {
    connect(&cluster.url("postgres", "superuser")).batch_execute("create database shop").unwrap();
    let url = cluster.url("shop", "superuser");
    let mut client = connect(&url);
    client.batch_execute(made).unwrap();
    (url, client)
}

fn options(file: &str) -> Options {
    Options { file: RolesFile::new(format!("-- == roles ==\n{file}")), ..Options::default() }
}

fn keys(url: &str, file: &str) -> Vec<String> {
    drift::check(url, &options(file)).unwrap().findings.into_iter().map(|one| one.key).collect()
}

/// What the file says is so already: whatever its spelling, nothing differs, and nothing is taken away.
#[test]
fn a_roles_file_may_be_spelled_as_postgres_allows() {
    let cluster = TestCluster::bare();
    let made = r#"create role readers; create role "Team B"; create role till login in role readers; create user "till-2" in group readers connection limit 3;
        GRANT "Team B" TO till WITH ADMIN OPTION; create role guard login; alter role guard set statement_timeout to '5s'; create role "user" login;
        create schema stock authorization "Team B"; create schema authorization till; grant usage on schema stock to "user""#;
    let (url, mut client) = shop(&cluster, made);
    let file = r#"begin;
CREATE ROLE readers;
create role
  "Team B" ;
Create Role till
  LOGIN IN ROLE readers;
create user "till-2" in group readers connection limit 3;
GRANT  "Team B"
  TO till GRANTED BY current_user;
grant "Team B" to till with admin option;
do $$ begin if not exists (select from pg_roles where rolname = 'guard') then create role guard login; end if; end $$;
ALTER USER guard SET statement_timeout = '5s';
create role "user" login;
CREATE SCHEMA stock AUTHORIZATION "Team B";
create schema authorization till;
GRANT USAGE ON SCHEMA stock TO "user";
commit;
"#;
    // The grantor must be the one that there is.
    let superuser = texts(&mut client, "select rolname::text from pg_roles where oid = 10").remove(0);
    let file = file.replace("current_user;\ngrant", &format!("{};\ngrant", identifier(&superuser)));
    assert_eq!(keys(&url, &file), Vec::<String>::new());
    let (done, _) = drift::converge(&url, &options(&file), &[]).unwrap();
    assert_eq!(done, Vec::<String>::new());

    // The control: what differs is seen, `commit` in the file or not.
    client.batch_execute(r#"alter role "till-2" connection limit 4; revoke readers from till; grant create on schema stock to "user""#).unwrap();
    let found = keys(&url, &file);
    assert_eq!(
        found,
        ["attribute till-2 connection_limit", "missing member till in readers", "extra right user CREATE schema stock"]
    );
    let (_, left) = drift::converge(&url, &options(&file), &[]).unwrap();
    assert!(left.findings.is_empty(), "{left:?}");
}

/// A statement that can't be run may be the one that gives a right: so none is taken.
#[test]
fn nothing_is_taken_while_the_file_cannot_be_run() {
    let cluster = TestCluster::bare();
    let made = "create role maker; create role app login; create schema shop authorization maker; grant usage on schema shop to app;
        set role maker; create table shop.items (id int); grant select on shop.items to app; reset role; grant maker to app";
    let (url, mut client) = shop(&cluster, made);
    let file = "create role maker;\ncreate role app login;\ncreate schema if not exists shop authorization maker;\ngrant usage on schema shop to app;
set role maker;\ngrant select on shop.items, shop.gone to app;\nreset role;\n";
    let (done, left) = drift::converge(&url, &options(file), &[]).unwrap();
    assert_eq!(done, Vec::<String>::new());
    assert!(left.findings.iter().any(|one| one.key.starts_with("statement grant select on shop.items")), "{left:?}");
    let so =
        "select (has_table_privilege('app', 'shop.items', 'select') and pg_has_role('app', 'maker', 'member'))::text";
    assert_eq!(texts(&mut client, so), ["true"]);
}

/// Options of views in every spelling of `true`, policies that hide nothing, functions of roles beyond the file.
#[test]
fn what_opens_a_table_is_a_finding() {
    let cluster = TestCluster::bare();
    let made = "create role maker; create role app login; create schema shop authorization maker; grant usage on schema shop to app; set role maker;
        create table shop.items (id int, price int); alter table shop.items enable row level security; create policy mine on shop.items for select to app using (id < 0);
        create view shop.low with (security_barrier = yes) as select id from shop.items where price < 5; create view shop.own with (security_invoker = 1) as select id from shop.items;
        grant select on shop.items, shop.low, shop.own to app; reset role";
    let (url, mut client) = shop(&cluster, made);
    let file = "create role maker;\ncreate role app login;\ncreate schema if not exists shop authorization maker;\ngrant usage on schema shop to app;
set role maker;\ngrant select on shop.items, shop.low, shop.own to app;\nreset role;\nALTER TABLE shop.items ENABLE ROW LEVEL SECURITY;\n";
    assert_eq!(keys(&url, file), ["view option shop.own security_invoker"]);
    client
        .batch_execute("alter policy mine on shop.items using (true); create function public.peek() returns setof shop.items language sql security definer as 'select * from shop.items'")
        .unwrap();
    let found = keys(&url, file);
    assert!(found.contains(&"open policy mine of shop.items".to_owned()), "{found:?}");
    assert!(found.contains(&"definer function public.peek()".to_owned()), "{found:?}");
    // What a superuser makes from now on.
    client.batch_execute("alter default privileges in schema shop grant select on tables to app; alter default privileges revoke execute on routines from public").unwrap();
    let found = keys(&url, file);
    let superuser = texts(&mut client, "select rolname::text from pg_roles where oid = 10").remove(0);
    assert!(found.contains(&format!("extra right app SELECT default tables of {superuser} in shop")), "{found:?}");
    assert!(found.contains(&format!("missing right public EXECUTE default routines of {superuser}")), "{found:?}");
    let (_, left) = drift::converge(&url, &options(file), &[]).unwrap();
    assert!(left.findings.iter().all(|one| !one.key.contains(" default ")), "{left:?}");
}

/// Each way, told and true: what is said to be read can be read by the login, and the rest can't.
#[test]
fn every_way_to_a_column_is_told() {
    let cluster = TestCluster::bare();
    let made = "create role maker; create schema shop authorization maker; create role boss superuser;
        create role by_view login; create role by_row login; create role by_copy login; create role by_body login; create role by_text login; create role by_all login;
        create role by_boss login; create role by_making login createrole; create role by_parent login; create role no_usage login; create role no_rows login; create role by_invoker login;
        grant usage on schema shop to by_view, by_row, by_copy, by_body, by_text, by_parent, no_rows, by_invoker; grant pg_read_all_data to by_all; grant boss to by_boss;
        set role maker; create table shop.p (id int, secret text) partition by list (id); create table shop.t partition of shop.p for values in (1); insert into shop.p values (1, 's');
        create view shop.v as select id, secret from shop.t; grant select (secret) on shop.v to by_view;
        create view shop.r as select row_to_json(t) as doc, t.id from shop.t t; grant select on shop.r to by_row;
        create materialized view shop.m as select secret as s from shop.t; grant select on shop.m to by_copy;
        create view shop.i with (security_invoker = on) as select secret from shop.t; grant select on shop.i to by_invoker;
        create function shop.body() returns text language sql security definer begin atomic select secret from shop.t limit 1; end;
        create function shop.text() returns text language sql security definer as 'select secret from shop.t limit 1';
        revoke execute on all functions in schema shop from public; grant execute on function shop.body() to by_body; grant execute on function shop.text() to by_text;
        grant select on shop.p to by_parent; grant select on shop.t to no_usage; grant select on shop.t to no_rows;
        reset role";
    let (url, mut superuser) = shop(&cluster, made);
    let mut session = Session::connect(&url).unwrap();
    let mut check = |role: &str, access: Access, part: &str, read: &str| {
        let found = of(&mut session, &[role.to_owned()]).unwrap();
        let (rights, columns) = explain(&found, role, "shop.t.secret");
        // Only what can lead to the column is read, and nothing of it is missed.
        let narrow = of_object(&mut session, role, "shop.t.secret").unwrap();
        assert_eq!((rights.clone(), columns.clone()), explain(&narrow, role, "shop.t.secret"), "{role}");
        let hit = columns.iter().any(|one| one.access == access && one.why.contains(part));
        assert!(hit || (columns.is_empty() && part.is_empty()), "{role}: {columns:#?}");
        let said = answer(&mut session, role, "shop.t.secret", &rights, &columns).unwrap();
        let wanted = match access {
            Access::Reads => format!("{role} can read shop.t.secret"),
            Access::May => "shop.t.secret may be reachable: ".to_owned(),
            Access::Not => format!("{role} can't read shop.t.secret"),
        };
        assert!(said.starts_with(&wanted), "{role}: {said}");
        // A superuser who is this role: set before the settings of its login matter.
        let rows = superuser.batch_execute(&format!("begin; set session authorization {role}"));
        rows.unwrap();
        let steps: Vec<&str> = read.split("; ").collect();
        let (last, before) = steps.split_last().unwrap();
        let before = before.iter().try_for_each(|step| superuser.batch_execute(step));
        let seen = before.and_then(|()| superuser.query(*last, &[])).map(|rows| rows.len()).unwrap_or_default();
        superuser.batch_execute("rollback").unwrap();
        assert_eq!(seen > 0, access != Access::Not, "{role}: {read}");
    };
    let table = "select secret from shop.t";
    check("by_view", Access::Reads, "through shop.v", "select secret from shop.v");
    check("by_row", Access::Reads, "through shop.r", "select doc from shop.r");
    check("by_copy", Access::Reads, "through the materialized view shop.m", "select s from shop.m");
    check("by_body", Access::Reads, "through function shop.body", "select shop.body()");
    check("by_text", Access::May, "shop.text, which runs as maker and whose body isn't known", "select shop.text()");
    check("by_all", Access::Reads, "belongs to pg_read_all_data", table);
    check("by_boss", Access::Reads, "may set role boss, a superuser", "set role boss; select secret from shop.t");
    check("by_parent", Access::Reads, "through its parent shop.p", "select secret from shop.p");
    check("no_usage", Access::Not, "no USAGE on schema shop", table);
    check("by_invoker", Access::Not, "", "select secret from shop.i");
    if version(&url) < 160_000 {
        check(
            "by_making",
            Access::Reads,
            "CREATEROLE, before 16",
            "grant maker to by_making; set role maker; select secret from shop.t",
        );
    }
    connect(&url).batch_execute("alter table shop.t enable row level security").unwrap();
    check("no_rows", Access::Not, "lets it see no row", table);
}

fn version(url: &str) -> i32 {
    Session::connect(url).unwrap().value("select current_setting('server_version_num')::int").unwrap()
}

/// What is attacked is a copy; nothing is left of it, even where an attack gets through.
#[test]
fn an_attack_leaves_nothing() {
    let mut cluster = TestCluster::bare();
    let made = "alter system set max_prepared_transactions = 5";
    let (url, client) = shop(&cluster, made);
    drop(client);
    cluster.stop().unwrap();
    cluster.start().unwrap();
    let mut client = connect(&url);
    client.batch_execute("create extension pg_stat_statements; create role maker; create role app login password 'a'; create schema shop authorization maker; grant usage on schema shop to app").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roles.sql");
    let text = "create role maker;\ncreate role app login password 'a';\ncreate schema if not exists shop authorization maker;\ngrant usage on schema shop to app;\n";
    std::fs::write(&file, text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dba"));
    let output = command
        .args(["roles", "attack", "--roles", file.to_str().unwrap()])
        .env("DATABASE_URL", &url)
        .env("DBA_PASSWORD_APP", "a")
        .output()
        .unwrap();
    let (code, out, error) = said(&output);
    assert_eq!(code, 1, "{out}{error}");
    let line = |name: &str| out.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    assert!(line("prepared transaction").contains("OPEN"), "{out}");
    // No table of another service is here.
    assert!(line("read a foreign table").contains("not tried"), "{out}");
    assert_eq!(texts(&mut client, "select gid from pg_prepared_xacts"), Vec::<String>::new());
    let copies = "select datname::text from pg_database where datname like 'dba%'";
    assert_eq!(texts(&mut client, copies), Vec::<String>::new());
    assert_eq!(texts(&mut client, "select slot_name::text from pg_replication_slots"), Vec::<String>::new());
    let settings = "select setconfig::text from pg_db_role_setting where setconfig::text like '%pg_stat_statements%'";
    assert_eq!(texts(&mut client, settings), Vec::<String>::new());
    let counted = "select s.query from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname in ('app', 'maker')";
    assert_eq!(texts(&mut client, counted), Vec::<String>::new());
    let (code, out, _) = said(&dba(&url, &["roles", "apply", "--roles", file.to_str().unwrap()]));
    assert_eq!((code, out.trim()), (0, "-- nothing to do"));
}

/// Services depend on each other without any statement, and a column that only a view of one's own reads is used.
#[test]
fn coupling_sees_definitions_and_ones_own_objects() {
    let cluster = TestCluster::bare();
    let made = "create role sales_owner; create role stock_owner; create role stock_app login; create schema sales authorization sales_owner; create schema stock authorization stock_owner;
        grant usage on schema sales to stock_owner, stock_app; grant usage on schema stock to stock_app;
        set role sales_owner; create type sales.state as enum ('new'); create domain sales.code as text; create table sales.orders (id int primary key, price int, note text, unused int);
        create table sales.parent (id int); create table sales.log (id int); create function sales.norm(text) returns text language sql immutable return lower($1);
        grant select on sales.orders to stock_owner, stock_app; grant all on sales.parent, sales.log to stock_owner; reset role;
        set role stock_owner; create table stock.a (s sales.state); create table stock.b (c sales.code); create table stock.c (t text); create index on stock.c (sales.norm(t));
        create table stock.d (id int); create policy p on stock.d using (exists (select from sales.orders o where o.id = d.id));
        create function stock.f() returns bigint language sql begin atomic select sum(price) from sales.orders; end;
        create table stock.e (id int); create rule r as on insert to stock.e do also insert into sales.log values (new.id);
        create function stock.g() returns text language plpgsql as 'begin return (select note from sales.orders limit 1); end';
        create view stock.v as select id from sales.orders; grant select on stock.v to stock_app; reset role;
        create table stock.h () inherits (sales.parent); alter table stock.h owner to stock_owner";
    let (url, mut client) = shop(&cluster, made);
    let declared = vec![Statement {
        role: "stock_app".into(),
        sql: "select id from stock.v".into(),
        source: Source::Declared,
        calls: 0,
        rows: 0,
        milliseconds: 0.0,
    }];
    let report = coupling::look(&mut client, &Coupling { declared, ..Coupling::default() }).unwrap();
    let edge = report.edges.iter().find(|one| one.kind == Kind::Definition).unwrap();
    for part in [
        "table stock.a with type sales.state",
        "table stock.b with domain sales.code",
        "table stock.c with function sales.norm",
        "table stock.d with table sales.orders",
        "function stock.f with table sales.orders",
        "table stock.e with table sales.log",
        "table stock.h with table sales.parent",
    ] {
        assert!(edge.through.iter().any(|one| one == part), "{part}: {edge:#?}");
    }
    let of =
        |name: &str| report.columns.iter().find(|one| one.column == format!("sales.orders.{name}")).map(|one| one.list);
    assert_eq!(of("id"), Some(List::Used));
    assert_eq!(of("price"), Some(List::Used));
    // Named in a body that is text: it can't be said that nobody uses it.
    assert_eq!(of("note"), Some(List::Used));
    assert_eq!(of("unused"), Some(List::NeverUsed));
    assert!(report.coverage.unknown.iter().any(|one| one.sql == "function stock.g"), "{:#?}", report.coverage);
    drop(url);
}
