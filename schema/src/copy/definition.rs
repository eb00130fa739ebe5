//! What is defined in a database and around it, as lines that can be compared.

use std::collections::BTreeMap;
use std::process::Command;

use super::program;
use crate::cluster::binaries::client_tool;
use crate::error::{Doing, Error, Result, reason};
use crate::session::Session;

/// Settings of the server, and those of roles in other databases, which no dump of this one has. Asked over the path that the login has by itself, because
/// that one is a setting, too: so each function and operator is named with its schema.
const AROUND: &str = "
select pg_catalog.format('%s = %s%s', name, reset_val, case when pending_restart then ' (after a restart)' end) from pg_catalog.pg_settings
where source operator(pg_catalog.<>) all (array['client', 'session', 'override', 'user', 'database', 'database user'])
union all
select pg_catalog.format('%s in %s: %s', coalesce(r.rolname, 'all roles'), d.datname, s.setconfig) from pg_catalog.pg_db_role_setting s
    join pg_catalog.pg_database d on d.oid operator(pg_catalog.=) s.setdatabase left join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) s.setrole
where d.datname operator(pg_catalog.<>) pg_catalog.current_database()";

/// Definitions, a line each; rows are no part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Of the database: its objects, rights, comments and settings, as `pg_dump` writes them.
    pub database: Vec<String>,
    /// Of the server: roles, memberships, settings.
    pub server: Vec<String>,
}

impl Definitions {
    /// Reads them.
    ///
    /// # Errors
    /// Where `pg_dump` isn't found, or we may not read all tables.
    pub fn read(url: &str) -> Result<Self> {
        let mut session = Session::connect_uncounted(url)?;
        let [dump, roles] = [client_tool("pg_dump", &mut session)?, client_tool("pg_dumpall", &mut session)?];
        let mut dump = program(&dump, url)?;
        dump.args(["--schema-only", "--create"]);
        let mut roles = program(&roles, url)?;
        roles.args(["--globals-only", "--no-role-passwords"]);
        let mut server = lines(&mut roles)?;
        server.extend(session.over_its_path()?.texts(AROUND)?);
        Ok(Self { database: lines(&mut dump)?, server })
    }

    /// In what the other one differs: `+` what is only there, `-` what isn't.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        [differences(&self.database, &other.database), differences(&self.server, &other.server)].concat()
    }
}

/// What it prints, without comments and without what psql alone understands.
fn lines(command: &mut Command) -> Result<Vec<String>> {
    const WHAT: &str = "reading what is defined";
    let said = command.output().doing(WHAT)?;
    if !said.status.success() {
        return Err(Error::Unavailable(format!("{WHAT}: {}", reason(&said.stderr))));
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let counts = |line: &&str| !(line.is_empty() || line.starts_with("--") || line.starts_with('\\'));
    Ok(text.lines().filter(counts).map(str::to_owned).collect())
}

fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    after.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    before.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let differ = counts.into_iter().filter(|(_, count)| *count != 0);
    differ.map(|(line, count)| format!("{} {}", if count > 0 { "+" } else { "-" }, line.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_on_both_sides() {
        let of = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let before = Definitions { database: of(&["a", ")", ")"]), server: of(&["x = 1"]) };
        let after = Definitions { database: of(&["a", ")", "b"]), server: of(&["x = 2"]) };
        assert_eq!(before.differences(&after), ["- )", "+ b", "- x = 1", "+ x = 2"]);
        assert!(before.differences(&before).is_empty());
    }
}
