//! Servers that were made with another encoding, collation or language than ours.

use std::process::Command;

use schema::apply::{ApplyOptions, install};
use schema::bootstrap::BootstrapOptions;
use schema::cluster::ClusterOptions;
use schema::copy::Copy;
use schema::testing::{GERMAN, TestCluster, dump_program, in_german, needs, speaks_german};
use schema::{DATABASE, OwnDatabase};

use crate::support::{connect, said, state, texts};

fn server(initdb: &[&str]) -> TestCluster {
    let initdb = initdb.iter().map(|&word| word.to_owned()).collect();
    TestCluster::with(ClusterOptions { initdb, ..ClusterOptions::ephemeral() })
}

/// Exit code, and what `dba` said: the server is that of `url`, the passwords are this cluster's.
fn dba(cluster: &TestCluster, url: &str, command: &[&str]) -> (i32, String, String) {
    let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
    said(
        &dba.args(command)
            .env("DATABASE_URL", url)
            .env("GOVRNANZA_HOME", cluster.cluster().home().unwrap())
            .output()
            .unwrap(),
    )
}

/// `dba` refuses this database in one sentence that says all of these.
fn refused(cluster: &TestCluster, url: &str, command: &[&str], words: &[&str]) {
    let (code, out, err) = dba(cluster, url, command);
    assert!(code == 2 && out.is_empty() && err.trim_end().lines().count() == 1, "{command:?}: {code} {out} {err}");
    assert!(words.iter().all(|word| err.contains(word)), "{command:?}: {err}");
}

/// Names that differ in case alone collide, whatever their letters, and every text is kept as it is.
fn folds(cluster: &TestCluster, database: &str) {
    let mut writer = connect(&cluster.url(database, "account_writer"));
    let mut insert = |name: &str| {
        let sql = "insert into account.organisations (id, name, plan_code, version, created_at, updated_at)
            values (gen_random_uuid(), $1, 'free', 1, now(), now())";
        writer.execute(sql, &[&name]).map_err(|error| state(&error))
    };
    for name in ["Ärzte €", "Ωμέγα", "INFO 🦀"] {
        assert_eq!(insert(name), Ok(1), "{name}");
    }
    for name in ["ärzte €", "ωμέγα", "info 🦀"] {
        assert_eq!(insert(name), Err("23505".to_owned()), "{name}");
    }
    let kept = texts(&mut writer, "select name from account.organisations order by name collate \"C\"");
    assert_eq!(kept, ["INFO 🦀", "Ärzte €", "Ωμέγα"]);
}

/// The database that all share, and one service's own.
fn ours_on(cluster: &TestCluster) {
    let superuser = cluster.url("postgres", "superuser");
    install(cluster.cluster(), DATABASE, cluster.passwords(), &ApplyOptions::default()).unwrap();
    folds(cluster, DATABASE);
    let own = OwnDatabase::of("account").unwrap();
    let options = ApplyOptions::alone(own);
    let bootstrap = BootstrapOptions { database: own.name(), roles: own.roles(), ..BootstrapOptions::default() };
    schema::bootstrap::run(&superuser, cluster.passwords(), &bootstrap).unwrap();
    schema::apply(&cluster.cluster().admin_url(cluster.passwords(), &own.name()), &options).unwrap();
    folds(cluster, &own.name());
    // Of the structure, by pg_dump: into a database that is made like the first.
    let original = cluster.url(&own.name(), "superuser");
    let connected = connect(&original);
    if dump_program().is_none() {
        return;
    }
    let copy = Copy::of_busy(&original, "encoding", true).unwrap();
    assert_eq!(texts(&mut connect(copy.url()), "select lower('Ä€')"), ["ä€"]);
    drop((copy, connected));
}

