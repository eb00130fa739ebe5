//! Somebody else's system as a black box: here ours, of which nothing is told but base URLs. And what an outage does.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use behaviour::json;
use lab::data::Size;
use lab::experiments::failure;
use lab::experiments::failure::Break;
use lab::result::ResultFile;
use lab::system::Layout;
use lab::target::{TargetFile, probe};

use crate::support::{lab, shared, unique, world};

/// `[services]` with our five base URLs, but for those that are to be elsewhere.
fn services(elsewhere: &[(&str, &str)]) -> String {
    let mut text = "[services]\n".to_owned();
    for (name, url) in &shared().services {
        let other = elsewhere.iter().find(|(of, _)| of == name);
        let url = other.map_or(url.as_str(), |(_, url)| url);
        text += &format!("{name} = \"{url}\"\n");
    }
    text
}

fn run(target: &Path, results: &Path, more: &[&str]) -> Output {
    let mut command = lab(&["run", "--preset", "smoke", "--data", "tiny", "--target"]);
    command.arg(target).arg("--results").arg(results).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn only_folder(results: &Path) -> PathBuf {
    let mut inside = std::fs::read_dir(results).unwrap().flatten();
    inside.find(|entry| entry.path().is_dir()).unwrap().path()
}

/// Base URLs are enough: probed, filled through public POSTs, every cell run, looked at afterwards.
#[test]
fn a_black_box_needs_base_urls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.toml");
    std::fs::write(&target, services(&[])).unwrap();
    let results = folder.path().join("results");
    let output = run(&target, &results, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let folder = only_folder(&results);
    let result = ResultFile::read(&folder.join("result.json")).unwrap();
    assert!(result.run.complete && result.postgres.is_none());
    let target = result.target.as_ref().unwrap();
    assert_eq!(target.levels, ["B0", "B1"], "our services tell where the time went");
    assert!(target.foreign && target.missing.is_empty());
    assert!(target.conformance.len() >= 20);
    // Two alone, one pair, one null cell, three times.
    assert_eq!(result.counted().count(), 12);
    for cell in &result.cells {
        assert!(cell.roles.is_empty(), "a black box tells of no roles");
        crate::measure::all_are_accounted_for(cell);
    }
    assert_eq!(result.correctness.len(), 3);
    assert!(result.correctness.values().all(|count| *count == 0), "{:?}", result.correctness);
    let freshness = result.freshness.as_ref().unwrap();
    assert!(freshness.rename.is_some() && freshness.freeze.is_none());
    assert!(result.holds(&result.analyse().unwrap()));
    crate::measure::validates(&folder);
    assert!(folder.join("report.html").is_file() && folder.join("workload.toml").is_file());

    let resumed = lab(&["resume"]).arg(&folder).output().unwrap();
    assert_eq!(resumed.status.code(), Some(2), "there is nothing to go back to");
}

/// Levels B2 and B3: a database's URL with whose logins its are called, and a process.
fn watched() -> String {
    let url = shared().database_url.as_deref().unwrap();
    let listens = shared().services["profile"].replace("http://", "LISTEN=");
    let is_it = |folder: &PathBuf| {
        let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == listens.as_bytes())
    };
    let mut running = std::fs::read_dir("/proc").unwrap().flatten().map(|of| of.path());
    let process = running.find(is_it).expect("Profile runs on this machine");
    let id = process.file_name().unwrap().to_string_lossy().into_owned();
    format!("[[postgres]]\nurl = \"{url}\"\nroles = {{ profile = \"people\" }}\n[processes]\nprofile = {id}\n")
}

