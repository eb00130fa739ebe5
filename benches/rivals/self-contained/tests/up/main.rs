//! The self-contained architecture, started by the lab: the same commands and the same contract, on five databases and a log.

#![expect(clippy::unwrap_used, reason = "tests: a panic is a finding")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use behaviour::{Value, json};
use lab::data::Size;
use lab::experiments::failure::{self, Break, Expected};
use lab::experiments::matrix;
use lab::import;
use lab::measure::plan;
use lab::result::ResultFile;
use lab::system::{Architecture, Deployment, Engines, Layout, Options, clock, export, services};
use lab::target::{TargetFile, probe};
use schema::OwnDatabase;
use schema::testing::needs;
use self_contained::kafka;

fn layout() -> Layout {
    Layout { architecture: Architecture::SelfContained, engines: Engines::One, ..Layout::default() }
}

/// None: there is no Kafka here, and the test is skipped.
fn with_kafka() -> Option<()> {
    needs(kafka::jars(&kafka::Options::from_environment()).as_ref()).map(|_| ())
}

fn up() -> Option<Deployment> {
    with_kafka()?;
    let options = Options { layout: layout(), ephemeral: true, ..Options::default() };
    Some(Deployment::start(&options, |news| eprintln!("{news}")).unwrap())
}

fn exe(id: u32) -> String {
    fs::read_link(format!("/proc/{id}/exe")).unwrap().display().to_string()
}

/// One system for all that leaves it whole: a start takes its time.
#[test]
fn the_lab_does_to_it_what_it_does_to_ours() {
    let Some(up) = up() else { return };
    let place = up.place().clone();
    assert_eq!((place.architecture.as_deref(), &place.database_url), (Some("self-contained"), &None));
    assert_eq!((place.databases.len(), place.parts.len()), (5, 10));
    the_programs_are_the_products_own(&up);
    the_probe_finds_the_whole_contract(up.up_json());
    let organisation = a_catalogue_goes_in_and_its_ids_come_out(&up);
    the_lag_is_shown(&up);
    the_clock_is_everyones(&up);
    what_is_stopped_is_not_ready_and_catches_up(&up, &organisation);

    let before: BTreeSet<u32> = up.processes().into_iter().map(|(_, id)| id).collect();
    drop(up);
    let left: Vec<u32> = before.into_iter().filter(|id| Path::new(&format!("/proc/{id}")).exists()).collect();
    assert!(left.is_empty(), "they end with it: {left:?}");
    assert!(!Path::new(place.up_json.as_ref().unwrap()).exists());
}

fn the_programs_are_the_products_own(up: &Deployment) {
    let all = up.processes();
    let runs = |name: &str| exe(all.iter().find(|(of, _)| of == name).unwrap().1);
    for service in services::names() {
        assert!(runs(service).ends_with(&format!("/{service}")), "{}", runs(service));
        let mut database =
            postgres::Client::connect(up.place().database_of(service).unwrap(), postgres::NoTls).unwrap();
        for noun in OwnDatabase::of(service).unwrap().nouns() {
            let text =
                format!("select relkind::text from pg_catalog.pg_class where oid = 'published.{noun}'::regclass");
            assert_eq!(database.query_one(&text, &[]).unwrap().get::<_, String>(0), "r", "{service}: {noun}");
        }
    }
    assert!(
        runs("profile-relay").ends_with("/self-contained") && runs("registry-ingester").ends_with("/self-contained")
    );
    assert!(runs("kafka").contains("java"), "it is Kafka itself that is stopped: {}", runs("kafka"));
}

fn the_probe_finds_the_whole_contract(up_json: &Path) {
    let report = probe::probe(&TargetFile::find(&up_json.display().to_string()).unwrap()).unwrap();
    assert!(report.checks.len() >= 20 && report.is_whole(), "{report}");
}

/// What was imported by HTTP is exported from the five databases, and its tokens read it. The id of one organisation.
fn a_catalogue_goes_in_and_its_ids_come_out(up: &Deployment) -> Value {
    let catalogue = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/catalogue.jsonl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.jsonl");
    fs::write(&file, catalogue.lines().take(12).collect::<Vec<_>>().join("\n")).unwrap();
    let summary = import::run(&import::catalogue::read(&file).unwrap(), up.place(), "1", 4).unwrap();
    assert_eq!((summary.imported, summary.refused.len()), (12, 0), "{summary}");
    let exported = export::export(up.up_json(), None, 1000).unwrap();
    let with_apis = |of: &&Value| !of["apis"].as_array().unwrap().is_empty();
    let found = exported["organisations"].as_array().unwrap().iter().find(with_apis).unwrap().clone();
    for url in found["urls"].as_array().unwrap() {
        let get = ureq::get(url.as_str().unwrap()).header("authorization", found["authorization"].as_str().unwrap());
        assert_eq!(get.call().unwrap().status(), 200, "{url}");
    }
    found
}

