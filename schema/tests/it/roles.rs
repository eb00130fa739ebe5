//! `dba roles check` and `apply`: every class of drift is found by its key, one apply puts right what may be, a second changes nothing.

use schema::drift::{self, Options};
use schema::testing::TestCluster;

use crate::support::{connect, texts};

/// What is done by hand, and the key it is found by. `!` at the end: somebody must decide, no tool does.
const DRIFTS: &[(&str, &str)] = &[
    ("grant usage on schema account to registry_reader", "extra right registry_reader USAGE schema account"),
    (
        "set role account_owner; grant select on account.plans to registry_reader; reset role",
        "extra right registry_reader SELECT table account.plans",
    ),
    (
        "set role account_owner; grant select (email) on account.logins to billing_reader; reset role",
        "extra right billing_reader SELECT table account.logins.email",
    ),
    (
        "set role registry_owner; revoke select on registry.apis from registry_reader; reset role",
        "missing right registry_reader SELECT table registry.apis",
    ),
    (
        "set role profile_publisher; grant select on published.persons to public; reset role",
        "extra right public SELECT table published.persons",
    ),
    (
        "set role billing_publisher; grant select on published.standings to account_reader with grant option; reset role",
        "grant option right account_reader SELECT table published.standings",
    ),
    (
        "grant usage on sequence account.changes_id_seq to registry_writer",
        "extra right registry_writer USAGE sequence account.changes_id_seq",
    ),
    ("grant create on database govrnanza to registry_writer", "extra right registry_writer CREATE database govrnanza"),
    ("grant connect on database postgres to public", "extra right public CONNECT database postgres"),
    (
        "alter default privileges for role billing_owner grant select on tables to account_reader",
        "extra right account_reader SELECT default tables of billing_owner",
    ),
    (
        "alter default privileges for role billing_owner in schema billing grant select on tables to profile_reader",
        "extra right profile_reader SELECT default tables of billing_owner in billing",
    ),
    (
        "alter default privileges for role account_owner grant execute on routines to public",
        "extra right public EXECUTE default routines of account_owner",
    ),
    (
        "grant execute on function pg_read_file(text) to registry_reader",
        "extra right registry_reader EXECUTE routine pg_read_file(text)",
    ),
    (
        "grant execute on function pg_advisory_lock(bigint) to public",
        "extra right public EXECUTE routine pg_advisory_lock(bigint)",
    ),
    ("grant usage on language plpgsql to registry_reader", "extra right registry_reader USAGE language plpgsql"),
    (
        "grant set on parameter log_statement to registry_reader",
        "extra right registry_reader SET parameter log_statement",
    ),
    ("grant select on pg_authid to registry_reader", "extra right registry_reader SELECT table pg_catalog.pg_authid"),
    ("grant account_owner to registry_reader", "extra member registry_reader in account_owner"),
    ("grant pg_read_all_data to billing_reader", "extra member billing_reader in pg_read_all_data"),
    ("alter role profile_reader createdb", "attribute profile_reader createdb"),
    ("alter role profile_writer connection limit -1", "attribute profile_writer connection_limit"),
    ("alter role account_reader set statement_timeout = 0", "setting account_reader statement_timeout"),
    (
        "alter role account_reader in database govrnanza set work_mem = '1GB'",
        "setting account_reader work_mem in database",
    ),
    ("alter role billing_writer reset temp_file_limit", "setting billing_writer temp_file_limit"),
    ("alter database govrnanza set lock_timeout = 0", "setting all lock_timeout in database"),
    ("alter table account.logins enable row level security", "extra row level security of account.logins"),
    ("alter table registry.versions disable trigger all", "table with disabled trigger all of registry.versions"),
    // A wrong owner hides no other drift of the same table.
    (
        "grant delete on billing.runs to profile_reader; revoke select on billing.runs from billing_reader; alter table billing.runs owner to registry_owner",
        "owner table billing.runs",
    ),
    ("select", "extra right profile_reader DELETE table billing.runs"),
    ("select", "missing right billing_reader SELECT table billing.runs"),
    ("alter view published.usage set (security_invoker = true)", "view option published.usage security_invoker"),
    (
        "select lo_create(4711); grant select on large object 4711 to registry_reader",
        "extra right registry_reader SELECT large object 4711",
    ),
    ("set role registry_owner; create table registry.notes (id int); reset role", "extra table registry.notes!"),
    (
        "set role account_owner; create function account.peek() returns int security definer language sql set search_path = account as 'select 1'; reset role",
        "function option account.peek() search_path!",
    ),
];

/// What comes with one of them: an unknown function is a finding, too, and the owner's rights move with the owner.
const BESIDE: &[&str] = &["extra right public EXECUTE routine account.peek()", "extra routine account.peek()"];

fn keys(seen: &drift::Seen) -> Vec<String> {
    seen.findings.iter().map(|finding| finding.key.clone()).collect()
}