/// A Registry that answers 404 to everything: found before anything is measured, and measured only when asked to. What is
/// measured is watched as deep as the target lets itself be.
#[test]
fn what_a_target_lacks_is_said_first() {
    let profile = shared().services["profile"].clone();
    let registry = shared().services["registry"].clone();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.toml");
    let text = services(&[("registry", &profile)]) + "[load-at]\nregistry = \"" + &registry + "\"\n";
    let text = text + &watched();
    std::fs::write(&target, text).unwrap();
    let results = folder.path().join("results");

    let refused = run(&target, &results, &[]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("registry: find-api") && said.contains("--allow-partial"), "{said}");
    assert!(!results.exists(), "nothing was measured");

    let partial = run(&target, &results, &["--allow-partial"]);
    let said = String::from_utf8_lossy(&partial.stderr);
    assert_eq!(partial.status.code(), Some(0), "{said}");
    let result = ResultFile::read(&only_folder(&results).join("result.json")).unwrap();
    let target = result.target.unwrap();
    assert!(target.missing.contains(&"registry: find-api".to_owned()), "{:?}", target.missing);
    let names: Vec<&str> = result.services.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["profile"]);
    assert_eq!(target.levels, ["B0", "B1", "B2", "B3"]);
    for cell in &result.cells {
        let people = &cell.roles["people"];
        assert!(people.calls > 0, "its database tells who asked: {cell:?}");
        assert!(cell.ledger.samples > 0 && cell.observer_cpu > 0.0);
        assert!(!cell.roles.contains_key("profile") || cell.roles["profile"].calls == 0);
    }
    let used = |role: &str| {
        let of = result.cells.iter().filter_map(|cell| cell.roles.get(role));
        of.map(|of| of.process_cpu_s).sum::<f64>()
    };
    assert!(used("people") + used("profile") > 0.0, "its process tells what it used");
}

#[test]
fn the_probe_asks_for_a_402_where_it_is_told_of_a_frozen_login() {
    let world = world(shared());
    let (name, email) = (unique("frozen"), format!("{}@frozen.example", unique("a")));
    let password = "a password for freezing 1";
    let sign_up = json!({"name": name, "plan": "free", "admin": {"email": email, "password": password}});
    let made = world.account().post("/organisations").json(&sign_up).send().expect(201);
    let text = services(&[]) + &format!("[frozen]\nemail = \"{email}\"\npassword = \"{password}\"\n");
    let target = TargetFile::parse(&text).unwrap();
    let report = probe::probe(&target).unwrap();
    let wrong: Vec<_> = report.checks.iter().filter(|check| check.found.is_some()).collect();
    assert_eq!(wrong.len(), 1, "not frozen yet: {wrong:?}");
    let found = wrong[0].found.as_deref().unwrap();
    assert!(found.contains("expected the problem 402") && !found.contains('\n'), "{found}");
    let database = shared().database_url.as_deref().unwrap();
    crate::sql::set_standing(database, made.id(), "frozen");
    let report = probe::probe(&target).unwrap();
    assert!(report.is_whole() && report.skipped.is_empty(), "{report}");
    assert!((20..=45).contains(&report.checks.len()), "{}", report.checks.len());
}

/// Who isn't there, and who answers something else, is named as such.
#[test]
fn a_target_where_nobody_can_sign_up_is_one_sentence() {
    let refused = |url: &str| {
        let target = TargetFile::parse(&services(&[("account", url)])).unwrap();
        probe::probe(&target).unwrap_err().to_string()
    };
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], schema::ports::free_port().unwrap()));
    let said = refused(&format!("http://{nobody}"));
    assert!(said.contains("doesn't answer") && said.contains("refused"), "{said}");
    let said = refused(&shared().services["profile"]);
    assert!(said.contains("/api/v1/organisations was answered with 404"), "{said}");
}

/// Everybody under load while Profile is away: nobody else loses an answer, and no acknowledged write is lost.
#[test]
fn a_stopped_profile_costs_nobody_else_an_answer() {
    // First the one, then the other: two that start at once may be given the same free ports.
    shared();
    let options = failure::Options {
        layout: Layout::default(),
        size: Size::SMALL,
        breaks: vec![Break::Service("profile")],
        seconds: 2,
        rate_per_s: Some(45.0),
        seed: 1,
        optimised: false,
    };
    let matrix = failure::run(&options, &Arc::new(AtomicBool::new(false))).unwrap();
    let row = &matrix.outcome.rows[0];
    assert_eq!(row.services.len(), 5);
    for (name, of) in &row.services {
        assert!(of.all > 0, "{name}");
        if name == "profile" {
            assert!(of.share() < 0.5, "{matrix}");
        } else {
            assert_eq!(of.good, of.all, "{name}: {matrix}");
        }
    }
    assert!(row.is_sound() && row.four_down == 0.0, "{matrix}");
}
