//! `lab sql check`: each script once, on a copy that is dropped afterwards, with the rows and the plan of each of its statements.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use schema::session::{Session, identifier};

use super::pgbench::Pgbench;
use super::place::{Place, Wanted};
use super::seldom::too_seldom;
use super::workload::SqlWorkload;
use crate::Failure;
use crate::design::Preset;

/// All scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// In the order of the file.
    pub scripts: Vec<CheckedScript>,
    /// Where they ran, why plans are missing, and which services are too seldom for `--preset quick`.
    pub notes: Vec<String>,
}

/// One script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedScript {
    /// Whose.
    pub service: String,
    /// Its file.
    pub script: String,
    /// Why it fails; null where it works.
    pub fails: Option<String>,
    /// Its statements that the server plans.
    pub statements: Vec<Planned>,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Its text.
    pub statement: String,
    /// Rows that it returned or changed.
    pub rows: u64,
    /// As `explain (analyze)` shows it.
    pub plan: String,
}

/// Makes the server send every plan to the client.
const EXPLAIN: [(&str, &str); 5] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("client_min_messages", "log"),
];

/// Runs each script of the file once. All of them are tried, also where one fails.
///
/// # Errors
/// As `Place::prepare`.
pub fn check(file: &Path, url: &str, sample: Option<u64>) -> Result<Checked, Failure> {
    let workload = SqlWorkload::read(file)?;
    let logins: Vec<String> = workload.logins().into_keys().collect();
    let place = Place::prepare(url, &Wanted::Copy { sample }, &logins)?;
    let mut notes = vec![place.how.clone()];
    if let Err(error) = explain(&place, &logins) {
        notes.push(format!(
            "Plans and rows are not shown: the server sends them only where a superuser asks for it ({error})."
        ));
    }
    let folder =
        tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("no temporary folder: {error}.")))?;
    let pgbench = Pgbench::find(&place.url(), folder.path())?;
    let mut scripts = Vec::new();
    for (name, of) in &workload.services {
        for script in &of.scripts {
            let (fails, said) = match pgbench.once(name, of, place.login(&of.login)?, &script.file) {
                Ok(said) => (None, said),
                Err(Failure::Usage(why)) => (Some(why), String::new()),
                Err(other) => return Err(other),
            };
            let script = script.file.display().to_string();
            scripts.push(CheckedScript { service: name.clone(), script, fails, statements: plans(&said) });
        }
    }
    notes.extend(too_seldom(&workload, Preset::Quick));
    Ok(Checked { scripts, notes })
}

/// Settings of the logins in the copy: they go with it.
fn explain(place: &Place, logins: &[String]) -> schema::Result<()> {
    let mut session = Session::connect_uncounted(&place.url())?;
    let database: String = session.value("select quote_ident(current_database())")?;
    for login in logins {
        for (name, value) in EXPLAIN {
            let role = identifier(login);
            session
                .run(&format!("alter role {role} in database {database} set {name} = '{value}'"), "asking for plans")?;
        }
    }
    Ok(())
}

/// `LOG:  duration: 0.034 ms  plan:`, the statement, its plan.
fn plans(said: &str) -> Vec<Planned> {
    let mut found = Vec::new();
    for part in said.split("LOG:  duration: ").skip(1) {
        let Some((_, text)) = part.split_once("plan:\n") else {
            continue;
        };
        let own =
            |line: &&str| !["LOG:", "NOTICE:", "WARNING:", "pgbench:"].iter().any(|start| line.starts_with(start));
        let lines: Vec<&str> = text.lines().take_while(own).collect();
        let first = lines.iter().position(|line| line.contains(" (cost=")).unwrap_or(lines.len());
        let statement = lines[..first].join(" ").trim_start_matches("Query Text: ").trim().to_owned();
        let plan = lines[first..].join("\n");
        found.push(Planned { statement, rows: rows(&lines[first..]), plan });
    }
    found
}

/// What the top of a plan returned; what changes rows and returns none: what stands below it.
fn rows(plan: &[&str]) -> u64 {
    let top = plan.first().copied().unwrap_or_default();
    let changes = ["Update on", "Insert on", "Delete on", "Merge on"].iter().any(|start| top.starts_with(start));
    let actual =
        |line: &&str| line.split_once("(actual ")?.1.split_once("rows=")?.1.split([' ', '.']).next()?.parse().ok();
    plan.iter().filter_map(actual).nth(usize::from(changes)).unwrap_or(0)
}

impl Checked {
    /// Whether every script works.
    #[must_use]
    pub fn works(&self) -> bool {
        self.scripts.iter().all(|script| script.fails.is_none())
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for script in &self.scripts {
            let verdict = script.fails.as_ref().map_or_else(|| "works".to_owned(), |why| format!("FAILS: {why}"));
            writeln!(f, "{}, {}: {verdict}", script.service, script.script)?;
            for of in &script.statements {
                writeln!(f, "  {} rows: {}", of.rows, of.statement)?;
                of.plan.lines().try_for_each(|line| writeln!(f, "      {line}"))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::plans;

    #[test]
    fn statements_with_their_rows() {
        let said = "pgbench (15.1)\nLOG:  duration: 0.034 ms  plan:\nQuery Text: update t set a = $1\nUpdate on t  (cost=0.00..1.00 rows=0 width=0) (actual rows=0 loops=1)\n  ->  Seq Scan on t  (cost=0.00..1.00 rows=3 width=4) (actual rows=3 loops=1)\n\
            LOG:  duration: 0.1 ms  plan:\nQuery Text: select 1\nResult  (cost=0.00..0.01 rows=1 width=4) (actual rows=1 loops=1)\npgbench: done\n";
        let found = plans(said);
        let short: Vec<_> = found.iter().map(|one| (one.statement.as_str(), one.rows)).collect();
        assert_eq!(short, [("update t set a = $1", 3), ("select 1", 1)]);
        assert!(found[0].plan.ends_with("loops=1)") && found[1].plan.lines().count() == 1);
    }
}
