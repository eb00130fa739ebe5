//! The statements that Registry really sends, so that no copy of them is kept here.
//!
//! A Registry of its own is asked while the server logs what the service's logins execute: the log has each text as it was
//! sent and its parameters as literals. For pgbench, the request's own values are replaced by variables.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use postgres::Client;

use super::requests::{Kind, OPERATIONS};
use super::system::{Arm, SEED, System};
use super::turn::{ask, requests};
use crate::Failure;
use crate::data::failed;
use crate::load::closed;
use crate::load::operations::{self, MakeCall};
use crate::load::schedule::Arrival;
use crate::system::Site;

/// A statement as the server executed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its text.
    pub text: String,
    /// Its parameters as SQL literals, `$1` first.
    pub values: Vec<String>,
}

/// A Registry whose statements are logged.
pub struct Recorder<'a> {
    system: &'a System,
    client: Client,
    arm: Arm,
    log: File,
    call: MakeCall,
}

impl<'a> Recorder<'a> {
    /// Has the logins' statements logged from now on and starts a Registry that uses them.
    pub fn start(system: &'a System) -> Result<Self, Failure> {
        let mut client = system.deployment.superuser()?;
        log_statements(&mut client, "all")?;
        let cannot = |error| Failure::could_not_run(format!("The server's log can't be read: {error}."));
        // The server's standard error, wherever that goes.
        let mut log = File::open(format!("/proc/{}/fd/2", system.postmaster)).map_err(cannot)?;
        log.seek(SeekFrom::End(0)).map_err(cannot)?;
        let arm = system.registry("registry, recorded", &[("BATCH_MAX", super::KEYS.to_string())])?;
        let (endpoints, data) = (OPERATIONS.map(str::to_owned), system.deployment.data());
        let salt = system.deployment.salt();
        let call = operations::calls("registry", arm.url(), &endpoints, data, &std::sync::Arc::default(), salt)?;
        Ok(Self { system, client, arm, log, call })
    }

    /// What Registry sends to read one API.
    pub fn find(&mut self) -> Result<Sent, Failure> {
        Ok(self.ask("find-api")?.0)
    }

    /// The statement of an operation for pgbench: ids are computed from `:o`, an organisation's ordinal, and those of
    /// its rows, `:a` an API, `:s` a sub domain, `:p` a profile; a new id from `:n`.
    pub fn for_pgbench(&mut self, operation: &str) -> Result<String, Failure> {
        let (sent, answer) = self.ask(operation)?;
        let of = &self.system.deployment.data().organisations[0];
        let made = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        let mut replaced = vec![
            (of.id.to_string(), id("organisation", ":o", None)),
            (of.apis[0].to_string(), id("api", ":o", Some(":a"))),
            (of.sub_domains[0].to_string(), id("sub domain", ":o", Some(":s"))),
            (of.profiles[0].to_string(), id("profile", ":o", Some(":p"))),
        ];
        if operation == "create-api" {
            replaced.push((made("id"), "(select id from made_id)".to_owned()));
            replaced.push((made("name"), "('bench-' || (select id from made_id))".to_owned()));
        }
        Ok(sent.with(&replaced))
    }

    /// The statement for many APIs at once for pgbench: so many, each of `:o0`, `:a0` and so on.
    pub fn for_pgbench_many(&mut self, keys: u32) -> Result<String, Failure> {
        let sent = self.many()?;
        let all = |one: &dyn Fn(u32) -> String| format!("array[{}]", (0..keys).map(one).collect::<Vec<_>>().join(", "));
        let organisations = all(&|n| id("organisation", &format!(":o{n}"), None));
        let apis = all(&|n| id("api", &format!(":o{n}"), Some(&format!(":a{n}"))));
        Ok(sent.text.replace("$1", &organisations).replace("$2", &apis))
    }

    /// Asks once, and what was sent for it: the last statement on APIs with the organisation among its values.
    fn ask(&mut self, operation: &str) -> Result<(Sent, serde_json::Value), Failure> {
        let organisation = self.system.deployment.data().organisations[0].id.to_string();
        let endpoint = OPERATIONS.iter().position(|name| *name == operation).unwrap_or_default() as u16;
        self.logged()?;
        let answer = ask(&(self.call)(&Arrival { at_ns: 0, endpoint, organisation: 0, row: 0, body: 0 }))?;
        // A create reads back what it has made.
        let part = if operation == "create-api" { "insert into registry.apis" } else { "registry.apis a" };
        let found = self
            .logged()?
            .into_iter()
            .rfind(|sent| sent.text.contains(part) && sent.values.iter().any(|value| *value == literal(&organisation)));
        let sent = found.ok_or_else(|| {
            Failure::could_not_run(format!(
                "The server's log doesn't show the statement that Registry sent for {operation}."
            ))
        })?;
        Ok((sent, answer))
    }

