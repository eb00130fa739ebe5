//! A database for each service, on one server: complete, in sync, and closed to the others.

use postgres::Client;
use schema::apply::{apply, install};
use schema::attack::{self, Field};
use schema::testing::TestCluster;
use schema::{ApplyOptions, Noun, OwnDatabase, SERVICES, drift};

use crate::attacks::password;
use crate::support::{attempt, connect};

/// The five databases in one server.
fn server() -> TestCluster {
    let cluster = TestCluster::bare();
    for own in all() {
        install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
    }
    cluster
}

fn all() -> Vec<OwnDatabase> {
    SERVICES.iter().map(|service| OwnDatabase::of(service).unwrap()).collect()
}

fn logins(own: OwnDatabase) -> [String; 4] {
    [format!("{}_reader", own.service()), format!("{}_writer", own.service()), own.copier(), own.relay()]
}

#[test]
fn five_databases_are_as_declared_and_closed_to_the_others() {
    let cluster = server();
    for own in all() {
        let (name, service) = (own.name(), own.service());
        let again = apply(&cluster.url(&name, "govrnanza_admin"), &ApplyOptions::alone(own)).unwrap();
        assert!(again.is_empty(), "{service}: {again:#?}");

        let file = own.roles();
        let superuser = cluster.url(&name, "superuser");
        let seen =
            drift::check(&superuser, &drift::Options { file: file.clone(), ..drift::Options::default() }).unwrap();
        assert!(seen.findings.is_empty(), "{service}: {:#?}", seen.findings);

        let password = |login: &str| password(&cluster.url(&name, login));
        let (tried, _) = attack::run(&Field { superuser: &superuser, file: &file, password: &password }).unwrap();
        let open: Vec<_> =
            tried.iter().filter(|one| !one.otherwise.is_empty()).map(|one| (&one.login, one.name)).collect();
        assert!(open.is_empty(), "{service}: {open:#?}");
        assert!(tried.iter().map(|one| one.statements).sum::<usize>() > 100, "{service}");

        for other in all().into_iter().filter(|other| *other != own) {
            for login in logins(own) {
                let refused = Client::connect(&cluster.url(&other.name(), &login), postgres::NoTls).err();
                let code = refused.and_then(|error| error.code().map(|code| code.code().to_owned()));
                assert_eq!(code.as_deref(), Some("42501"), "{login} to {}", other.name());
            }
        }
    }
}

#[test]
fn a_copy_is_written_by_its_copier_alone() {
    let cluster = server();
    for own in all() {
        let [reader, writer, copier, mut relay] = logins(own).map(|login| connect(&cluster.url(&own.name(), &login)));
        let (mut services, mut copier) = ([reader, writer], copier);
        assert!(!own.nouns().is_empty(), "{}", own.service());
        for noun in own.nouns() {
            let delete = format!("delete from published.{noun}");
            assert_eq!(attempt(&mut copier, &delete), Ok(()), "{} {noun}", own.service());
            for service in &mut services {
                assert_eq!(
                    attempt(service, &format!("select 1 from published.{noun}")),
                    Ok(()),
                    "{} {noun}",
                    own.service()
                );
                let written = attempt(service, &format!("set transaction read write; {delete}"));
                assert_eq!(written, Err("42501".into()), "{} {noun}", own.service());
            }
        }
        let table = format!("select 1 from {}.idempotency_keys", own.service());
        assert_eq!(attempt(&mut copier, &table), Err("42501".into()), "{}", own.service());
        // The relay reads what its service shows; of the others' it writes how far its own feed has been read.
        assert_eq!(attempt(&mut relay, &table), Err("42501".into()), "{}", own.service());
        for noun in Noun::all() {
            let read = attempt(&mut relay, &format!("select 1 from published.{}", noun.name));
            let may = noun.owner == own.service() || noun.name == "feed_cursors";
            assert_eq!(read.is_ok(), may, "{}: {}", own.service(), noun.name);
        }
    }
}

#[test]
fn an_unknown_service_is_refused() {
    let error = OwnDatabase::of("shipping").unwrap_err().to_string();
    assert!(error.contains("unknown service shipping") && error.contains("registry"), "{error}");
}
