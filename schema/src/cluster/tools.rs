//! Postgres's programs for clients: `pg_dump` refuses a server that is newer than itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::binaries::{folders, major_of};
use crate::error::{Error, Result};
use crate::session::Session;

/// Where a program such as `pg_dump` is, of a release that works with this session's server.
pub fn client_tool(name: &str, session: &mut Session) -> Result<PathBuf> {
    let major: i32 = session.value("select current_setting('server_version_num')::int / 10000")?;
    let found = folders()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| release(program).is_some_and(|release| i64::from(release) >= i64::from(major)));
    found.ok_or_else(|| {
        Error::Unavailable(format!(
            "{name} of PostgreSQL {major} or newer isn't found here: install its client programs (postgresql-client-{major}) or put their folder in PATH"
        ))
    })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)`: 15.
fn release(program: &Path) -> Option<u32> {
    let said = Command::new(program).arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    major_of(said.split_once("(PostgreSQL) ")?.1)
}