    /// Asks by many connections until some of them share a statement.
    fn many(&mut self) -> Result<Sent, Failure> {
        for _ in 0..10 {
            let mut requests = requests(self.system, &self.arm, Kind::Read)?;
            let length = Duration::from_millis(500);
            let settings =
                closed::Settings { address: self.arm.address(), connections: 16, warm_up: Duration::ZERO, length };
            closed::run(settings, &mut || requests.next(), &mut || ())?;
            let shared = |sent: &Sent| sent.values.len() == 2 && sent.values[0].starts_with("'{");
            if let Some(sent) = self.logged()?.into_iter().rfind(shared) {
                return Ok(sent);
            }
        }
        Err(Failure::could_not_run("Registry sent no statement for many APIs within ten tries."))
    }

    /// What was logged since this was called last.
    fn logged(&mut self) -> Result<Vec<Sent>, Failure> {
        let mut bytes = Vec::new();
        self.log
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::could_not_run(format!("The server's log can't be read: {error}.")))?;
        Ok(parse(&String::from_utf8_lossy(&bytes)))
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        // At worst what follows is logged, too.
        let _ = log_statements(&mut self.client, "none");
    }
}

fn log_statements(client: &mut Client, which: &str) -> Result<(), Failure> {
    let set = |login| format!("alter role {login} set log_statement = '{which}';");
    let both = set("registry_reader") + &set("registry_writer");
    client.batch_execute(&both).map_err(|error| failed("having the service's statements logged", &error))
}

/// As the data set makes its ids.
fn id(kind: &str, first: &str, second: Option<&str>) -> String {
    match second {
        None => format!("md5('{SEED} {kind} ' || {first} || ' 0')::uuid"),
        Some(second) => format!("md5('{SEED} {kind} ' || {first} || ' ' || {second})::uuid"),
    }
}

fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

impl Sent {
    /// Its text with literals for its parameters; instead of a value in this list, the expression that stands with it.
    fn with(&self, replaced: &[(String, String)]) -> String {
        // From the last one: $1 is the beginning of $15.
        self.values.iter().enumerate().rev().fold(self.text.clone(), |text, (index, value)| {
            let instead =
                replaced.iter().find(|(of, _)| literal(of) == *value).map(|(_, expression)| expression.clone());
            // pgbench takes a colon in a literal for the beginning of a variable.
            let same = || match value.contains(':') {
                true => format!("E{}", value.replace('\\', "\\\\").replace(':', "\\x3a")),
                false => value.clone(),
            };
            text.replace(&format!("${}", index + 1), &instead.unwrap_or_else(same))
        })
    }
}

/// Statements with parameters in a part of a server's log.
fn parse(log: &str) -> Vec<Sent> {
    let (mut all, mut text) = (Vec::new(), String::new());
    // A line that begins with a tab goes on with the line before.
    for line in log.replace("\n\t", "\r").lines() {
        if let Some((_, executed)) = line.split_once("LOG:  execute ") {
            text = executed.split_once(": ").map_or_else(String::new, |(_, text)| text.replace('\r', "\n"));
        } else if let Some((_, values)) = line.split_once("DETAIL:  parameters: ") {
            all.push(Sent { text: std::mem::take(&mut text), values: parse_values(&values.replace('\r', "\n")) });
        }
    }
    all
}

/// The literals of `$1 = 'a', $2 = NULL`.
fn parse_values(list: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = list;
    while let Some((_, value)) = rest.split_once(" = ") {
        let end = match value.strip_prefix('\'') {
            Some(inner) => quoted(inner) + 2,
            None => value.find(',').unwrap_or(value.len()),
        };
        all.push(value[..end].to_owned());
        rest = &value[end..];
    }
    all
}

/// Bytes until the quote that ends a literal; a doubled one is part of it.
fn quoted(inner: &str) -> usize {
    let mut at = 0;
    while let Some(quote) = inner[at..].find('\'') {
        at += quote;
        if !inner[at + 1..].starts_with('\'') {
            return at;
        }
        at += 2;
    }
    inner.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-11-29 22:00:00.1 UTC [7] LOG:  statement: set a = 1\n\
        2026-11-29 22:00:00.2 UTC [7] LOG:  execute __diesel_stmt_1: select $1,\n\
        \t    $2 || $3\n\
        2026-11-29 22:00:00.2 UTC [7] DETAIL:  parameters: $1 = 'it''s = 1, $2', $2 = NULL, $3 = 'a\n\
        \tb'\n\
        2026-11-29 22:00:00.3 UTC [8] ERROR:  no\n";

    #[test]
    fn a_statement_is_read_from_the_log_as_it_was_sent() {
        let values = ["'it''s = 1, $2'", "NULL", "'a\nb'"].map(str::to_owned).to_vec();
        assert_eq!(parse(LOG), [Sent { text: "select $1,\n    $2 || $3".to_owned(), values }]);
    }

    #[test]
    fn own_values_become_expressions_and_others_stay() {
        let text = (1..=10).map(|n| format!("${n}")).collect::<Vec<_>>().join(" ");
        let mut values = vec!["'x'".to_owned(); 10];
        (values[0], values[9]) = ("'{\"at\": \"10:15\"}'".to_owned(), "'y''s'".to_owned());
        let sent = Sent { text, values };
        let wanted = "E'{\"at\"\\x3a \"10\\x3a15\"}' 'x' 'x' 'x' 'x' 'x' 'x' 'x' 'x' :o";
        assert_eq!(sent.with(&[("y's".to_owned(), ":o".to_owned())]), wanted);
    }
}
