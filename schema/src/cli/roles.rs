//! `dba roles`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schema::drift::{self, By, Finding, Seen, allow};
use schema::session::Session;
use schema::{Error, Result, read_text};
use serde_json::json;

use super::outcome::Outcome;
use super::place::{Place, superuser_url};

mod attack;
mod matrix;

/// Who may do what, compared with the roles file, which is plain SQL: create role,
/// grant, revoke, alter role.
///
/// A right that was granted by hand:     dba roles check        (exit code 1, and its key)
/// The statements that would fix it:     dba roles plan
/// Fix it:                               dba roles apply --yes
/// Do the rights hold against attacks?   dba roles attack
/// Why can this login read that table?   dba roles explain LOGIN TABLE
/// A first roles file, of any database:  dba roles init > roles.sql
///
/// Exit codes: 0 in sync, 1 something differs or an attack succeeded, 2 usage error
/// or bad input, 3 could not run.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Roles {
    #[command(subcommand)]
    command: RolesCommand,
}

#[derive(Debug, Subcommand)]
enum RolesCommand {
    /// Print how the database differs from the roles file. Changes nothing.
    ///
    /// Each finding has a key that stays the same. A finding that you accept goes into
    /// a file, with a last day and a reason:
    ///
    ///   2027-01-31 extra right reporting SELECT table sales.orders -- until the warehouse replaces it
    #[command(verbatim_doc_comment)]
    Check(Common),
    /// Print the statements that would make the database match the file. Changes nothing.
    Plan(Common),
    /// Change the database to match the roles file, in one transaction: only the statements that are needed, grants before revokes. Without --yes it only plans.
    ///
    /// If a statement that the server has counted (pg_stat_statements) needs a right that would be revoked, it is listed and nothing is changed, unless --force.
    Apply {
        #[command(flatten)]
        common: Common,
        /// Make the changes.
        #[arg(long)]
        yes: bool,
        /// Also revoke rights that are in use.
        #[arg(long)]
        force: bool,
    },
    /// Write the roles file of a database as it is: `dba roles init > roles.sql`. Changes nothing.
    ///
    /// Roles, memberships, settings, owners, row level security, and every grant and default privilege. `dba roles check --roles roles.sql` is in sync with it
    /// at once; what SQL of a roles file can't state (a policy that is always true, a function that runs as its owner) stands in it as `-- accepted: KEY`.
    Init {
        /// URL of a superuser in the database.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: Option<String>,
    },
    // Its own text is longer.
    Attack(attack::Attack),
    /// Print what each role may do with each object, and why; and which columns of tables each role can read, through which view.
    Matrix(matrix::Matrix),
    /// Why a role can do something with an object: `dba roles explain reporting sales.orders`.
    Explain(matrix::Explain),
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    place: Place,
    /// Accepted findings: lines `YYYY-MM-DD key -- reason`.
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
}

/// Runs one of them.
pub fn run(args: &Roles) -> Result<Outcome> {
    match &args.command {
        RolesCommand::Check(common) => check(common),
        RolesCommand::Plan(common) => plan(common),
        RolesCommand::Apply { common, force, yes } if *yes => apply(common, *force),
        RolesCommand::Apply { common, .. } => {
            let planned = plan(common)?;
            eprintln!("dba: nothing was changed; add --yes");
            Ok(planned)
        }
        RolesCommand::Init { database_url } => init(database_url.as_deref()),
        RolesCommand::Attack(args) => attack::run(args),
        RolesCommand::Matrix(args) => matrix::run(args),
        RolesCommand::Explain(args) => matrix::explain(args),
    }
}

fn init(database_url: Option<&str>) -> Result<Outcome> {
    let written = drift::init(&superuser_url(database_url)?)?;
    if written.accepted > 0 {
        eprintln!(
            "dba: {} finding(s) that SQL of a roles file can't state are accepted at its end: read them",
            written.accepted
        );
    }
    let value = json!({ "version": 1, "text": written.text, "accepted": written.accepted });
    Ok(Outcome::new(written.text.trim_end(), &value))
}

/// Findings without those allowed, and notes on the allow-list.
struct Checked {
    seen: Seen,
    allowed: Vec<Finding>,
    notes: Vec<String>,
}

fn options(common: &Common) -> Result<drift::Options> {
    Ok(drift::Options { file: common.place.file()?, ..drift::Options::default() })
}

