//! `dba roles attack`.

use clap::Args;
use schema::attack::{self, Field, Planted, Tried};
use schema::copy::Copy;
use schema::roles::RolesFile;
use schema::session::Session;
use schema::table::table;
use schema::{Error, Passwords, Result};
use serde_json::json;

use crate::cli::interrupt;
use crate::cli::outcome::Outcome;
use crate::cli::place::{Place, known_passwords, temporary};

/// Try to break every rule of the roles file, as the real logins. Exit code 1 if an
/// attack succeeds.
///
/// Everything is tried on a copy of the database, which is dropped at the end, each
/// attack in a transaction that is rolled back; pg_stat_statements doesn't count
/// them. The copy holds the rows if nobody is connected, else the structure alone.
///
/// Passwords: `DBA_PASSWORD_<LOGIN>`, else `GOVRNANZA_PASSWORD_<LOGIN>`, else the
/// private cluster's file.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Attack {
    #[command(flatten)]
    place: Place,
    /// In a temporary server: remove the restriction that stops each attack, and check that the attack then succeeds. Tests the attacks, not your database.
    #[arg(long)]
    self_test: bool,
}

fn password<'a>(passwords: Option<&'a Passwords>) -> impl Fn(&str) -> Option<String> + 'a {
    move |login| {
        let given = std::env::var(format!("DBA_PASSWORD_{}", login.to_uppercase())).ok();
        let variable = format!("GOVRNANZA_PASSWORD_{}", login.to_uppercase());
        let given = given.or_else(|| std::env::var(variable).ok());
        given.or_else(|| passwords?.get(login).map(str::to_owned))
    }
}

pub fn run(args: &Attack) -> Result<Outcome> {
    if args.self_test {
        return self_test();
    }
    let (url, file, passwords) = (args.place.url()?, args.place.file()?, known_passwords()?);
    if !Session::connect_uncounted(&url)?.is_superuser()? {
        return Err(Error::Usage(
            "attack needs a superuser's URL, to find what can be attacked; the attacks themselves run as the logins"
                .into(),
        ));
    }
    let secret = password(passwords.as_ref());
    interrupt::drop_copies();
    let copy = Copy::of(&url, "attack").or_else(|_| Copy::of_busy(&url, "attack", false))?;
    uncounted(copy.url())?;
    let field = Field { superuser: copy.url(), file: &file, password: &secret };
    let (tried, without) = attack::run(&field)?;
    let notes: Vec<String> =
        without.iter().map(|login| format!("{login} was not tried: its password is unknown")).collect();
    let open = tried.iter().filter(|one| !one.otherwise.is_empty()).count();
    let outcome = Outcome::new(text(&tried, &notes), &json!({ "version": 1, "tried": tried, "notes": notes }));
    Ok(outcome.with_findings(open, "attack(s) did not end as expected"))
}

/// The logins can't switch `pg_stat_statements` off: the copy does, for all its sessions, and takes the setting with it when it is dropped.
fn uncounted(copy: &str) -> Result<()> {
    let mut session = Session::connect_uncounted(copy)?;
    let name: String = session.value("select format('%I', current_database())")?;
    session.run(
        &format!("alter database {name} set pg_stat_statements.track = none"),
        "keeping the attacks out of pg_stat_statements",
    )
}

/// One line for each attack; then those that did not end as expected.
fn text(tried: &[Tried], notes: &[String]) -> String {
    let of = |attack: &attack::Attack| tried.iter().filter(|one| one.name == attack.name).collect::<Vec<_>>();
    let attacks = attack::ATTACKS.iter().filter_map(|attack| {
        let of = of(attack);
        let statements: usize = of.iter().map(|one| one.statements).sum();
        let open = of.iter().any(|one| !one.otherwise.is_empty());
        Some(vec![
            attack.number.to_owned(),
            attack.name.to_owned(),
            of.first()?.expected.to_owned(),
            match (open, statements) {
                (true, _) => "OPEN",
                (_, 0) => "not tried: nothing here to try it on",
                _ => "as expected",
            }
            .to_owned(),
            of.len().to_string(),
            statements.to_string(),
        ])
    });
    let mut lines = vec![table(&["number", "attack", "expected", "result", ">logins", ">statements"], attacks)];
    for one in tried {
        if let Some((sql, got)) = one.otherwise.first() {
            let count = one.otherwise.len();
            lines.push(format!(
                "OPEN: {}, as {}: {count} of {} statements; got {got}: {sql}",
                one.name, one.login, one.statements
            ));
        }
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn self_test() -> Result<Outcome> {
    let (cluster, passwords) = temporary()?;
    let (superuser, file) = (cluster.superuser_url(schema::DATABASE), RolesFile::default());
    let secret = password(Some(&passwords));
    let field = Field { superuser: &superuser, file: &file, password: &secret };
    let logins = attack::Targets::read(&mut Session::connect(&superuser)?, &file)?.logins;
    let login = logins.iter().find(|login| login.ends_with("_reader")).or(logins.first()).cloned().unwrap_or_default();
    let planted = attack::self_test(&field, &login)?;
    let row = |one: &Planted| {
        let seen = if one.through > 0 { "seen" } else { "NOT SEEN" };
        vec![one.name.to_owned(), seen.to_owned(), one.through.to_string(), one.hole.clone()]
    };
    let mut lines = vec![table(&["attack", "hole", ">statements", "planted"], planted.iter().map(row))];
    let untested = attack::holes::NO_HOLE;
    lines
        .extend(untested.iter().map(|name| format!("note: {name}: only a restart of the server could plant its hole")));
    let blind = planted.iter().filter(|one| one.through == 0).count();
    let outcome = Outcome::new(lines.join("\n"), &json!({ "version": 1, "planted": planted }));
    Ok(outcome.with_findings(blind, "attack(s) do not see the hole that was planted for them"))
}
