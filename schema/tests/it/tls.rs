//! TLS to a server that takes nothing else: who is let in, and whom `dba` refuses to speak to.

use std::process::Command;

use schema::copy::Copy;
use schema::session::Session;
use schema::testing::{TestCluster, TlsServer};

use crate::support::{dba, said};

#[test]
fn each_sslmode_holds_what_it_promises() {
    let server = TlsServer::start();
    let (ours, other) = (server.file("authority.crt"), server.file("stranger.crt"));
    // Mode, host, authority, exit code, and what is said.
    let cases: &[(&str, &str, &str, i32, &str)] = &[
        ("disable", "localhost", "", 3, "no encryption"),
        ("allow", "localhost", "", 0, ""),
        ("prefer", "127.0.0.1", "", 0, ""),
        ("require", "127.0.0.1", "", 0, ""),
        ("require", "localhost", &other, 2, "not to be trusted"),
        ("verify-ca", "localhost", "", 2, "sslrootcert"),
        ("verify-ca", "localhost", &ours, 0, ""),
        ("verify-ca", "127.0.0.1", &ours, 0, ""),
        ("verify-ca", "localhost", &other, 2, "not to be trusted"),
        ("verify-full", "localhost", &ours, 0, ""),
        ("verify-full", "localhost", &other, 2, "not to be trusted"),
        ("verify-full", "127.0.0.1", &ours, 2, "isn't for 127.0.0.1"),
        ("verify-full", "localhost", "system", 2, "not to be trusted"),
    ];
    for (mode, host, authority, code, words) in cases {
        let root = if authority.is_empty() { String::new() } else { format!("&sslrootcert={authority}") };
        let url = server.url("superuser", "postgres", host, &format!("sslmode={mode}{root}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_dba"));
        command.args(["cluster", "status"]).env("DATABASE_URL", &url).env("HOME", "/nonexistent");
        let (got, _, err) = said(&command.output().unwrap());
        assert_eq!((got, err.contains(words)), (*code, true), "{mode} {host} {authority}: {err}");
        assert!(*code == 0 || err.lines().count() == 1, "{mode} {host} {authority}: {err}");
        assert!(*code != 2 || authority.is_empty() || err.contains("nothing was sent"), "{err}");
        // psql, where it can say the same: 15 has no `system`.
        if *authority != "system" {
            let mut psql = Command::new("psql");
            psql.args(["-X", "--no-password", "-c", "select 1", "-d", &url]).env("HOME", "/nonexistent");
            assert_eq!(psql.output().unwrap().status.success(), *code == 0, "{mode} {host} {authority}");
        }
    }
}

/// What is encrypted, by which certificate, and bound to the password's proof.
#[test]
fn a_certificate_and_channel_binding_are_used() {
    let server = TlsServer::start();
    server.superuser().batch_execute("create role by_card login").unwrap();
    let full = format!("sslmode=verify-full&sslrootcert={}", server.file("authority.crt"));
    let card = format!("{full}&sslcert={}&sslkey={}", server.file("by_card.crt"), server.file("by_card.key"));
    let seen = "select concat_ws(' ', current_user, version, client_dn) from pg_stat_ssl where pid = pg_backend_pid()";
    let mut session = Session::connect(&server.url("by_card", "postgres", "localhost", &card)).unwrap();
    assert_eq!(session.value::<String>(seen).unwrap(), "by_card TLSv1.3 /CN=by_card");
    let bound = server.url("superuser", "postgres", "localhost", &format!("{full}&channel_binding=require"));
    let mut session = Session::connect(&bound).unwrap();
    assert_eq!(session.value::<String>(seen).unwrap(), "postgres TLSv1.3");
    // Without its certificate it is nobody, and without TLS nothing can be bound.
    let (code, _, err) = said(&dba(&server.url("by_card", "postgres", "localhost", &full), &["cluster", "status"]));
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("certificate"), "{err}");
    let plain = TestCluster::bare();
    for (parameters, expected, words) in [
        (full.as_str(), 2, "offers no TLS"),
        ("sslmode=require", 2, "offers no TLS"),
        ("sslmode=prefer&channel_binding=require", 3, "channel binding"),
        ("sslmode=prefer", 0, ""),
    ] {
        let url = format!("{}?{parameters}", plain.url("postgres", "superuser"));
        let (code, _, err) = said(&dba(&url, &["cluster", "status"]));
        assert_eq!((code, err.contains(words)), (expected, true), "{parameters}: {err}");
    }
}

/// All of `dba`'s work goes by TLS: migrations by libpq, a copy by pg_dump, the rest by its own client.
#[test]
fn dba_works_on_a_server_that_demands_tls() {
    let server = TlsServer::start();
    let full = format!("sslmode=verify-full&sslrootcert={}", server.file("authority.crt"));
    let run = |url: &str, words: &[&str]| {
        let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
        dba.args(words).env("DATABASE_URL", url).env("DATABASE_ADMIN_URL", url);
        let passwords = server.file("../passwords");
        said(&dba.env("GOVRNANZA_PASSWORDS", passwords).output().unwrap())
    };
    let superuser = |database| server.url("superuser", database, "localhost", &full);
    let (code, _, err) = run(&superuser("postgres"), &["bootstrap"]);
    assert_eq!(code, 0, "{err}");
    let admin = |parameters: &str| server.url("govrnanza_admin", "govrnanza", "localhost", parameters);
    let wrong = format!("sslmode=verify-full&sslrootcert={}", server.file("stranger.crt"));
    let (code, _, err) = run(&admin(&wrong), &["apply"]);
    assert_eq!((code, err.contains("not to be trusted")), (2, true), "{err}");
    let (code, _, err) = run(&admin(&full), &["apply"]);
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = run(&superuser("govrnanza"), &["roles", "check"]);
    assert_eq!(code, 0, "{out}{err}");
    // Somebody is connected, so that files can't be copied.
    let _busy = Session::connect(&superuser("govrnanza")).unwrap();
    let copy = Copy::of_busy(&superuser("govrnanza"), "tls", true).unwrap();
    assert!(copy.how.starts_with("pg_dump"), "{}", copy.how);
    let plans = Session::connect(copy.url()).unwrap().value::<i64>("select count(*) from account.plans").unwrap();
    assert!(plans > 0);
}
