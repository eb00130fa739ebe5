//! An attack that is refused proves something only if it would succeed through the hole: each is planted, and the same attack must get through.
//! Then `dba bootstrap` and `dba apply` close them all again. In a cluster of its own, for some holes are in roles.

use schema::testing::TestCluster;
use schema::{ApplyOptions, bootstrap};

use crate::attacks::{ATTACKS, Targets, intruder};
use crate::support::{attempt, connect};

/// Attack, and what opens the way for registry_reader. A membership alone isn't enough: the logins inherit nothing.
const HOLES: &[(&str, &str)] = &[
    (
        "read a foreign table",
        "grant usage on schema account to registry_reader; grant select on account.plans to registry_reader",
    ),
    (
        "write a foreign table",
        "grant usage on schema profile to registry_reader; grant insert on profile.head_counts to registry_reader",
    ),
    (
        "change a foreign table",
        "grant usage on schema billing to registry_reader; grant select, update on billing.runs to registry_reader",
    ),
    (
        "delete from a foreign table",
        "grant usage on schema billing to registry_reader; grant delete on billing.changes to registry_reader",
    ),
    (
        "update through a view",
        "grant select, update on published.plans to registry_reader; grant update (kind) on account.plans to account_publisher",
    ),
    (
        "delete through a view",
        "grant delete on published.head_counts to registry_reader; grant delete on profile.head_counts to profile_publisher",
    ),
    (
        "read a view not granted",
        "grant select on published.contacts to registry_reader",
    ),
    (
        "lock a view and what is under it",
        "grant update on published.standings to registry_reader; grant update on billing.standings to billing_publisher",
    ),
    (
        "lock a foreign table",
        "grant usage on schema account to registry_reader; grant update on account.plans to registry_reader",
    ),
    (
        "trigger on a foreign table",
        "grant usage on schema account to registry_reader; grant trigger on account.plans to registry_reader",
    ),
    (
        "truncate a foreign table",
        "grant usage on schema billing to registry_reader; grant truncate on billing.changes to registry_reader",
    ),
    (
        "take numbers of a sequence",
        "grant usage on schema account to registry_reader; grant usage on sequence account.changes_id_seq to registry_reader",
    ),
    (
        "set a sequence",
        "grant usage on schema account to registry_reader; grant update on sequence account.changes_id_seq to registry_reader",
    ),
    (
        "read a sequence",
        "grant usage on schema account to registry_reader; grant select on sequence account.changes_id_seq to registry_reader",
    ),
    (
        "become another role",
        "grant account_owner to registry_reader",
    ),
    (
        "become a predefined role",
        "grant pg_read_all_data to registry_reader",
    ),
    (
        "truncate an own table",
        "grant truncate on registry.changes to registry_reader",
    ),
    (
        "lock an own table out",
        "grant update on registry.domains to registry_reader",
    ),
    (
        "read what others ran",
        "grant usage on schema dba to registry_reader; grant select on dba.pg_stat_statements to registry_reader; grant execute on function dba.pg_stat_statements(boolean) to registry_reader",
    ),
    (
        "advisory lock",
        "grant execute on function pg_advisory_lock(bigint) to public",
    ),
    (
        "advisory lock, two numbers",
        "grant execute on function pg_advisory_xact_lock_shared(integer, integer) to public",
    ),
    (
        "large object",
        "grant execute on function lo_create(oid) to public",
    ),
    (
        "large object from bytes",
        "grant execute on function lo_from_bytea(oid, bytea) to public",
    ),
    (
        "temporary table",
        "grant temporary on database govrnanza to public",
    ),
    (
        "temporary function",
        "grant temporary on database govrnanza to public",
    ),
    (
        "anonymous code",
        "grant usage on language plpgsql to public",
    ),
    (
        "table in any schema",
        "grant create on schema published to registry_reader",
    ),
    (
        "view in any schema",
        "grant create, usage on schema account to registry_reader",
    ),
    (
        "function in any schema",
        "grant create on schema registry to registry_reader; grant usage on language sql to registry_reader",
    ),
    (
        "table in public",
        "create schema public; grant create, usage on schema public to public",
    ),
    (
        "a schema",
        "grant create on database govrnanza to registry_reader",
    ),
    (
        "more temporary files",
        "grant set on parameter temp_file_limit to registry_reader",
    ),
    (
        "switch off the log",
        "grant set on parameter log_statement to registry_reader",
    ),
    (
        "read password hashes",
        "grant select on pg_authid to registry_reader",
    ),
    (
        "read a file",
        "grant execute on function pg_read_file(text) to registry_reader; alter role registry_reader inherit; grant pg_read_server_files to registry_reader",
    ),
    (
        "run a program",
        "alter role registry_reader inherit; grant pg_execute_server_program to registry_reader",
    ),
    (
        "end another's session",
        "alter role registry_reader inherit; grant pg_signal_backend to registry_reader",
    ),
];