#[test]
fn a_latin1_server_keeps_our_database_in_utf8_and_others_as_they_are() {
    let cluster = server(&["-E", "LATIN1"]);
    let superuser = cluster.url("postgres", "superuser");
    // One that somebody made before, by hand.
    let mut postgres = connect(&superuser);
    postgres.batch_execute(&format!("create database {DATABASE}")).unwrap();
    refused(&cluster, &superuser, &["bootstrap"], &[DATABASE, "LATIN1", "dba bootstrap"]);
    let roles = texts(&mut postgres, "select rolname::text from pg_roles where rolname like 'govrnanza%'");
    assert!(roles.is_empty(), "refused before anything was changed: {roles:?}");
    postgres.batch_execute(&format!("drop database {DATABASE}")).unwrap();
    postgres.batch_execute("create database shop").unwrap();
    ours_on(&cluster);
    postgres.batch_execute(&format!("drop database {DATABASE}")).unwrap();
    postgres.batch_execute(&format!("create database {DATABASE} owner govrnanza_admin")).unwrap();
    refused(&cluster, &superuser, &["apply"], &[DATABASE, "LATIN1", "dba bootstrap"]);
    // Another's is read as the server converts it.
    let shop = cluster.url("shop", "superuser");
    connect(&shop).batch_execute("create role \"Käufer\" login; create table public.\"Süßes\" (a int); grant select on public.\"Süßes\" to \"Käufer\"").unwrap();
    let (code, out, err) = dba(&cluster, &shop, &["roles", "init"]);
    assert!(code == 0 && out.contains("Süßes") && out.contains("Käufer"), "{code} {out} {err}");
}

#[test]
fn a_server_without_an_encoding_keeps_our_database_in_utf8_and_no_other_is_read() {
    let cluster = server(&["-E", "SQL_ASCII"]);
    ours_on(&cluster);
    let superuser = cluster.url("postgres", "superuser");
    for command in
        [&["coupling"][..], &["roles", "init"], &["impact", "drop table nonesuch"], &["blame", "--for", "1s"]]
    {
        refused(&cluster, &superuser, command, &["postgres", "SQL_ASCII"]);
    }
}

#[test]
fn a_database_whose_collation_knows_ascii_alone_is_refused_and_any_other_is_used() {
    let cluster = server(&[]);
    ours_on(&cluster);
    let superuser = cluster.url("postgres", "superuser");
    let mut postgres = connect(&superuser);
    postgres.batch_execute(&format!("drop database {DATABASE}")).unwrap();
    postgres.batch_execute(&format!("create database {DATABASE} owner govrnanza_admin")).unwrap();
    refused(&cluster, &superuser, &["bootstrap"], &[DATABASE, "libc C", "ÄPI"]);
    refused(&cluster, &superuser, &["apply"], &[DATABASE, "libc C", "ÄPI"]);
    postgres.batch_execute(&format!("drop database {DATABASE}")).unwrap();
    let icu = "locale_provider icu icu_locale 'de' lc_collate 'C' lc_ctype 'C' encoding 'UTF8' template template0";
    let made = postgres.batch_execute(&format!("create database {DATABASE} owner govrnanza_admin {icu}"));
    if needs(made.map_err(|error| format!("this Postgres was built without ICU: {error}"))).is_none() {
        return;
    }
    install(cluster.cluster(), DATABASE, cluster.passwords(), &ApplyOptions::default()).unwrap();
    folds(&cluster, DATABASE);
    // Turkish: the small I has no dot.
    postgres.batch_execute(&format!("create database turkish {}", icu.replace("'de'", "'tr'"))).unwrap();
    refused(
        &cluster,
        &superuser,
        &["apply", "--database-url", &cluster.url("turkish", "govrnanza_admin")],
        &["ICU tr"],
    );
}

#[test]
fn a_server_that_speaks_german() {
    in_german("encoding::a_server_that_speaks_german", || {
        let initdb = ["-E", "LATIN1"].map(str::to_owned).to_vec();
        let settings = vec![GERMAN.to_owned()];
        let cluster = TestCluster::with(ClusterOptions { initdb, settings, ..ClusterOptions::ephemeral() });
        let superuser = cluster.url("postgres", "superuser");
        if speaks_german(&superuser).is_none() {
            return;
        }
        ours_on(&cluster);
        let (code, out, _) = dba(&cluster, &superuser, &["bootstrap"]);
        assert!(code == 0 && out.contains(DATABASE), "{out}");
        // Before a database is chosen, a server says it in its own encoding; with it we say what matters all the same.
        let wrong = superuser.replacen("postgres:", "postgres:not", 1);
        let (code, _, err) = dba(&cluster, &wrong, &["blame", "--for", "1s"]);
        assert!(code == 3 && err.contains("28P01") && err.trim_end().lines().count() == 1, "{code} {err}");
    });
}
