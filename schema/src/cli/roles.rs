//! `dba roles`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schema::drift::{self, By, Finding, Seen, allow};
use schema::roles::RolesFile;
use schema::session::Session;
use schema::{Error, Passwords, Result};
use serde_json::json;

use super::args::Format;

mod attack;
mod matrix;

/// Who may do what, compared with the roles file, which is plain SQL: create role, grant, revoke, alter role.
///
/// A right given by hand at night:  dba roles check        (exit code 1, and its key)
/// What it would take:              dba roles plan
/// And done:                        dba roles apply --yes
/// Is the boundary real?            dba roles attack
/// Why can she read that?           dba roles explain LOGIN TABLE
///
/// Exit codes: 0 in sync, 1 something differs or a way is open, 2 asked for wrongly, 3 could not run.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Roles {
    #[command(subcommand)]
    command: RolesCommand,
}

#[derive(Debug, Subcommand)]
enum RolesCommand {
    /// How does the database differ from the roles file? Changes nothing.
    ///
    /// Each finding has a key that stays the same. What you decide to live with goes into a file, with a last day and a reason:
    ///
    ///   2027-01-31 extra right reporting SELECT table sales.orders -- until the warehouse is there
    #[command(verbatim_doc_comment)]
    Check(Common),
    /// The statements that would make it equal. Changes nothing.
    Plan(Common),
    /// Makes it equal, in one transaction: only the difference, what is given before what is taken. Without --yes it only plans.
    ///
    /// Takes no right away that a statement needs which the server has counted (pg_stat_statements): these are listed, and nothing is done, unless --force.
    Apply {
        #[command(flatten)]
        common: Common,
        /// Do it.
        #[arg(long)]
        yes: bool,
        /// Take away what is in use, too.
        #[arg(long)]
        force: bool,
    },
    /// Tries every way across the boundary, as the real logins. Exit code 1 if one is open.
    Attack(attack::Attack),
    /// Role by object by privilege, and why; and which columns of tables each role can reach, through which view.
    Matrix(matrix::Matrix),
    /// Why a role can do something with an object: `dba roles explain reporting sales.orders`.
    Explain(matrix::Explain),
}

/// What all of them need.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// URL of the database. As superuser everything is looked at; as the administrator, what it can see. Without it: the private cluster's superuser.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(super) database_url: Option<String>,
    /// The roles file; without it, the one built in.
    #[arg(long, value_name = "FILE")]
    pub(super) roles: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    place: Where,
    /// Findings to live with: lines `YYYY-MM-DD key -- reason`.
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
}

impl Where {
    /// The URL, and passwords of the logins if there is a private cluster.
    pub(super) fn url(&self) -> Result<String> {
        super::superuser_url(self.database_url.as_deref())
    }

    pub(super) fn file(&self) -> Result<RolesFile> {
        self.roles.as_deref().map_or_else(|| Ok(RolesFile::default()), RolesFile::load)
    }

    /// Those of a private cluster, if this machine has one. None are made.
    pub(super) fn passwords(&self) -> Result<Option<Passwords>> {
        let file = schema::cluster::home()?.join("passwords");
        if file.exists() { Ok(Some(Passwords::load(&file)?)) } else { Ok(None) }
    }
}

fn read(path: &PathBuf) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::Usage(format!("can't read {}: {error}", path.display())))
}

/// Runs one of them.
pub(in crate::cli) fn run(args: &Roles, format: Format) -> Result<()> {
    match &args.command {
        RolesCommand::Check(common) => check(common, format),
        RolesCommand::Plan(common) => plan(common, format),
        RolesCommand::Apply { common, force, yes } if *yes => apply(common, *force, format),
        RolesCommand::Apply { common, .. } => {
            plan(common, format)?;
            eprintln!("dba: nothing was done; add --yes");
            Ok(())
        }
        RolesCommand::Attack(args) => attack::run(args, format),
        RolesCommand::Matrix(args) => matrix::run(args, format),
        RolesCommand::Explain(args) => matrix::explain(args, format),
    }
}

/// Findings of a look, without those allowed; notes on the allow-list.
struct Looked {
    seen: Seen,
    allowed: Vec<Finding>,
    notes: Vec<String>,
}

fn options(common: &Common) -> Result<drift::Options> {
    Ok(drift::Options { file: common.place.file()?, ..drift::Options::default() })
}

