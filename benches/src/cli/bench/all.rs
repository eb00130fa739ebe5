//! `lab bench all`: every bench of the hot path in order, kept in one folder.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::args::AllArgs;
use crate::Failure;
use crate::bench::{goals, hot, month_end, notify};
use crate::cli::common::print_line;
use crate::result::attachments;

/// An outcome as JSON and as text.
type Kept = (Value, String);
/// Runs one.
type Step = fn(&AllArgs) -> Result<Kept, Failure>;

/// In this order; the names are those of the files.
const STEPS: [(&str, Step); 13] = [
    ("read", |args| kept(hot::run(&plan(args, hot::Kind::Read)))),
    ("rivals", |args| kept(hot::rivals::run(&few(args)))),
    ("shapes", |args| kept(hot::rivals::shapes(&few(args)))),
    ("list", |args| kept(hot::run(&plan(args, hot::Kind::List)))),
    ("create", |args| kept(hot::run(&plan(args, hot::Kind::Create)))),
    ("create-one", |args| kept(hot::run(&plan(args, hot::Kind::CreateOne)))),
    ("mixed", |args| kept(hot::run(&plan(args, hot::Kind::Mixed)))),
    ("overload-3", |args| overload(args, 3.0, 60)),
    ("overload-10", |args| overload(args, 10.0, 30)),
    ("growth", growth),
    ("decisions", decisions),
    ("month-end", month_end),
    ("notify", notify),
];

/// Runs them; one that can't run doesn't keep the others from it. Exit code 3 then.
pub(super) fn measure(args: &AllArgs) -> Result<ExitCode, Failure> {
    let unknown = |name: &&String| STEPS.iter().all(|(known, _)| known != name);
    if let Some(name) = args.only.iter().find(unknown) {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        return Err(Failure::usage(format!("--only {name}: unknown bench; known are {known}.")));
    }
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("\n=== {name}");
        match step(args) {
            Ok((outcome, text)) => {
                attachments::write(&args.save, &format!("{name}.json"), &outcome)?;
                write_readme(&args.save, name, &text)?;
                print_line(format!("{name}\n\n{text}\n"));
            }
            Err(failure) => {
                eprintln!("{name}: {failure}");
                failed.push(name);
            }
        }
    }
    print_line(goals::table(&args.save));
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let failed = failed.join(", ");
    Err(Failure::could_not_run(format!("Not measured: {failed}.")))
}

fn kept(outcome: Result<impl Serialize + std::fmt::Display, Failure>) -> Result<Kept, Failure> {
    let outcome = outcome?;
    let text = outcome.to_string().trim_end().to_owned();
    Ok((serde_json::json!(outcome), text))
}

fn plan(args: &AllArgs, kind: hot::Kind) -> hot::Plan {
    hot::Plan {
        kind,
        size: hot::size(if args.brief { 5_000 } else { 100_000 }),
        rounds: args.rounds,
        seconds: args.seconds,
        connections: vec![1, 4, 16, 64],
        batch_max: vec![32, 1],
        release: !args.debug,
    }
}

/// At 16 and 64 alone.
fn few(args: &AllArgs) -> hot::Plan {
    hot::Plan { connections: vec![16, 64], ..plan(args, hot::Kind::Read) }
}

fn overload(args: &AllArgs, times: f64, seconds: u64) -> Result<Kept, Failure> {
    kept(hot::overload::run(hot::overload::Plan {
        on: hot::overload::On::SlowRead,
        seconds: if args.brief { 5 } else { seconds },
        times,
        wait_ms: 50,
        release: !args.debug,
    }))
}

fn growth(args: &AllArgs) -> Result<Kept, Failure> {
    let apis: &[u64] = if args.brief { &[1_000, 5_000] } else { &[10_000, 100_000, 1_000_000] };
    kept(hot::growth::run(&hot::growth::Plan {
        apis: apis.to_vec(),
        rounds: args.rounds,
        // Six cells and their yardsticks at three sizes.
        seconds: args.seconds.div_ceil(2),
        release: !args.debug,
    }))
}

fn decisions(args: &AllArgs) -> Result<Kept, Failure> {
    kept(hot::decisions::run(&hot::decisions::Plan {
        size: plan(args, hot::Kind::Create).size,
        rounds: args.rounds,
        seconds: args.seconds,
        clients: 16,
        release: !args.debug,
    }))
}

fn month_end(args: &AllArgs) -> Result<Kept, Failure> {
    let settings = month_end::Settings {
        organisations: if args.brief { 500 } else { 20_000 },
        latency_ms: 1,
        charge: false,
        release: !args.debug,
    };
    kept(month_end::run(settings, args.rounds, |line| {
        eprintln!("{line}");
    }))
}

fn notify(args: &AllArgs) -> Result<Kept, Failure> {
    let (seconds, hold) = if args.brief { (3, 3) } else { (20, 30) };
    kept(notify::run(&notify::Options { rate: 50, seconds, hold, release: !args.debug }))
}

/// Puts a bench's text into README.md, in place of an earlier one, and the table of the goals anew.
fn write_readme(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let file = folder.join("README.md");
    let old = std::fs::read_to_string(&file).unwrap_or_default();
    let all = readme(&old, &goals::table(folder), name, text);
    std::fs::write(&file, all)
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

fn readme(old: &str, table: &str, name: &str, text: &str) -> String {
    let mut all = format!(
        "# The hot path, measured\n\nMade by `lab bench all --save`: one JSON file per bench, and here the same for people. \
         Medians of the rounds and their intervals.\n\n{table}"
    );
    for (step, _) in STEPS {
        let section = if step == name {
            Some(text.to_owned())
        } else {
            let begin = format!("## {step}\n\n```text\n");
            old.split_once(&begin)
                .and_then(|(_, rest)| rest.split_once("\n```\n"))
                .map(|(section, _)| section.to_owned())
        };
        if let Some(section) = section {
            all += &format!("\n## {step}\n\n```text\n{section}\n```\n");
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::readme;

    #[test]
    fn a_bench_run_again_replaces_its_section_alone() {
        let first = readme("", "| a |\n", "list", "a list");
        let second = readme(&first, "| b |\n", "read", "a read");
        let third = readme(&second, "| c |\n", "list", "another list");
        assert!(third.contains("| c |") && !third.contains("| b |"), "{third}");
        let (read, list) = (third.find("a read").unwrap(), third.find("another list").unwrap());
        assert!(read < list, "{third}");
        assert!(!third.contains("a list"), "{third}");
    }
}
