//! `lab import` against running services.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::sql;
use crate::support::{LAB, shared, unique, until};

/// Rows of the real catalogue, with providers of this test's own: several on each plan, with all the oddities.
struct Sample {
    _folder: tempfile::TempDir,
    file: PathBuf,
    prefix: String,
    rows: usize,
}

fn sample(rows: usize) -> Sample {
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/data/catalogue.jsonl");
    let text = fs::read_to_string(catalogue).unwrap();
    let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let odd = |row: &&Value| row.get("title").is_none() || row.get("categories").is_none();
    let of = |provider: &'static str| all.iter().filter(move |row| row["provider"] == provider);
    let chosen = of("azure.com").take(8).chain(of("googleapis.com").take(8)).chain(all.iter().filter(odd).take(4));
    let mut chosen: Vec<Value> = chosen.chain(&all).take(rows).cloned().collect();
    let prefix = unique("it");
    for row in &mut chosen {
        row["provider"] = format!("{prefix}.{}", row["provider"].as_str().unwrap()).into();
    }
    chosen.dedup_by_key(|row| row["id"].as_str().unwrap().to_owned());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.jsonl");
    let lines: Vec<String> = chosen.iter().map(Value::to_string).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    Sample { _folder: folder, file, prefix, rows: chosen.len() }
}

impl Sample {
    fn command(&self, more: &[&str]) -> Command {
        let urls: Vec<String> = shared().services.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let mut command = Command::new(LAB);
        command.arg("import").arg(&self.file).args(["--format", "json", "--target", &urls.join(",")]).args(more);
        command
    }

    /// How many there are of each: organisations, domains, sub domains, APIs, people.
    fn there(&self) -> [i64; 5] {
        let mut database = sql::connect(shared());
        ["account.organisations o", "registry.domains", "registry.sub_domains", "registry.apis", "profile.profiles"]
            .map(|table| {
                let of = format!("(select id from account.organisations where name like '{}.%')", self.prefix);
                let column = if table.ends_with(" o") { "id" } else { "organisation_id" };
                sql::count(&mut database, &format!("select count(*) as count from {table} where {column} in {of}"))
            })
    }
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn a_second_time_doubles_nothing() {
    let sample = sample(40);
    let first = sample.command(&[]).output().unwrap();
    assert_eq!(summary(&first), serde_json::json!({"imported": sample.rows, "present": 0, "refused": []}));
    assert_eq!(first.status.code(), Some(0));
    assert!(first.stderr.is_empty(), "no progress bar where there is no terminal");
    let there = sample.there();
    assert_eq!(there[3], sample.rows as i64);
    let second = sample.command(&[]).output().unwrap();
    assert_eq!(summary(&second), serde_json::json!({"imported": 0, "present": sample.rows, "refused": []}));
    assert_eq!(sample.there(), there, "nothing doubled, nothing more");
    let mut database = sql::connect(shared());
    assert_eq!(sql::wrong_counters(&mut database).iter().filter(|line| line.contains(&sample.prefix)).count(), 0);
    what_went_in(&sample);
    let other_seed = sample.command(&["--seed", "other"]).output().unwrap();
    assert_eq!(other_seed.status.code(), Some(1), "a refusal is a finding");
    let refused = summary(&other_seed)["refused"].as_array().unwrap().clone();
    assert_eq!(refused.len(), sample.rows);
    assert!(refused[0]["reason"].as_str().unwrap().contains("--seed"), "{}", refused[0]);
    assert_eq!(sample.there(), there);
}

/// Reads one organisation back, as its admin would.
fn what_went_in(sample: &Sample) {
    let mut database = sql::connect(shared());
    let of = format!("o.name = '{}.azure.com'", sample.prefix);
    let line = sql::lines(
        &mut database,
        &format!(
            "select format('%s %s.%s %s', o.plan_code, v.major, v.minor, a.description) as line from account.organisations o \
             join registry.apis a on a.organisation_id = o.id join registry.versions v on v.organisation_id = o.id and v.api_id = a.id \
             where {of} order by a.name limit 1"
        ),
    )
    .remove(0);
    let (plan, rest) = line.split_once(' ').unwrap();
    assert_eq!(plan, "payg", "eight sub domains are more than free has: {line}");
    let (version, description) = rest.split_once(' ').unwrap();
    let original = description.strip_prefix("Version in the catalogue: ").unwrap().split(". ").next().unwrap();
    let numbers: Vec<u32> =
        original.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).take(2).collect();
    assert_eq!(version, format!("{}.{}", numbers[0], numbers[1]), "{line}");
    let unowned = format!(
        "select count(*) as count from account.organisations o join registry.apis a on a.organisation_id = o.id \
         where {of} and (a.business_owner_id is null or a.technical_owner_id is null)"
    );
    assert_eq!(sql::count(&mut database, &unowned), 0, "everything has owners");
}

