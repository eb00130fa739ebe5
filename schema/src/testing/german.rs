//! A Postgres that speaks German.

use std::process::Command;

use super::needs::needs;
use crate::error::{Error, Result};
use crate::session::Session;

/// Set in the child process.
const CHILD: &str = "GOVRNANZA_TEST_GERMAN";

/// The setting with which a server that was started within [`in_german`] speaks German. glibc: only the locale named exactly C is never
/// translated.
pub const GERMAN: &str = "lc_messages = 'C.UTF-8'";

/// Runs the rest of the calling test, whose full name is `test`, in a child process, where servers can speak German: which language a
/// server speaks is a matter of its environment, which is that of its process.
///
/// # Panics
/// The child failed: with all that it wrote.
#[track_caller]
pub fn in_german(test: &str, rest: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return rest();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let mut child = Command::new(program);
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1").env("LANGUAGE", "de");
    let (ran, said) = match child.output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&said).into_owned())
        }
        Err(error) => (false, error.to_string()),
    };
    // A name that no test has runs none, and succeeds.
    assert!(ran && said.contains("running 1 test"), "{test}: {said}");
    print!("{}", said.lines().filter(|line| line.contains("skipped")).collect::<String>());
}

/// Whether the server of this superuser speaks German when it is set to; see [`needs`].
#[must_use]
pub fn speaks_german(url: &str) -> Option<()> {
    let asked = || -> Result<String> {
        let mut session = Session::connect(url)?;
        session.run(&format!("set {GERMAN}"), "asking for German")?;
        match session.run("select 1/0", "dividing") {
            Err(Error::Database { source, .. }) => {
                Ok(source.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default())
            }
            other => other.map(|()| String::new()),
        }
    };
    let german = asked().map_err(|error| error.to_string()).and_then(|said| match said.as_str() {
        "Division durch Null" => Ok(()),
        _ => Err("PostgreSQL's German messages are not installed".to_owned()),
    });
    needs(german)
}
