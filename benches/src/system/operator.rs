//! The first login of the platform's own staff, which only Account's own program can make.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::supervisor::Supervisor;
use crate::{Failure, Operator};

/// Makes the login, or leaves it where an earlier run has made it.
pub fn ensure(supervisor: &Supervisor, operator: &Operator) -> Result<(), Failure> {
    let failed = |why: String| Failure::could_not_run(format!("The operator's login can't be made: {why}"));
    let account = supervisor.plan("account").ok_or_else(|| failed("there is no account service.".into()))?;
    let mut child = Command::new(&account.binary)
        .args(["create-operator", "--email", &operator.email])
        .envs(account.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{error}.")))?;
    if let Some(mut input) = child.stdin.take() {
        // It may end before it reads: then its own words tell why.
        let _ = writeln!(input, "{}", operator.password);
    }
    let output = child.wait_with_output().map_err(|error| failed(format!("{error}.")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(failed(said.trim().lines().last().unwrap_or("it said nothing").to_owned())),
    }
}