fn look(common: &Common) -> Result<Looked> {
    let list = match &common.allow {
        Some(path) => allow::parse(&read(path)?)?,
        None => Vec::new(),
    };
    let url = common.place.url()?;
    let mut seen = drift::check(&url, &options(common)?)?;
    let today: String = Session::connect(&url)?.value("select current_date::text")?;
    let mut notes = Vec::new();
    let mut allowed = Vec::new();
    for entry in list {
        let hit = seen.findings.iter().position(|finding| finding.key == entry.key);
        match hit {
            None => notes.push(format!("allowed, and not there any more: {}", entry.key)),
            Some(_) if entry.until < today => {
                notes.push(format!("was allowed until {} ({}): {}", entry.until, entry.reason, entry.key))
            }
            Some(at) => allowed.push(seen.findings.remove(at)),
        }
    }
    Ok(Looked { seen, allowed, notes })
}

fn check(common: &Common, format: Format) -> Result<()> {
    let looked = look(common)?;
    let mut lines: Vec<String> =
        looked.seen.findings.iter().map(|finding| format!("{}\n    {}", finding.key, finding.what)).collect();
    lines.extend(looked.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(looked.seen.not_looked_at.iter().map(|what| format!("not looked at: {what}")));
    if looked.seen.findings.is_empty() {
        lines.push(format!("in sync with the roles file ({} allowed)", looked.allowed.len()));
    }
    super::print(format, &lines.join("\n"), &told(&looked));
    verdict(&looked)
}

fn told(looked: &Looked) -> serde_json::Value {
    json!({ "version": 1, "findings": looked.seen.findings, "allowed": looked.allowed, "notes": looked.notes, "notLookedAt": looked.seen.not_looked_at })
}

fn verdict(looked: &Looked) -> Result<()> {
    match looked.seen.findings.len() {
        0 => Ok(()),
        n => Err(Error::Finding(format!("{n} finding(s); `dba roles plan` says what it takes"))),
    }
}

fn plan(common: &Common, format: Format) -> Result<()> {
    let looked = look(common)?;
    let lines: Vec<String> = looked
        .seen
        .findings
        .iter()
        .map(|finding| match (&finding.fix, finding.by) {
            (None, _) => format!("-- {}: {}; somebody has to decide", finding.key, finding.what),
            (Some(fix), By::Superuser) => format!("{fix} -- as superuser"),
            (Some(fix), _) => fix.clone(),
        })
        .collect();
    let text = if lines.is_empty() {
        "-- nothing to do".to_owned()
    } else {
        // `set local role` means nothing outside a transaction.
        format!("begin;\n{}\ncommit;", lines.join("\n"))
    };
    super::print(format, &text, &told(&looked));
    Ok(())
}

/// An error if something would be taken away that is used.
fn spare(url: &str, findings: &[Finding]) -> Result<()> {
    let found = drift::in_use(url, findings)?;
    if let Some(why) = found.unknown {
        eprintln!("dba: whether somebody uses what is taken away isn't known: {why}");
    }
    for statement in &found.used {
        eprintln!("dba: in use: {statement}");
    }
    match found.used.len() {
        0 => Ok(()),
        n => Err(Error::Finding(format!(
            "nothing was done: {n} statement(s) that have run would be refused; --force takes the rights away nevertheless"
        ))),
    }
}

fn apply(common: &Common, force: bool, format: Format) -> Result<()> {
    let looked = look(common)?;
    if !force {
        spare(&common.place.url()?, &looked.seen.findings)?;
    }
    let skip: Vec<String> = looked.allowed.iter().map(|finding| finding.key.clone()).collect();
    let (done, mut left) = drift::converge(&common.place.url()?, &options(common)?, &skip)?;
    left.findings.retain(|finding| !skip.contains(&finding.key));
    let mut lines = done.clone();
    if done.is_empty() {
        lines.push("nothing to do".into());
    }
    let who = |by: By| match by {
        By::Superuser => "left for a superuser",
        By::Person | By::Apply => "left for somebody to decide",
    };
    lines.extend(left.findings.iter().map(|finding| format!("{}: {}", who(finding.by), finding.key)));
    super::print(format, &lines.join("\n"), &json!({ "version": 1, "done": done, "left": left.findings }));
    match left.findings.len() {
        0 => Ok(()),
        n => Err(Error::Finding(format!("applied, but for {n} finding(s)"))),
    }
}
