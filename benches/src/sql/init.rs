//! `lab sql init`: a workload file from what `pg_stat_statements` has counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use schema::coupling::statements::{Window, from_pg_stat_statements};
use schema::impact::{Drawn, Drivable, Statement, drawn};
use schema::session::Session;

use super::pgbench::Pgbench;
use super::place::{Place, Wanted};
use super::workload::{QueryMode, SqlService};
use crate::Failure;

mod range;
mod script;
mod share;

use script::{Rows, script};
use share::Share;

/// What to write.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// The database, as a superuser.
    pub url: String,
    /// A folder to write into, made where it is missing.
    pub out: PathBuf,
}

/// Part of a role's calls, and of their time, that its scripts shall cover; what is both rarer and quicker is left out.
const COVERED: f64 = 0.95;
/// Scripts of a role at the most.
const SCRIPTS: usize = 40;
/// Length of a statement in a comment.
const SHOWN: usize = 200;

/// Writes `workload.toml` and a script for each frequent statement; a sentence on what was written.
///
/// # Errors
/// A usage error where nothing was counted, the folder has such a file already, or no copy can be made.
pub fn init(options: &InitOptions) -> Result<String, Failure> {
    let file = options.out.join("workload.toml");
    if file.exists() {
        return Err(Failure::usage(format!("{} is there already: name another folder with --out.", file.display())));
    }
    let mut session = Session::connect_uncounted(&options.url)?;
    let counted = from_pg_stat_statements(&mut session.client)?;
    drop(session);
    let none = || {
        Failure::usage(
            "The server has counted no statement of a role that is no superuser here: load pg_stat_statements (shared_preload_libraries), \
             `create extension pg_stat_statements` in this database, and let the services work for a while.",
        )
    };
    let (seen, window) = counted.ok_or_else(none)?;
    let times = seen.iter().map(|one| ((one.role.clone(), one.sql.clone()), one.milliseconds)).collect();
    let seen: Vec<Statement> = seen.into_iter().map(Statement::from).collect();
    if seen.is_empty() {
        return Err(none());
    }
    let roles: BTreeSet<String> = seen.iter().map(|one| one.role.clone()).collect();
    let logins: Vec<String> = roles.into_iter().collect();
    let place = Place::prepare(&options.url, &Wanted::Copy { sample: None }, &logins)?;
    let (drivable, undrivable) = drawn(&place.url(), &seen)?;
    std::fs::create_dir_all(&options.out).map_err(|error| cannot(options, &error))?;
    let mut writer = Writer {
        options,
        place: &place,
        rows: Rows::default(),
        window: &window,
        times,
        driven: Share::default(),
        all: Share::default(),
    };
    let mut text = writer.head();
    for login in &logins {
        let of = |statement: &Statement| statement.role == *login;
        let can: Vec<&Drivable> = drivable.iter().filter(|one| of(&one.statement)).collect();
        let not: Vec<(&Statement, String)> =
            undrivable.iter().filter(|(one, _)| of(one)).map(|(one, why)| (one, why.clone())).collect();
        text += &writer.service(login, &can, not)?;
    }
    std::fs::write(&file, text).map_err(|error| cannot(options, &error))?;
    let (driven, all) = (writer.driven, writer.all);
    let [calls, time] = driven.of(all).map(|part| part * 100.0);
    Ok(format!(
        "{} and its scripts drive {calls:.0} % of {} counted calls and {time:.0} % of the {:.1} s that these took; the rest is listed in it as \
         comments, with the reason. Next: lab sql check {}",
        file.display(),
        all.calls,
        all.ms / 1000.0,
        file.display()
    ))
}

fn cannot(options: &InitOptions, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} can't be written into: {error}.", options.out.display()))
}

struct Writer<'a> {
    options: &'a InitOptions,
    place: &'a Place,
    rows: Rows,
    window: &'a Window,
    /// Milliseconds of all calls, by role and statement.
    times: BTreeMap<(String, String), f64>,
    driven: Share,
    all: Share,
}

