//! `dba coupling`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use schema::coupling::gate::{Budgets, Verdict, gate};
use schema::coupling::render::{html::html, markdown::markdown, mermaid::mermaid, text};
use schema::coupling::{JsonKeys, Options, Owners, Report, diff, look, statements};
use schema::session::Session;
use schema::{Error, Result};
use serde_json::json;

use super::outcome::Outcome;
use super::place::superuser_url;

/// Which service depends on which, down to the column: what is granted, what of it
/// is used, and what a change would affect. It changes nothing.
///
///   dba coupling                                      what was run since the counters were reset
///   dba coupling --html coupling.html                 as a page with the graph
///   dba coupling --statements queries/ --no-run       without traffic, from SQL in a repository
///   dba coupling static                               only what is granted, and the catalogue
///   dba coupling --database-url … --owners map.toml   another database
///   dba coupling diff BASE.json                       what has been added or removed since
///   dba coupling gate BASE.json --budgets FILE        in CI
///
/// The service of an object is what the map says of the object, its schema or its
/// owner; else the owner's name without an ending like _owner, _reader, _app; else,
/// where one role owns everything, the schema. Superusers, roles with CREATEROLE,
/// and the database's owner belong to no service.
///
///   ignore = ["backup"]              # map.toml
///   [services.sales]
///   roles = ["sales_team", "till"]   # logins that run its statements, owners of its objects
///   schemas = ["sales"]
///   objects = ["public.orders"]
///
/// What a statement uses is asked of Postgres: the statement becomes the body of a
/// temporary function, in a transaction that is rolled back, with the role's own
/// search path. What can't be resolved this way (truncate, copy, lock, functions
/// whose body is text) is listed as unknown, and lowers the coverage. Statements
/// inside functions are counted by the server only with pg_stat_statements.track =
/// all. Declared keys of JSON columns (--json-keys) count as columns, used wherever
/// their column is used: SQL doesn't say which keys are read.
///
/// Ca is the number of services that depend on a service, Ce of those it depends
/// on, instability I = Ce / (Ca + Ce) [Martin 1994]. E columns are exposed to
/// others, U of them are used. Coupling factor, in [0, 1]: pairs (a, b) of services
/// where a depends on b, of the n(n-1) there could be [COF of MOOD, Brito e Abreu
/// 1995, with services for classes]. Propagation cost, in [0, 1]: the same over the
/// transitive closure, each service reaching itself, of n² [MacCormack, Rusnak,
/// Baldwin 2006]: what share of the system a change of a service picked at random
/// can reach.
///
/// Exit codes: 0 done, or the gate passed; 1 diff found a difference, or the gate
/// found something new; 2 usage error or bad input; 3 could not run, or nothing was
/// analysed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true)]
pub struct Coupling {
    #[command(subcommand)]
    command: Option<CouplingCommand>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    to: Outputs,
}

#[derive(Debug, Subcommand)]
enum CouplingCommand {
    /// Without any statement: what is granted, views down to the columns of tables, keys, triggers, functions, sequences.
    Static {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        to: Outputs,
    },
    /// What is new and what is gone since a report was written with --format json. Calls per second are not compared.
    Diff {
        /// A report written with --format json.
        base: PathBuf,
        #[command(flatten)]
        what: What,
    },
    /// Exit code 1 if there is an edge, a column, a key or a right to write that the
    /// base doesn't have, or a budget is exceeded.
    ///
    /// The budgets, each of them optional (here with the defaults; the last two are not
    /// checked by default):
    ///
    ///   max_write_edges = 0
    ///   min_coverage_percent = 99.0
    ///   forbidden = []                      # "billing -> notification", "* -> notification"
    ///   max_unused_columns = 5              # of each service
    ///   keys = ["billing.invoices -> account.organisations"]   # no other key between services
    #[command(verbatim_doc_comment)]
    Gate {
        /// A report written with --format json.
        base: PathBuf,
        /// The budgets, as TOML.
        #[arg(long, value_name = "FILE")]
        budgets: Option<PathBuf>,
        #[command(flatten)]
        what: What,
    },
}