#[test]
fn goes_on_after_a_kill() {
    let sample = sample(40);
    let mut child = sample.command(&["--threads", "1"]).spawn().unwrap();
    until("it is in the middle", || sample.there()[3] >= 10);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = sample.there()[3];
    assert!(before < sample.rows as i64, "killed too late to show anything");
    let summary = summary(&sample.command(&[]).output().unwrap());
    let present = summary["present"].as_i64().unwrap();
    // The request that was under way may have been finished by the service after the count.
    assert!((before..=before + 1).contains(&present), "{present} present, {before} counted");
    assert_eq!(summary["imported"].as_i64().unwrap() + present, sample.rows as i64, "{summary}");
    assert_eq!(sample.there()[3], sample.rows as i64);
}

/// A larger file for organisations that are there: they move to the plan they need.
#[test]
fn a_larger_catalogue_moves_to_a_larger_plan() {
    let mut sample = sample(1);
    let provider = unique("grow");
    let row =
        |n: usize| format!(r#"{{"id":"{provider}/{n}","provider":"{provider}","version":"1.{n}","service":"s{n}"}}"#);
    for (rows, plan) in [(2, "free"), (6, "payg"), (4, "payg")] {
        let lines: Vec<String> = (0..rows).map(row).collect();
        fs::write(&sample.file, lines.join("\n")).unwrap();
        sample.rows = rows;
        let output = sample.command(&[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", summary(&output));
        let mut database = sql::connect(shared());
        let now = format!("select plan_code as line from account.organisations where name = '{provider}'");
        assert_eq!(sql::lines(&mut database, &now), [plan]);
    }
}

#[test]
fn what_is_refused_stops_nobody_else() {
    let sample = sample(1);
    let provider = unique("refuse");
    let long = "x".repeat(300);
    let lines = format!(
        "{{\"id\":\"{long}\",\"provider\":\"{provider}\",\"version\":\"1.0\"}}\n{{\"id\":\"good\",\"provider\":\"{provider}\",\"version\":\"1.0\"}}\n"
    );
    fs::write(&sample.file, lines).unwrap();
    let output = sample.command(&[]).output().unwrap();
    let summary = summary(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&summary["imported"], &summary["present"]), (&1.into(), &0.into()), "{summary}");
    assert_eq!(summary["refused"][0]["id"], long);
    assert!(summary["refused"][0]["reason"].as_str().unwrap().starts_with("422"), "{summary}");
}

#[test]
fn a_malformed_file_changes_nothing() {
    let sample = sample(3);
    let mut file = fs::File::options().append(true).open(&sample.file).unwrap();
    file.write_all(b"\n{\"id\":\"x\"}\n").unwrap();
    let output = sample.command(&[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("line 4") && said.trim().lines().count() == 1, "{said}");
    assert_eq!(sample.there(), [0; 5]);
}

#[test]
fn nobody_there_is_one_sentence() {
    let sample = sample(3);
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], schema::ports::free_port().unwrap()));
    let output = Command::new(LAB)
        .arg("import")
        .arg(&sample.file)
        .args(["--target", &format!("http://{nobody}")])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("doesn't answer"), "{said}");
}
