//! `dba roles attack`.

use clap::Args;
use schema::attack::{self, Field, Planted, Tried, Which};
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
/// Each attack runs in a transaction that is rolled back. Those that would leave
/// something behind, or block other sessions, are tried on a copy of the database,
/// which can only be made while nobody is connected; otherwise a note says that
/// they were not tried.
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
    if !Session::connect(&url)?.is_superuser()? {
        return Err(Error::Usage(
            "attack needs a superuser's URL, to find what can be attacked; the attacks themselves run as the logins"
                .into(),
        ));
    }
    let secret = password(passwords.as_ref());
    let (mut tried, without) =
        attack::run(&Field { superuser: &url, file: &file, password: &secret }, Which::Harmless)?;
    let mut notes: Vec<String> =
        without.iter().map(|login| format!("{login} was not tried: its password is unknown")).collect();
    interrupt::drop_copies();
    match Copy::of(&url, "attack") {
        Ok(copy) => tried.extend(
            attack::run(&Field { superuser: copy.url(), file: &file, password: &secret }, Which::Destructive)?.0,
        ),
        Err(error) => notes.push(format!(
            "{} attacks were not tried, because they need a copy of the database: {error}",
            attack::DESTRUCTIVE.len()
        )),
    }
    let open = tried.iter().filter(|one| !one.otherwise.is_empty()).count();
    let outcome = Outcome::new(text(&tried, &notes), &json!({ "version": 1, "tried": tried, "notes": notes }));
    Ok(outcome.with_findings(open, "attack(s) did not end as expected"))
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
            if open { "OPEN" } else { "as expected" }.to_owned(),
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