impl Writer<'_> {
    fn head(&self) -> String {
        format!(
            "# What pg_stat_statements has counted over {:.0} s (since {}). Rates are means over that time: a busy hour has more.\n\
             # Each statement is a script and a transaction of its own: the server doesn't count which ones belong together.\n\
             # Values are drawn from rows that were there; they stand in the scripts.\n",
            self.window.seconds, self.window.reset_at
        )
    }

    /// The section of one role, its scripts written and tried once on the copy.
    fn service<'s>(
        &mut self,
        login: &str,
        can: &[&'s Drivable],
        mut not: Vec<(&'s Statement, String)>,
    ) -> Result<String, Failure> {
        let mut can: Vec<(&Drivable, Share)> = can.iter().map(|one| (*one, self.share(&one.statement))).collect();
        let not_driven = not.iter().map(|(one, _)| self.share(one));
        let all = can.iter().map(|(_, of)| *of).chain(not_driven).fold(Share::default(), Share::plus);
        let largest = |of: Share| of.of(all).into_iter().fold(0.0, f64::max);
        can.sort_by(|a, b| largest(b.1).total_cmp(&largest(a.1)));
        let (mut lines, mut driven) = (String::new(), Share::default());
        let mut kept = 0;
        for (one, of) in can {
            if kept == SCRIPTS || driven.of(all).iter().all(|part| *part >= COVERED) {
                not.push((&one.statement, "rare and quick: left out".into()));
                continue;
            }
            let name = format!("{}-{:02}.sql", login.replace(|c: char| !c.is_alphanumeric(), "_"), kept + 1);
            match self.write(login, one, &name)? {
                Ok(()) => {
                    let [calls, time] = of.of(all).map(|part| part * 100.0);
                    let _ = writeln!(
                        lines,
                        "[[services.{}.scripts]] # {calls:.1} % of the calls, {time:.1} % of their time\nfile = \"{name}\"\nweight = {}",
                        key(login),
                        one.statement.calls
                    );
                    (kept, driven) = (kept + 1, driven.plus(of));
                }
                Err(why) => not.push((&one.statement, why)),
            }
        }
        (self.driven, self.all) = (self.driven.plus(driven), self.all.plus(all));
        let mut text = String::from("\n");
        let mark = if kept == 0 { "# " } else { "" };
        let rate = driven.calls as f64 / self.window.seconds.max(1.0);
        let _ = writeln!(text, "{mark}[services.{}]\n{mark}login = {}", key(login), quoted(login));
        let _ = writeln!(text, "{mark}rate-per-s = {:.3}\n{mark}connections = 8", rate.max(0.001));
        for (statement, why) in not {
            let shown: String =
                statement.sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
            let why = why.replace('\n', " ");
            let Share { calls, ms } = self.share(statement);
            let _ = writeln!(text, "# not driven, {calls} calls of {ms:.1} ms in all ({why}): {shown}");
        }
        Ok(text + &lines)
    }

    fn share(&self, one: &Statement) -> Share {
        let ms = self.times.get(&(one.role.clone(), one.sql.clone())).copied().unwrap_or_default();
        Share { calls: one.calls, ms }
    }

    /// Writes a script and tries it; why it can't be driven.
    fn write(&mut self, login: &str, one: &Drivable, name: &str) -> Result<Result<(), String>, Failure> {
        let text = match script(one, &mut self.rows, &self.place.url())? {
            Ok(text) => text,
            Err(why) => return Ok(Err(why)),
        };
        let file = self.options.out.join(name);
        std::fs::write(&file, text).map_err(|error| cannot(self.options, &error))?;
        let folder = tempfile::tempdir().map_err(|error| cannot(self.options, &error))?;
        let pgbench = Pgbench::find(&self.place.url(), folder.path())?;
        let of = SqlService {
            login: login.to_owned(),
            rate_per_s: 1.0,
            connections: 1,
            query_mode: QueryMode::Prepared,
            tries: 1,
            p99_limit_ms: None,
            scripts: Vec::new(),
        };
        match pgbench.once(login, &of, self.place.login(login)?, &file) {
            Ok(_) => Ok(Ok(())),
            Err(Failure::Usage(why)) => {
                let _ = std::fs::remove_file(&file);
                Ok(Err(why))
            }
            Err(other) => Err(other),
        }
    }
}

/// A key of TOML.
fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Which columns of which table a statement's values come from.
fn columns(one: &Drivable) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, source) in &one.parameters {
        if let Drawn::Column { table, column } = source {
            found.entry(table).or_default().insert(column);
        }
    }
    found
}
