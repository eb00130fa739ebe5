//! pgbench with the statements that the service sends.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::requests::Kind;
use super::scripts::{Script, statements};
use super::system::{Arm, System};
use super::turn::{alone, requests};
use crate::Failure;
use crate::data::{connect, failed};
use crate::observe::process::program;

/// One run's figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Throughput {
    /// Statements in a second, times the keys that each looks up.
    pub per_s: f64,
    /// Mean milliseconds of a statement.
    pub mean_ms: f64,
}

/// Registry's login for reads.
pub const READER: &str = "registry_reader";
/// Registry's login for the rest.
pub const WRITER: &str = "registry_writer";

/// Who asks so.
pub fn login(kind: Kind) -> &'static str {
    match kind {
        Kind::Read | Kind::List => READER,
        Kind::Create | Kind::CreateOne | Kind::Mixed => WRITER,
    }
}

/// Scripts, written down, and the login that runs them.
pub struct Yardstick {
    program: PathBuf,
    files: Vec<(PathBuf, u32)>,
    keys: u32,
    url: String,
}

impl Yardstick {
    /// Of these scripts; with the rights and the settings of the service's own sessions.
    pub fn of(system: &System, name: &str, login: &str, scripts: &[Script]) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for (index, script) in scripts.iter().enumerate() {
            let file = system.folder().join(format!("{name}-{index}.sql"));
            std::fs::write(&file, &script.text)
                .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))?;
            files.push((file, script.weight));
        }
        let server = u32::try_from(system.postmaster).ok().and_then(program);
        let own = server.map(|server| server.with_file_name("pgbench"));
        Ok(Self {
            program: own.filter(|program| program.is_file()).unwrap_or_else(|| "pgbench".into()),
            files,
            keys: scripts.first().map_or(1, |script| script.keys),
            url: system.environment.login_url(login)?,
        })
    }

    /// Runs it for so many whole seconds; once more and longer where not one statement was done in them, as happens when
    /// a busy machine takes that long to connect: pgbench's clock begins before that, its rate after.
    pub fn run(&self, clients: usize, seconds: u64) -> Result<Throughput, Failure> {
        match self.attempt(clients, seconds)? {
            Some(seen) => Ok(seen),
            None => self
                .attempt(clients, seconds * 5)?
                .ok_or_else(|| Failure::could_not_run("pgbench got no statement done in the time it had.")),
        }
    }

    /// Nothing where it says no rate.
    fn attempt(&self, clients: usize, seconds: u64) -> Result<Option<Throughput>, Failure> {
        let could_not = |what: String| Failure::could_not_run(format!("pgbench {what}."));
        // One more for many sessions to connect in.
        let length = seconds + u64::from(clients > 32);
        let (threads, length) = (clients.min(2).to_string(), length.to_string());
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-c", &clients.to_string()])
            .args(["-j", &threads, "-T", &length])
            .env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan");
        for (file, weight) in &self.files {
            command.arg("-f").arg(format!("{}@{weight}", file.display()));
        }
        let done = command.arg(&self.url).output();
        let done = done.map_err(|error| could_not(format!("can't be run: {error}")))?;
        if !done.status.success() {
            let errors = String::from_utf8_lossy(&done.stderr);
            let error = errors.lines().find(|line| line.contains("ERROR"));
            return Err(could_not(format!("failed: {}", error.unwrap_or(&errors))));
        }
        let text = String::from_utf8_lossy(&done.stdout);
        let number = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let said = number("tps = ").zip(number("latency average = "));
        Ok(said.map(|(tps, mean_ms)| Throughput { per_s: tps * f64::from(self.keys), mean_ms }))
    }
}

/// Parameter types, as the service names them.
const TYPES: &[(&str, &str, &str)] = &[
    ("find", statements::FIND, "uuid, uuid"),
    ("list", statements::LIST, "uuid, bigint"),
    (
        "create",
        statements::CREATE,
        "uuid, uuid, uuid, uuid, uuid, timestamptz, text, text, text, text[], int, int, uuid, text, jsonb",
    ),
];

