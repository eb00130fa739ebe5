//! The API-centric architecture, started by the lab: the same commands and the same contract, on five databases.

use std::fs;
use std::sync::OnceLock;

use diesel::{Connection as _, PgConnection};
use lab::system::{Architecture, Deployment, Layout, Options, services};
use lab::target::{TargetFile, probe};
use schema::OwnDatabase;
use schema::attack::{self, Field};
use schema::copy::Copy;
use serde_json::Value;

use crate::support::{lab, suites, world};
use crate::{processes, sql};

/// One for all tests of this file; it ends with this process.
fn api_centric() -> &'static Deployment {
    static UP: OnceLock<Deployment> = OnceLock::new();
    UP.get_or_init(|| {
        // Nobody asks for signing keys as a question, so nothing is cached.
        let cache_ttl = "0,signing_keys=1000".parse().unwrap();
        let layout = Layout { architecture: Architecture::ApiCentric, cache_ttl, ..Layout::default() };
        let options = Options { layout, ephemeral: true, ..Options::default() };
        Deployment::start(&options, |news| eprintln!("{news}")).unwrap()
    })
}

/// What a command printed, which must have ended well.
fn printed(arguments: &[&str]) -> String {
    let target = api_centric().up_json().to_str().unwrap();
    let output = lab(arguments).args(["--target", target]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_service_has_its_own_database_and_reaches_no_other() {
    let up = api_centric();
    let place = up.place();
    assert_eq!((place.architecture.as_deref(), &place.database_url), (Some("api-centric"), &None));
    assert_eq!(place.databases.len(), 5);
    let passwords = up.passwords().unwrap();
    for service in services::names() {
        let mut database = PgConnection::establish(place.database_of(service).unwrap()).unwrap();
        let own = OwnDatabase::of(service).unwrap();
        for noun in own.nouns() {
            let copies = format!(
                "select count(*) as count from pg_class where oid = 'published.{noun}'::regclass and relkind = 'r'"
            );
            assert_eq!(sql::count(&mut database, &copies), 1, "{service}: published.{noun} is a table");
        }
        let schemas = sql::lines(
            &mut database,
            "select nspname::text as line from pg_namespace where nspname in ('account', 'profile', 'registry', 'billing', 'notification')",
        );
        assert_eq!(schemas, [service], "the database of {service} has no rows of others");
        for login in ["reader", "writer", "copier"].map(|role| format!("{service}_{role}")) {
            for other in services::names() {
                let url = schema::session::address(place.database_of(other).unwrap()).unwrap();
                let url = url.as_login(&login, passwords.get(&login)).url();
                assert_eq!(PgConnection::establish(&url).is_ok(), other == service, "{login} in {other}'s database");
            }
        }
        let id = up.process_id(service).unwrap();
        let program = fs::read_link(format!("/proc/{id}/exe")).unwrap();
        assert!(program.ends_with(format!("api-centric-{service}")), "{program:?}");
        let ttl = ("CACHE_TTL_MS".to_owned(), "0,signing_keys=1000".to_owned());
        assert!(up.plan(service).unwrap().env.contains(&ttl), "a time to live by noun");
        assert!(processes::lives(id));
    }
}

/// What `dba roles attack --own SERVICE` tries, at the databases of the running system.
#[test]
fn no_login_breaks_the_rules_of_its_database() {
    let up = api_centric();
    let passwords = up.passwords().unwrap();
    let password = |login: &str| passwords.get(login).map(str::to_owned);
    for service in services::names() {
        let file = OwnDatabase::of(service).unwrap().roles();
        // Somebody is connected: the structure alone is copied.
        let copy = Copy::of_busy(up.place().database_of(service).unwrap(), "attack", false).unwrap();
        let field = Field { superuser: copy.url(), file: &file, password: &password };
        let (tried, without) = attack::run(&field).unwrap();
        let open: Vec<_> = tried.iter().filter(|one| !one.otherwise.is_empty()).collect();
        assert!(open.is_empty() && without.is_empty(), "{service}: {open:#?} {without:?}");
        assert!(tried.iter().map(|one| one.statements).sum::<usize>() > 100, "{service}");
    }
}

#[test]
fn the_probe_finds_the_whole_contract() {
    let urls: Vec<_> = api_centric().place().services.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let report = probe::probe(&TargetFile::find(&urls.join(",")).unwrap()).unwrap();
    assert!(report.checks.len() >= 20 && report.is_whole(), "{report}");
}

#[test]
fn the_behaviour_suites_hold() {
    let world = world(api_centric().place());
    for suite in suites() {
        behaviour::run(&world, &suite);
    }
}

/// What was imported by HTTP is exported from the five databases, and its tokens read it.
#[test]
fn a_catalogue_goes_in_and_its_ids_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.jsonl");
    let catalogue = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/catalogue.jsonl")).unwrap();
    let rows: Vec<&str> = catalogue.lines().take(12).collect();
    fs::write(&file, rows.join("\n")).unwrap();
    let imported: Value =
        serde_json::from_str(&printed(&["import", file.to_str().unwrap(), "--format", "json"])).unwrap();
    let exported: Value = serde_json::from_str(&printed(&["export", "--organisations", "1000"])).unwrap();
    let with_apis = |of: &&Value| !of["apis"].as_array().unwrap().is_empty();
    let found = exported["organisations"].as_array().unwrap().iter().find(with_apis);
    let found = found.unwrap_or_else(|| panic!("no APIs in {exported:#} after {imported:#}"));
    for url in found["urls"].as_array().unwrap() {
        let get = ureq::get(url.as_str().unwrap()).header("authorization", found["authorization"].as_str().unwrap());
        assert_eq!(get.call().unwrap().status(), 200, "{url}");
    }
    let refused =
        lab(&["export", "--generate", "--target", api_centric().up_json().to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "five databases can't be filled by one script");
}

/// Within what tokens endure, and back: other tests run meanwhile.
#[test]
fn the_clock_is_everyones() {
    assert!(printed(&["clock", "+2s"]).contains("2s ahead"));
    let there = printed(&["clock", "show"]);
    assert!(printed(&["clock", "reset"]).contains("the system's time"));
    assert!(there.contains("2s ahead"));
    for service in services::names() {
        let plan = api_centric().plan(service).unwrap();
        let file = plan.env.iter().find(|(name, _)| name == "CLOCK_FILE").unwrap();
        assert_eq!(Some(file.1.as_ref()), api_centric().place().clock_file.as_deref().and_then(|file| file.to_str()));
    }
}

#[test]
fn what_is_of_the_other_architecture_is_wrong_usage() {
    for wrong in [
        &["--cache-ttl", "5"][..],
        &["--engines", "5"],
        &["--architecture", "api-centric", "--engines", "2"],
        &["--architecture", "api-centric", "--instances", "2"],
        &["--architecture", "api-centric", "--cache-ttl", "5000,prices=0"],
        &["--architecture", "x"],
    ] {
        let output = lab(&["up", "--ephemeral", "--port-base", "0"]).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
