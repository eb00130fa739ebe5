//! `dba roles attack`.

use clap::Args;
use schema::attack::{self, Field, Planted, Tried, Which};
use schema::cluster::{Cluster, ClusterOptions};
use schema::copy::Copy;
use schema::roles::RolesFile;
use schema::session::Session;
use schema::{ApplyOptions, Error, Passwords, Result, bootstrap};
use serde_json::json;

use super::Where;
use crate::cli::args::Format;

/// Each way runs in a transaction that is rolled back. Those that would leave something behind, or stand in everybody's way, are tried on a copy of the
/// database, which can only be made while nobody is connected; else they are left out, and said so.
///
/// Passwords: `DBA_PASSWORD_<LOGIN>`, else `GOVRNANZA_PASSWORD_<LOGIN>`, else the private cluster's file.
#[derive(Debug, Args)]
pub(super) struct Attack {
    #[command(flatten)]
    place: Where,
    /// In a temporary server of its own: plant a hole for each way, and see the attack get through it. Tests the attacks, not your database.
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

pub(super) fn run(args: &Attack, format: Format) -> Result<()> {
    if args.self_test {
        return self_test(format);
    }
    let (url, file, passwords) = (args.place.url()?, args.place.file()?, args.place.passwords()?);
    if !Session::connect(&url)?.is_superuser()? {
        return Err(Error::Usage(
            "attack needs a superuser's URL, to know what there is to attack; the attacks themselves run as the logins"
                .into(),
        ));
    }
    let secret = password(passwords.as_ref());
    let (mut tried, without) =
        attack::run(&Field { superuser: &url, file: &file, password: &secret }, Which::Harmless)?;
    let mut notes: Vec<String> =
        without.iter().map(|login| format!("{login} wasn't tried: no password is known")).collect();
    crate::cli::drop_copies_when_interrupted();
    match Copy::of(&url, "attack") {
        Ok(copy) => tried.extend(
            attack::run(&Field { superuser: copy.url(), file: &file, password: &secret }, Which::Destructive)?.0,
        ),
        Err(error) => notes.push(format!(
            "{} ways weren't tried, for they need a copy of the database: {error}",
            attack::DESTRUCTIVE.len()
        )),
    }
    let (text, open) = told(&tried, &notes);
    crate::cli::print(format, &text, &json!({ "version": 1, "tried": tried, "notes": notes }));
    match open {
        0 => Ok(()),
        n => Err(Error::Finding(format!("{n} way(s) are open, or aren't what they were believed to be"))),
    }
}

/// One line for each way, more where something is open.
fn told(tried: &[Tried], notes: &[String]) -> (String, usize) {
    let (mut lines, mut open) = (Vec::new(), 0);
    for attack in attack::ATTACKS {
        let of: Vec<_> = tried.iter().filter(|one| one.name == attack.name).collect();
        let wrong: Vec<_> = of.iter().filter(|one| !one.otherwise.is_empty()).collect();
        let Some(first) = of.first() else { continue };
        let statements: usize = of.iter().map(|one| one.statements).sum();
        let verdict = if wrong.is_empty() { "as expected" } else { "OPEN" };
        lines.push(format!(
            "{:<9} {:<40} {:<14} {verdict}: {} logins, {statements} statements",
            attack.number,
            attack.name,
            first.expected,
            of.len()
        ));
        for one in wrong {
            open += 1;
            let (sql, got) = &one.otherwise[0];
            lines.push(format!("    {}: {} of {}; got {got}: {sql}", one.login, one.otherwise.len(), one.statements));
        }
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    (lines.join("\n"), open)
}

fn self_test(format: Format) -> Result<()> {
    let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral())?;
    let folder = cluster.home().map(std::path::PathBuf::from).unwrap_or_default();
    let passwords = Passwords::load(&folder.join("passwords"))?;
    bootstrap(cluster.url(), &passwords)?;
    let admin = "govrnanza_admin";
    let url = cluster.url_of(admin, passwords.get(admin).unwrap_or_default(), schema::DATABASE);
    schema::apply(&url, &ApplyOptions { passwords: Some(passwords.clone()), ..ApplyOptions::default() })?;
    let (server, _) = cluster.url().rsplit_once('/').unwrap_or_default();
    let (superuser, file) = (format!("{server}/{}", schema::DATABASE), RolesFile::default());
    let secret = password(Some(&passwords));
    let field = Field { superuser: &superuser, file: &file, password: &secret };
    let login = attack::Targets::read(&mut Session::connect(&superuser)?, &file)?.logins;
    let login = login.iter().find(|login| login.ends_with("_reader")).or(login.first()).cloned().unwrap_or_default();
    let planted = attack::self_test(&field, &login)?;
    let line = |one: &Planted| {
        format!(
            "{:<40} {:<8} {} through: {}",
            one.name,
            if one.through > 0 { "seen" } else { "BLIND" },
            one.through,
            one.hole
        )
    };
    let mut lines: Vec<_> = planted.iter().map(line).collect();
    lines.extend(
        attack::holes::NO_HOLE
            .iter()
            .map(|name| format!("{name:<40} no hole can be planted without a restart of the server")),
    );
    crate::cli::print(format, &lines.join("\n"), &json!({ "version": 1, "planted": planted }));
    match planted.iter().filter(|one| one.through == 0).count() {
        0 => Ok(()),
        n => Err(Error::Finding(format!("{n} attack(s) don't see their hole"))),
    }
}