/// Makes sure that a yardstick runs what the service sends: by Postgres's own mark of a statement, its query id.
///
/// # Errors
/// Where the service, after it was asked for each, has sent another statement: the yardstick must follow the service.
pub fn check(system: &System, arm: &Arm, kind: Kind) -> Result<(), Failure> {
    let mut client = connect(system.environment.database_url()?)?;
    let doing = |error| failed("comparing the yardstick with the service", &error);
    client.batch_execute("set compute_query_id = on; select dba.pg_stat_statements_reset()").map_err(doing)?;
    let kinds = match kind {
        Kind::Read => [("find", Kind::Read)].to_vec(),
        Kind::List => [("list", Kind::List)].to_vec(),
        Kind::Create | Kind::CreateOne => [("create", Kind::Create)].to_vec(),
        Kind::Mixed => [("find", Kind::Read), ("list", Kind::List), ("create", Kind::Create)].to_vec(),
    };
    for (name, kind) in kinds {
        ask_once(system, arm, kind)?;
        let Some((_, text, types)) = TYPES.iter().find(|(of, ..)| *of == name) else {
            continue;
        };
        let (text, types) = as_sent(text, types);
        let nulls = vec!["null"; types.len()].join(", ");
        let types = types.join(", ");
        client.batch_execute(&format!("prepare bench_{name} ({types}) as {text}")).map_err(doing)?;
        let plan = client.query(&format!("explain (verbose) execute bench_{name}({nulls})"), &[]).map_err(doing)?;
        let id = plan.iter().find_map(|row| {
            let line: String = row.get(0);
            line.strip_prefix("Query Identifier: ")?.parse::<i64>().ok()
        });
        let sent = client
            .query_one(
                "select exists (select from dba.pg_stat_statements s where s.queryid = $1 and s.calls > 0)",
                &[&id],
            )
            .map_err(doing)?;
        if !sent.get::<_, bool>(0) {
            return Err(Failure::could_not_run(format!(
                "Registry no longer sends the statement that the yardstick runs: bring the copy of {name} in benches/src/bench/hot/sql up to date."
            )));
        }
    }
    Ok(())
}

/// diesel sends a parameter as often as it stands in the text, and numbers them in that order: the text so, and its types.
fn as_sent(text: &str, types: &str) -> (String, Vec<String>) {
    let types: Vec<&str> = types.split(", ").collect();
    let mut parts = text.split('$');
    let mut sent = parts.next().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().unwrap_or(1);
        all.extend(types.get(number - 1).map(|of| (*of).to_owned()));
        sent += &format!("${}{}", all.len(), &part[digits..]);
    }
    (sent, all)
}

/// Asks for a second, and a few times more where the machine is too busy to answer within one.
fn ask_once(system: &System, arm: &Arm, kind: Kind) -> Result<(), Failure> {
    let mut statuses = BTreeMap::new();
    for _ in 0..5 {
        let mut requests = requests(system, arm, kind)?;
        statuses = alone(arm, Duration::from_secs(1), &mut || requests.next())?.by_status;
        if statuses.keys().any(|status: &u16| (200..300).contains(status)) {
            return Ok(());
        }
    }
    Err(Failure::could_not_run(format!("{} doesn't answer as it should: {statuses:?}.", arm.name)))
}

#[cfg(test)]
mod tests {
    use super::as_sent;

    #[test]
    fn parameters_are_numbered_as_they_are_sent() {
        let (text, types) = as_sent("select $2, $1, $2 || $12", "int, text, a, b, c, d, e, f, g, h, i, j");
        assert_eq!(text, "select $1, $2, $3 || $4");
        assert_eq!(types, ["text", "int", "text", "j"]);
    }
}