#[test]
fn every_drift_is_found_by_its_key_and_one_apply_puts_it_right() {
    let cluster = TestCluster::ephemeral();
    let (url, admin) = (cluster.url("govrnanza", "superuser"), cluster.url("govrnanza", "govrnanza_admin"));
    let options = Options::default();
    assert_eq!(keys(&drift::check(&url, &options).unwrap()), Vec::<String>::new(), "as built");
    assert_eq!(
        keys(&drift::check(&admin, &options).unwrap()),
        Vec::<String>::new(),
        "as built, seen by the administrator"
    );

    let mut superuser = connect(&url);
    for (drift, _) in DRIFTS {
        superuser.batch_execute(drift).unwrap_or_else(|error| panic!("{drift}: {error:?}"));
    }
    let found = keys(&drift::check(&url, &options).unwrap());
    let planted = |key: &str| DRIFTS.iter().any(|(_, of)| of.trim_end_matches('!') == key);
    let missed: Vec<_> =
        DRIFTS.iter().filter(|(_, key)| !found.iter().any(|one| one == key.trim_end_matches('!'))).collect();
    assert!(missed.is_empty(), "{missed:#?} not among {found:#?}");
    let beside: Vec<_> = found.iter().filter(|key| !planted(key)).collect();
    assert_eq!(beside, BESIDE);

    // The administrator puts right what is its own; a superuser the rest; nobody what somebody has to decide.
    let (done, left) = drift::converge(&admin, &options, &[]).unwrap();
    assert!(!done.is_empty() && left.findings.iter().all(|finding| finding.by != drift::By::Apply), "{left:#?}");
    let (done, left) = drift::converge(&url, &options, &[]).unwrap();
    assert!(!done.is_empty());
    let decide: Vec<_> = DRIFTS.iter().filter_map(|(_, key)| key.strip_suffix('!')).collect();
    let mut left = keys(&left);
    left.retain(|key| key != "extra routine account.peek()");
    assert_eq!(left, decide);
    let (again, _) = drift::converge(&url, &options, &[]).unwrap();
    assert_eq!(again, Vec::<String>::new(), "the second changes nothing");
}

#[test]
fn how_a_member_is_one_counts_from_16_on() {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url("govrnanza", "superuser");
    let mut superuser = connect(&url);
    let version: i32 = superuser.query_one("select current_setting('server_version_num')::int", &[]).unwrap().get(0);
    if version < 160_000 {
        println!("before 16 a membership has no such options");
        return;
    }
    superuser
        .batch_execute(
            "set role govrnanza_admin; grant account_owner to govrnanza_admin with inherit true;
             grant profile_owner to govrnanza_admin with set false; reset role",
        )
        .unwrap();
    let options = Options::default();
    assert_eq!(
        keys(&drift::check(&url, &options).unwrap()),
        [
            "member inherit option govrnanza_admin in account_owner",
            "member set option govrnanza_admin in profile_owner",
        ]
    );
    let (done, left) = drift::converge(&url, &options, &[]).unwrap();
    assert_eq!((done.len(), left.findings), (2, vec![]));
}

#[test]
fn a_look_changes_nothing_not_even_roles() {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url("govrnanza", "superuser");
    let mut superuser = connect(&url);
    superuser
        .batch_execute("alter role billing_reader set work_mem = '1GB'; grant account_owner to registry_reader")
        .unwrap();
    let mut state = || {
        ["pg_authid", "pg_auth_members", "pg_db_role_setting", "pg_class", "pg_attribute", "pg_proc", "pg_namespace", "pg_database", "pg_default_acl", "pg_parameter_acl"]
            .map(|table| texts(&mut superuser, &format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from (select x.*, x.xmin from {table} x) t where '{table}' <> 'pg_class' or true")).remove(0))
    };
    let before = state();
    assert_eq!(drift::check(&url, &Options::default()).unwrap().findings.len(), 2);
    drift::check(&cluster.url("govrnanza", "govrnanza_admin"), &Options::default()).unwrap();
    assert_eq!(before, state());
}

#[test]
fn two_at_once_do_not_fail_and_nobody_is_refused_meanwhile() {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url("govrnanza", "superuser");
    let mut superuser = connect(&url);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = connect(&cluster.url("govrnanza", "registry_reader"));
            let mut read = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                client
                    .batch_execute("select count(*) from published.persons; select count(*) from registry.apis")
                    .unwrap();
                read += 1;
            }
            read
        });
        for round in 0..3 {
            superuser
                .batch_execute("grant select on published.contacts to registry_reader; alter role account_reader set work_mem = '1GB'; grant select on published.persons to public")
                .unwrap();
            let both: Vec<_> =
                (0..2).map(|_| scope.spawn(|| drift::converge(&url, &Options::default(), &[]))).collect();
            for one in both {
                let (_, left) = one.join().unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
                assert!(left.findings.is_empty(), "{left:#?}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 10);
    });
}

/// What only a superuser can take away `dba apply` names, and `dba bootstrap` takes.
#[test]
fn apply_names_what_only_bootstrap_closes() {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url("govrnanza", "superuser");
    connect(&url)
        .batch_execute("alter role billing_reader createdb; grant account_owner, pg_read_all_data to registry_reader")
        .unwrap();
    let admin = cluster.url("govrnanza", "govrnanza_admin");
    let apply = || schema::apply(&admin, &schema::ApplyOptions::default()).unwrap().findings;
    let findings = apply();
    for stray in [
        "alter role billing_reader nosuperuser",
        "revoke account_owner from registry_reader",
        "revoke pg_read_all_data from",
    ] {
        assert!(findings.iter().any(|finding| finding.contains(stray)), "{stray}: {findings:#?}");
    }
    schema::bootstrap(&cluster.url("postgres", "superuser"), cluster.passwords()).unwrap();
    assert_eq!(apply(), Vec::<String>::new());
    assert_eq!(drift::check(&url, &Options::default()).unwrap().findings, vec![]);
}

#[test]
fn apply_says_whose_table_is_in_its_way() {
    let cluster = TestCluster::ephemeral();
    connect(&cluster.url("govrnanza", "superuser"))
        .batch_execute(
            "alter table billing.runs owner to registry_owner; revoke all on billing.runs from billing_reader",
        )
        .unwrap();
    let admin = cluster.url("govrnanza", "govrnanza_admin");
    let error = schema::apply(&admin, &schema::ApplyOptions::default()).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("table billing.runs belongs to registry_owner, not to billing_owner: `alter table billing.runs owner to billing_owner;`"),
        "{said}"
    );
    assert!(said.contains("[42501]"), "{said}");
    assert_eq!(error.code(), 3);
}
