//! Bad input is refused: exit code 2, and one sentence that says what is known.

use schema::bootstrap::{self, BootstrapOptions};
use schema::testing::{TestCluster, TestDb};

use crate::support::{connect, dba, said, texts};

/// Asks, and must be refused in one sentence with these words in it.
#[track_caller]
fn refused(db: &TestDb, words: &[&str], parts: &[&str]) {
    let (code, text, error) = said(&dba(&db.url("superuser"), words));
    assert_eq!((code, text.as_str()), (2, ""), "{words:?}: {text}{error}");
    assert_eq!(error.lines().count(), 1, "{words:?}: {error}");
    for part in parts {
        assert!(error.contains(part), "{words:?}: no {part:?} in {error}");
    }
}

#[test]
fn unknown_names() {
    let db = TestDb::new();
    let explain = |object: &str, parts: &[&str]| {
        refused(&db, &["roles", "explain", "registry_reader", object], parts);
    };
    explain("nosuch.table", &["nosuch.table", "registry"]);
    explain("", &["''", "registry"]);
    explain("....", &["registry"]);
    explain("a.b.c.d", &["a.b.c.d"]);
    explain("registry.apsi", &["did you mean registry.apis?"]);
    explain("registry.nothing_like_it", &["registry.apis"]);
    explain("registry.apis.titel", &["did you mean registry.apis.title?"]);
    explain("registry.apis.nosuch", &["column", "registry.apis.title"]);
    refused(&db, &["roles", "explain", "registry_raeder", "registry.apis"], &["did you mean registry_reader?"]);
    refused(&db, &["roles", "explain", "postgres", "registry.apis"], &["superuser"]);
    refused(&db, &["roles", "matrix", "--role", "nobody"], &["nobody", "account_owner"]);
    refused(&db, &["roles", "matrix", "--role", ""], &["''"]);
    refused(&db, &["impact", "select 1", "--as", "registry_onwer"], &["did you mean registry_owner?"]);

    // What there is, is answered, reached or not.
    for (role, object) in [
        ("registry_reader", "registry.apis"),
        ("registry_reader", "registry.apis.title"),
        ("registry_reader", "registry"),
        ("registry_reader", "schema registry"),
        ("registry_reader", "table registry.apis"),
        ("registry_reader", "account.logins.password_hash"),
        ("registry_reader", "published.persons"),
        ("registry_reader", "published.persons.name"),
        ("registry_reader", "pg_catalog.pg_authid"),
    ] {
        let words = ["roles", "explain", role, object];
        let (code, _, error) = said(&dba(&db.url("superuser"), &words));
        assert_eq!(code, 0, "{object}: {error}");
    }
    let everybody = ["roles", "matrix", "--role", "public"];
    assert_eq!(said(&dba(&db.url("superuser"), &everybody)).0, 0);
}

#[test]
fn files_and_numbers_that_say_nothing() {
    let db = TestDb::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (name, text) in [
        ("empty.sql", ""),
        ("none.sql", "grant usage on schema registry to somebody;\n"),
        ("other.sql", "-- == services ==\ncreate role x nologin;\n"),
    ] {
        let file = write(name, text);
        for command in ["check", "plan", "apply"] {
            refused(&db, &["roles", command, "--roles", &file], &[name, "create role"]);
        }
    }
    for day in ["2027-13-45", "2027-02-29", "2027-04-31", "2027-00-01", "2027-01-00"] {
        let file = write("allow", &format!("# why\n{day} a key -- a reason\n"));
        refused(&db, &["roles", "check", "--allow", &file], &["line 2", day]);
    }
    for ratio in ["NaN", "inf", "0", "-1"] {
        let from = format!("--slower-from={ratio}");
        refused(&db, &["impact", "select 1", &from], &["--slower-from"]);
    }
}

#[test]
fn a_database_that_belongs_to_somebody_else_is_not_bootstrapped() {
    let cluster = TestCluster::bare();
    let url = cluster.url("postgres", "superuser");
    let mut superuser = connect(&url);
    let bootstrap = |database: &str| {
        let options = BootstrapOptions { database: database.to_owned(), ..BootstrapOptions::default() };
        bootstrap::run(&url, cluster.passwords(), &options).map_err(|error| (error.code(), error.to_string()))
    };
    superuser.batch_execute("create role shop").unwrap();
    superuser
        .batch_execute("create database orders owner shop encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' template template0")
        .unwrap();
    let (code, said) = bootstrap("orders").unwrap_err();
    let words = ["orders belongs to shop, not to govrnanza_admin", "rename it"];
    assert!(code == 2 && words.iter().all(|word| said.contains(word)) && said.lines().count() == 1, "{code} {said}");
    let roles = texts(&mut superuser, "select rolname::text from pg_roles where rolname like 'govrnanza%'");
    assert!(roles.is_empty(), "refused before anything was changed: {roles:?}");

    // With the role there, it can be given away.
    bootstrap(schema::DATABASE).unwrap();
    let (code, said) = bootstrap("orders").unwrap_err();
    let way = "alter database orders owner to govrnanza_admin";
    assert!(code == 2 && said.contains(way), "{code} {said}");
    superuser.batch_execute(way).unwrap();
    bootstrap("orders").unwrap();
}