fn compare(common: &Common) -> Result<Checked> {
    let list = common.allow.as_deref().map_or_else(|| Ok(Vec::new()), |path| allow::parse(&read_text(path)?))?;
    let url = common.place.url()?;
    let mut seen = drift::check(&url, &options(common)?)?;
    let today: String = Session::connect_uncounted(&url)?.value("select current_date::text")?;
    let (mut notes, mut allowed) = (Vec::new(), Vec::new());
    for entry in list {
        let hit = seen.findings.iter().position(|finding| finding.key == entry.key);
        match hit {
            None => notes.push(format!("allowed, but no finding any more: {}", entry.key)),
            Some(_) if entry.until < today => {
                notes.push(format!("was allowed until {} ({}): {}", entry.until, entry.reason, entry.key))
            }
            Some(at) => allowed.push(seen.findings.remove(at)),
        }
    }
    Ok(Checked { seen, allowed, notes })
}

fn json(checked: &Checked) -> serde_json::Value {
    json!({ "version": 1, "findings": checked.seen.findings, "allowed": checked.allowed, "accepted": checked.seen.accepted, "notes": checked.notes, "notLookedAt": checked.seen.not_looked_at })
}

fn check(common: &Common) -> Result<Outcome> {
    let checked = compare(common)?;
    let findings = &checked.seen.findings;
    let mut lines: Vec<String> =
        findings.iter().map(|finding| format!("{}\n    {}", finding.key, finding.what)).collect();
    lines.extend(checked.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(checked.seen.not_looked_at.iter().map(|what| format!("not checked: {what}")));
    if findings.is_empty() {
        let (allowed, accepted) = (checked.allowed.len(), checked.seen.accepted);
        lines.push(format!("in sync with the roles file ({allowed} allowed, {accepted} accepted by the file)"));
    }
    let advice = "finding(s); `dba roles plan` prints the statements that fix them";
    Ok(Outcome::new(lines.join("\n"), &json(&checked)).with_findings(findings.len(), advice))
}

fn plan(common: &Common) -> Result<Outcome> {
    let checked = compare(common)?;
    let lines: Vec<String> = checked
        .seen
        .findings
        .iter()
        .map(|finding| match (&finding.fix, finding.by) {
            (None, _) => format!("-- {}: {}; a person has to decide", finding.key, finding.what),
            (Some(fix), By::Superuser) => format!("{fix} -- as superuser"),
            (Some(fix), _) => fix.clone(),
        })
        .collect();
    let text = if lines.is_empty() {
        "-- nothing to do".to_owned()
    } else {
        // `set local role` has no effect outside a transaction.
        format!("begin;\n{}\ncommit;", lines.join("\n"))
    };
    Ok(Outcome::new(text, &json(&checked)))
}

/// An error if a right would be revoked that is in use.
fn spare(url: &str, findings: &[Finding]) -> Result<()> {
    let found = drift::in_use(url, findings)?;
    if let Some(why) = found.unknown {
        eprintln!("dba: it is unknown whether the rights to be revoked are in use: {why}");
    }
    for statement in &found.used {
        eprintln!("dba: in use: {statement}");
    }
    match found.used.len() {
        0 => Ok(()),
        n => Err(Error::Finding(format!(
            "nothing was changed: {n} statement(s) that have run would be refused; --force revokes the rights nevertheless"
        ))),
    }
}

fn apply(common: &Common, force: bool) -> Result<Outcome> {
    let checked = compare(common)?;
    let url = common.place.url()?;
    if !force {
        spare(&url, &checked.seen.findings)?;
    }
    let skip: Vec<String> = checked.allowed.iter().map(|finding| finding.key.clone()).collect();
    let (done, mut left) = drift::converge(&url, &options(common)?, &skip)?;
    left.findings.retain(|finding| !skip.contains(&finding.key));
    let mut lines = done.clone();
    if done.is_empty() {
        lines.push("nothing to do".into());
    }
    let who = |by: By| match by {
        By::Superuser => "left for a superuser",
        By::Person | By::Apply => "left for a person to decide",
    };
    lines.extend(left.findings.iter().map(|finding| format!("{}: {}", who(finding.by), finding.key)));
    let value = json!({ "version": 1, "done": done, "left": left.findings });
    Ok(Outcome::new(lines.join("\n"), &value).with_findings(left.findings.len(), "finding(s) are left"))
}