fn text(url: &str) -> String {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    agent.get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

fn the_lag_is_shown(up: &Deployment) {
    for (part, url) in &up.place().parts {
        let (service, kind) = part.split_once('-').unwrap();
        let text = text(&format!("{url}/metrics"));
        let labels = format!("part=\"{kind}\",service=\"{service}\"}}");
        assert!(text.contains("log_lag_seconds{noun=") && text.contains(&labels), "{part}: {text}");
    }
    let text = text(&format!("{}/metrics", up.place().parts["registry-ingester"]));
    assert!(text.contains("log_lag_seconds{noun=\"persons\""), "{text}");
    for file in ["alerts.yaml", "dashboard.json"] {
        let path = format!("{}/../../../docs/deploy/{file}", env!("CARGO_MANIFEST_DIR"));
        let asked = fs::read_to_string(path).unwrap();
        let words = asked.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let names: BTreeSet<&str> = words.filter(|word| word.starts_with("log_") && *word != "log_aside").collect();
        assert!(!names.is_empty(), "{file}");
        for name in names {
            assert!(text.contains(&format!("\n{name}{{")), "{name} of {file}");
        }
    }
}

/// Within what tokens endure, and back.
fn the_clock_is_everyones(up: &Deployment) {
    assert_eq!(clock::run("+2s".parse().unwrap(), up.up_json()).unwrap(), 2);
    assert_eq!(clock::run(clock::Move::Reset, up.up_json()).unwrap(), 0);
    for service in services::names() {
        let plan = up.plan(service).unwrap();
        let file = plan.env.iter().find(|(name, _)| name == "CLOCK_FILE").unwrap();
        assert_eq!(Some(Path::new(&file.1)), up.place().clock_file.as_deref());
    }
}

/// An ingester is stopped, somebody is added, and who starts it again gets it back when it has caught up.
fn what_is_stopped_is_not_ready_and_catches_up(up: &Deployment, organisation: &Value) {
    let id = organisation["id"].as_str().unwrap();
    let names = |up: &Deployment| {
        let mut copy = postgres::Client::connect(up.place().database_of("registry").unwrap(), postgres::NoTls).unwrap();
        let rows = copy.query("select p.name from published.persons p where p.organisation_id::text = $1", &[&id]);
        rows.unwrap().iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    up.stop_service("registry-ingester").unwrap();
    let made = ureq::post(format!("{}/api/v1/organisations/{id}/profiles", up.place().services["profile"]))
        .header("authorization", organisation["authorization"].as_str().unwrap())
        .send_json(
            json!({"name": "Late Arrival", "jobTitle": "Assistant", "email": "late@people.example", "timeZone": "UTC"}),
        );
    assert_eq!(made.unwrap().status(), 201);
    assert!(!names(up).contains(&"Late Arrival".to_owned()));
    up.start_service("registry-ingester").unwrap();
    assert!(names(up).contains(&"Late Arrival".to_owned()), "it is ready once it has caught up");
}

/// Data and log are put back for each replicate, audited together, and freshness is measured without load and with it.
#[test]
fn a_run_measures_it() {
    if with_kafka().is_none() {
        return;
    }
    let results = tempfile::tempdir().unwrap();
    let options = plan::Options {
        layout: layout(),
        preset: lab::design::Preset::Smoke,
        seed: 1,
        results: results.path().to_owned(),
        workload: None,
        utilisation: 0.2,
        size: Size::TINY,
        optimised: false,
        rates_from: None,
    };
    let folder = matrix::run(&options, &Arc::new(AtomicBool::new(false))).unwrap();
    let result = ResultFile::read(&folder.join("result.json")).unwrap();
    assert!(result.run.complete);
    assert_eq!(result.target.unwrap().label, "self-contained");
    let broken: Vec<_> =
        result.correctness.iter().filter(|(name, count)| **count != 0 && !name.contains("frozen")).collect();
    assert!(broken.is_empty(), "{broken:?}");
    let freshness = result.freshness.unwrap();
    let loaded = freshness.under_load.clone().unwrap();
    for delay in [freshness.freeze, freshness.rename, loaded.freeze, loaded.rename] {
        assert!(delay.unwrap().p50_ms > 0.0, "{freshness:?}");
    }
}

/// Nobody notices that the log is away, but what Registry shows of Profile grows old, and is up to date again afterwards.
#[test]
fn an_outage_of_the_log_makes_copies_old_and_nothing_else() {
    if with_kafka().is_none() {
        return;
    }
    let options = failure::Options {
        layout: layout(),
        size: Size::TINY,
        breaks: vec![Break::Service("kafka"), Break::Database("profile")],
        seconds: 8,
        rate_per_s: Some(25.0),
        seed: 1,
        optimised: false,
    };
    let found = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap();
    let [log, database] = &found.outcome.rows[..] else { panic!("{found}") };
    for row in [log, database] {
        assert_eq!((row.writes_lost, row.violations), (0, 0), "{found}");
    }
    for cell in &log.cells {
        assert_eq!(cell.expected, Expected::Untouched, "{found}");
        assert!(cell.during.good > 0, "{cell:?}\n{found}");
    }
    let staleness = log.staleness.as_ref().unwrap();
    // How soon it is up to date again depends on the machine; that it is, the tests of the log show.
    assert!(staleness.most_ms > 6_000, "{staleness:?}");
    for cell in &database.cells {
        match cell.service.as_str() {
            "profile" => assert_eq!((cell.expected, cell.during.good), (Expected::Down, 0), "{cell:?}"),
            _ => assert!(cell.expected == Expected::Untouched && cell.during.good > 0, "{cell:?}\n{found}"),
        }
    }
    assert!(found.to_string().contains("How old what Registry shows of Profile was"), "{found}");
}
