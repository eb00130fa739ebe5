//! Roles of one server on another one.

use super::program;
use crate::cluster::binaries::client_tool;
use crate::error::{Doing, Error, Result, reason};
use crate::session::{Session, address, identifier};

/// Makes the roles of one server on another one, without passwords; `to` is a superuser's URL there. What is there already stays, and so does that superuser.
///
/// # Errors
/// Where they can't be read.
pub fn roles(from: &str, to: &str) -> Result<()> {
    let tool = client_tool("pg_dumpall", &mut Session::connect_uncounted(from)?)?;
    let mut command = program(&tool, from)?;
    let said = command.args(["--roles-only", "--no-role-passwords"]).output().doing("reading the roles")?;
    if !said.status.success() {
        return Err(Error::Unavailable(format!("reading the roles: {}", reason(&said.stderr))));
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let sql: Vec<&str> = text.lines().filter(|line| !line.starts_with('\\')).collect();
    let own = format!(" role {} ", identifier(address(to)?.user()));
    let mut there = Session::connect_uncounted(to)?;
    for statement in crate::roles::statements(&sql.join("\n"), 1) {
        if !format!("{} ", statement.sql.to_ascii_lowercase()).contains(&own) {
            // Who depends on a role that couldn't be made is told when the rows are copied.
            let _ = there.client.batch_execute(&statement.sql);
        }
    }
    Ok(())
}