/// Not for `apply` and `bootstrap` to close: rights on parameters and the catalogue's own objects, which only `dba roles check` looks at.
const BEYOND: &str = "revoke set on parameter temp_file_limit, log_statement from registry_reader; revoke select on pg_authid from registry_reader;
    revoke execute on function pg_read_file(text) from registry_reader; revoke usage on language sql from registry_reader;
    revoke select on dba.pg_stat_statements from registry_reader; revoke execute on function dba.pg_stat_statements(boolean) from registry_reader";

/// A row that a constraint refuses was let in by the rights.
fn got_through(got: &Result<(), String>) -> bool {
    got.as_ref()
        .map_or_else(|state| state.starts_with("23"), |()| true)
}

#[test]
fn every_attack_gets_through_its_hole_and_the_tools_close_it() {
    let cluster = TestCluster::ephemeral();
    let login = "registry_reader";
    let mut superuser = connect(&cluster.url("govrnanza", "superuser"));
    let targets = Targets::of(&mut superuser);
    let mut through = Vec::new();
    for (name, hole) in HOLES {
        let attack = ATTACKS
            .iter()
            .find(|attack| attack.name == *name)
            .unwrap_or_else(|| panic!("no attack {name}"));
        superuser
            .batch_execute(hole)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        // Through a hole for `pg_signal_backend` the superuser's own session stays out of reach: 42501; the attack then aims at another's.
        let mut client = intruder(&cluster.url("govrnanza", login));
        let aimed =
            |sql: String| sql.replace("usename = 'postgres'", "usename = 'registry_writer'");
        let _target = connect(&cluster.url("govrnanza", "registry_writer"));
        let opened: Vec<String> = targets
            .expand(attack, login)
            .into_iter()
            .map(aimed)
            .filter(|sql| got_through(&attempt(&mut client, sql)))
            .collect();
        assert!(
            !opened.is_empty(),
            "{name}: the hole is planted, and the attack is still refused: it proves nothing"
        );
        through.push((attack, opened));
    }

    superuser.batch_execute(BEYOND).unwrap();
    superuser
        .batch_execute("alter role billing_reader createdb")
        .unwrap();
    let admin = cluster.url("govrnanza", "govrnanza_admin");
    let findings = schema::apply(&admin, &ApplyOptions::default())
        .unwrap()
        .findings;
    for stray in [
        "alter role billing_reader nosuperuser",
        "revoke account_owner from registry_reader",
        "revoke pg_read_all_data from",
    ] {
        assert!(
            findings.iter().any(|finding| finding.contains(stray)),
            "{stray}: {findings:#?}"
        );
    }
    bootstrap(&cluster.url("postgres", "superuser"), cluster.passwords()).unwrap();
    let report = schema::apply(&admin, &ApplyOptions::default()).unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
    let _target = connect(&cluster.url("govrnanza", "registry_writer"));
    let mut client = intruder(&cluster.url("govrnanza", login));
    for (attack, opened) in &through {
        for sql in opened {
            let got = attempt(&mut client, sql);
            assert!(
                got.as_ref()
                    .is_err_and(|state| attack.refused.contains(state.as_str())),
                "{}: still open: {got:?}: {sql}",
                attack.name
            );
        }
    }
}
