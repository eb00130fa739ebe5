//! `dba roles attack`: attempts to break the rules of the roles file, as the real logins.
//!
//! What is refused must be refused, with its SQLSTATE; what can't be prevented and is accepted must succeed, so that the list stays true. Each
//! statement runs in a transaction that is rolled back. [`self_test`] plants the hole of each and must see the same attack get through.

pub mod holes;
pub mod list;
mod targets;

use postgres::Client;
use serde::Serialize;

use crate::error::{Doing, Error, Result};
use crate::roles::RolesFile;
use crate::session::{Session, address};

pub use list::{ATTACKS, Attack};
pub use targets::Targets;

/// Access to the server: as superuser, and as each login.
pub struct Field<'a> {
    /// The superuser's URL, of the database attacked.
    pub superuser: &'a str,
    /// Who may do what.
    pub file: &'a RolesFile,
    /// The login's password.
    pub password: &'a dyn Fn(&str) -> Option<String>,
}

/// One attack by one login.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// Its number in the list of attacks.
    pub number: &'static str,
    /// What it is.
    pub name: &'static str,
    /// Who tried.
    pub login: String,
    /// What was expected: SQLSTATEs, or `accepted`.
    pub expected: &'static str,
    /// Statements tried.
    pub statements: usize,
    /// What went otherwise: statement, and what was got instead.
    pub otherwise: Vec<(String, String)>,
}

/// Tries them all; best on a copy, because where locks and sequences are open to a login they are taken. Logins without a password are named second.
///
/// # Errors
/// Where Postgres can't be reached, or a login can't get in.
pub fn run(field: &Field<'_>) -> Result<(Vec<Tried>, Vec<String>)> {
    let mut superuser = Session::connect(field.superuser)?;
    let targets = Targets::read(&mut superuser, field.file)?;
    let (mut all, mut without) = (Vec::new(), Vec::new());
    for login in &targets.logins {
        let mut client = match attacker(field, login) {
            Ok(client) => client,
            // Without a password a login may get in all the same: by its certificate, or because the server trusts it.
            Err(_) if (field.password)(login).is_none() => {
                without.push(login.clone());
                continue;
            }
            Err(error) => return Err(error),
        };
        for attack in ATTACKS {
            all.push(one(field, &targets, attack, login, &mut client)?);
        }
    }
    if all.is_empty() {
        return Err(Error::Unavailable(
            "no login could be tried: the roles file makes none, or no password is known (DBA_PASSWORD_<LOGIN>)".into(),
        ));
    }
    Ok((all, without))
}

fn one(field: &Field<'_>, targets: &Targets, attack: &Attack, login: &str, client: &mut Client) -> Result<Tried> {
    // A session of another login as target, for as long as it is needed.
    let mut others = targets.logins.iter().filter(|other| *other != login);
    let wanted = attack.sql.contains("{target}");
    let mut victim = if wanted { others.find_map(|other| attacker(field, other).ok()) } else { None };
    let pid: i32 = match &mut victim {
        Some(victim) => victim.query_one("select pg_backend_pid()", &[]).doing("asking for a process id")?.get(0),
        None => 0,
    };
    // Without another login's session there is nothing to end.
    let statements =
        if wanted && victim.is_none() { Vec::new() } else { targets.expand(attack, login, &pid.to_string()) };
    let mut tried = Tried {
        number: attack.number,
        name: attack.name,
        login: login.to_owned(),
        expected: if attack.refused.is_empty() { "accepted" } else { attack.refused },
        statements: statements.len(),
        otherwise: Vec::new(),
    };
    for sql in statements {
        let got = attempt(client, &sql)?;
        if let (None, Some(undo)) = (&got, list::undo(attack.name)) {
            client.batch_execute(undo).doing(format!("undoing the attack `{}`", attack.name))?;
        }
        if !as_expected(attack, targets.writes(login, &sql), got.as_deref()) {
            tried.otherwise.push((sql, got.unwrap_or_else(|| "it succeeded".into())));
        }
    }
    Ok(tried)
}

fn as_expected(attack: &Attack, writes: bool, got: Option<&str>) -> bool {
    match got {
        // A login that may delete from a table may lock it: its own writer.
        None => attack.refused.is_empty() || (attack.refused.ends_with('?') && writes),
        Some(state) => attack.refused.contains(state),
    }
}

/// Runs statements in a transaction that is rolled back; the SQLSTATE where they were refused.
fn attempt(client: &mut Client, sql: &str) -> Result<Option<String>> {
    let Err(error) = client.batch_execute(&format!("begin; {sql}; rollback")) else {
        return Ok(None);
    };
    let Some(code) = error.code() else {
        return Err(error).doing(sql);
    };
    let state = code.code().to_owned();
    client.batch_execute("rollback").doing("rolling back an attack")?;
    Ok(Some(state))
}

/// An attacker's session: the first thing that an attacker switches off is the reader's default of read-only transactions.
fn attacker(field: &Field<'_>, login: &str) -> Result<Client> {
    let mut address = address(field.superuser)?;
    // Without a password of its own: the superuser's, as where the server trusts everybody.
    let password = (field.password)(login).or_else(|| address.get("password").map(str::to_owned));
    address = address.as_login(login, password.as_deref());
    let name = |config: &mut postgres::Config| {
        config.application_name("dba attack");
    };
    let mut client = address.connect(name).doing(format!("getting in as {login}"))?;
    client
        .batch_execute(
            "set default_transaction_read_only = off; set statement_timeout = '20s'; set lock_timeout = '2s'",
        )
        .doing("preparing an attacker's session")?;
    Ok(client)
}

/// One hole of the self test.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planted {
    /// The attack.
    pub name: &'static str,
    /// What was planted.
    pub hole: String,
    /// Statements that succeeded through it. 0: the attack proves nothing.
    pub through: usize,
}

/// Plants each hole, one after the other, tries its attack, and closes it again. Only in a server that may be thrown away.
///
/// # Errors
/// As [`run`]; also where a hole can't be planted.
pub fn self_test(field: &Field<'_>, login: &str) -> Result<Vec<Planted>> {
    let mut superuser = Session::connect(field.superuser)?;
    let targets = Targets::read(&mut superuser, field.file)?;
    let mut all = Vec::new();
    for (name, hole) in holes::HOLES {
        let Some(attack) = ATTACKS.iter().find(|attack| attack.name == *name) else {
            return Err(Error::Finding(format!("unknown attack `{name}` in the list of holes")));
        };
        let planted = targets.holes(attack, hole, login);
        superuser.run(&planted.join("; "), &format!("planting a hole for `{name}`"))?;
        let mut client = attacker(field, login)?;
        let tried = one(field, &targets, attack, login, &mut client);
        let closed: Vec<_> = planted.iter().map(|hole| holes::close(hole)).collect();
        superuser.run(&closed.join("; "), &format!("closing the hole for `{name}`"))?;
        let hole = planted.first().cloned().unwrap_or_default();
        all.push(Planted { name, hole, through: tried?.otherwise.len() });
    }
    Ok(all)
}
