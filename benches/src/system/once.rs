//! What is done once, by a program that then ends: the first login of the platform's own staff, which only Account's own program can make;
//! a node's folder; the topics of the log.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::patience::Patience;
use super::process::{Plan, die_with_us};
use crate::{Failure, Operator};

/// How long a program may take. The longest fetches Kafka over a slow network.
const WITHIN: Duration = Duration::from_secs(300);

/// Makes the operator's login by the program of this plan, or leaves it where an earlier run has made it.
pub fn operator(account: &Plan, operator: &Operator, patience: &Patience) -> Result<(), Failure> {
    let arguments = ["create-operator", "--email", &operator.email];
    run(account, &arguments, Some(&operator.password), "The operator's login can't be made", patience)
}

/// Makes ready what a node of Kafka needs: its jars, which may have to be fetched, and its folder.
pub fn node(kafka: &Plan, patience: &Patience) -> Result<(), Failure> {
    run(kafka, &["node", "--prepare"], None, "Kafka can't be started", patience)
}

/// Makes the topics that are missing.
pub fn topics(part: &Plan, patience: &Patience) -> Result<(), Failure> {
    run(part, &["topics"], None, "The log has no topics", patience)
}

/// Runs the program of this plan with other arguments, and what it reads; `failed` with its reason where it doesn't end well.
fn run(plan: &Plan, arguments: &[&str], input: Option<&str>, failed: &str, patience: &Patience) -> Result<(), Failure> {
    let failed = |why: String| Failure::could_not_run(format!("{failed}: {why}"));
    let mut command = Command::new(&plan.binary);
    command
        .args(arguments)
        .envs(plan.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C is for us alone.
        .process_group(0);
    die_with_us(&mut command);
    let mut child = command.spawn().map_err(|error| failed(format!("{error}.")))?;
    if let (Some(line), Some(mut to)) = (input, child.stdin.take()) {
        // It may end before it reads: then what it printed says why.
        let _ = writeln!(to, "{line}");
    }
    let late = || format!("`{}` hasn't ended within {} s: is the machine busy?", arguments.join(" "), WITHIN.as_secs());
    let status = patience.again(WITHIN).end_of(&mut child, late)?;
    let mut said = String::new();
    if let Some(mut output) = child.stderr.take() {
        let _ = output.read_to_string(&mut said);
    }
    if status.success() { Ok(()) } else { Err(failed(reason(&said))) }
}

/// Why the program ended, of all that it printed. A setting is named as the option that it is a default of
/// (`--write-limit-per-token`), so its variable is added where it is set.
fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let Some(error) = lines.iter().find_map(|line| line.strip_prefix("error: ")) else {
        return lines.last().copied().unwrap_or("it printed nothing").to_owned();
    };
    let option = error.split_once("'--").map(|(_, rest)| rest.split(['\'', ' ']).next().unwrap_or_default());
    let variable = option.map(|option| option.to_uppercase().replace('-', "_"));
    match variable.filter(|name| std::env::var_os(name).is_some()) {
        Some(name) => format!("{error} (set in the environment as {name})"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_line_that_says_it() {
        let clap = "error: invalid value 'x' for '--path <N>': invalid digit\n\nFor more information, try '--help'.\n";
        assert_eq!(reason(clap), "invalid value 'x' for '--path <N>': invalid digit (set in the environment as PATH)");
        assert_eq!(reason("one\nThe database is away.\n"), "The database is away.");
        assert_eq!(reason(""), "it printed nothing");
    }
}