#[derive(Debug, Args)]
struct What {
    /// URL of the database, preferably as superuser: other roles see neither all statements nor all schemas. Without it: the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Which objects and roles belong to which service.
    #[arg(long, value_name = "FILE")]
    owners: Option<PathBuf>,
    /// Keys of JSON columns that count as columns: TOML, `[[json]]` with `columns = ["schema.view.column"]` and `keys = ["a", "b"]`.
    #[arg(long, value_name = "FILE")]
    json_keys: Option<PathBuf>,
    /// A file of SQL or a folder of them: statements that count as declared. Their role comes from a line `-- role: NAME` before them, else from the name
    /// of the file or folder.
    #[arg(long, value_name = "PATH")]
    statements: Vec<PathBuf>,
    /// Leave out the statements that the server has counted.
    #[arg(long)]
    no_run: bool,
    /// Read a report that was written before, instead of a database.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database_url", "owners", "json_keys", "statements", "no_run"])]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Outputs {
    /// Write an HTML page with the graph to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the graph to this file, as a Mermaid diagram for Markdown.
    #[arg(long, value_name = "FILE")]
    mermaid: Option<PathBuf>,
}

/// Analyses, compares or gates.
pub fn run(args: &Coupling) -> Result<Outcome> {
    match &args.command {
        None => analyse(&args.what, true, &args.to),
        Some(CouplingCommand::Static { what, to }) => analyse(what, false, to),
        Some(CouplingCommand::Diff { base, what }) => compare(base, what),
        Some(CouplingCommand::Gate { base, budgets, what }) => judge(base, budgets.as_deref(), what),
    }
}

fn report(what: &What, with_statements: bool) -> Result<Report> {
    if let Some(file) = &what.report {
        return diff::read(file);
    }
    let url = superuser_url(what.database_url.as_deref())?;
    let mut options = Options { run: with_statements && !what.no_run, url: Some(url.clone()), ..Options::default() };
    if let Some(file) = &what.owners {
        options.owners = Owners::read(file)?;
    }
    if let Some(file) = &what.json_keys {
        options.json = JsonKeys::read(file)?;
    }
    let mut session = Session::connect(&url)?;
    if with_statements && !what.statements.is_empty() {
        let roles = session.texts("select rolname::text from pg_catalog.pg_roles")?;
        for path in &what.statements {
            options.declared.extend(statements::from_files(path, &roles)?);
        }
    }
    look(&mut session.client, &options)
}

fn analyse(what: &What, with_statements: bool, to: &Outputs) -> Result<Outcome> {
    let report = report(what, with_statements)?;
    let files = [(&to.html, html as fn(&Report) -> String), (&to.mermaid, mermaid)];
    for (file, render) in files {
        if let Some(file) = file {
            std::fs::write(file, render(&report))
                .map_err(|error| Error::Unavailable(format!("can't write {}: {error}", file.display())))?;
        }
    }
    if report.services.len() < 2 {
        eprintln!("dba: fewer than two services were found: say whose the schemas and roles are with --owners FILE");
    }
    // It is kept in repositories, where a diff is read line by line.
    let json = serde_json::to_string_pretty(&report).unwrap_or_default();
    Ok(Outcome { text: text::text(&report), markdown: Some(markdown(&report)), json, ..Outcome::default() })
}

fn compare(base: &Path, what: &What) -> Result<Outcome> {
    let found = diff::diff(&diff::read(base)?, &report(what, true)?);
    let value = json!({ "version": 1, "new": found.new, "gone": found.gone });
    let count = found.new.len() + found.gone.len();
    Ok(Outcome::new(text::changes(&found), &value).with_findings(count, "difference(s)"))
}

fn judge(base: &Path, budgets: Option<&Path>, what: &What) -> Result<Outcome> {
    let base = diff::read(base)?;
    let budgets = budgets.map(Budgets::read).transpose()?.unwrap_or_default();
    let Verdict { findings, diff } = gate(&base, &report(what, true)?, &budgets)?;
    let mut lines = findings.clone();
    lines.extend(
        diff.gone.iter().map(|change| {
            format!("note: only in the base, which may be written anew: {}: {}", change.what, change.thing)
        }),
    );
    if findings.is_empty() {
        lines.push("passed: coupling has not grown".to_owned());
    }
    let value = json!({ "version": 1, "passed": findings.is_empty(), "findings": findings, "gone": diff.gone });
    let advice = "finding(s); if they are intended, write the report again (--format json) and have it reviewed";
    Ok(Outcome::new(lines.join("\n"), &value).with_findings(findings.len(), advice))
}
