//! `lab run` and `lab analyse`.

use crate::experiments::foreign;
use crate::measure::kept;
use crate::measure::plan::{Options, read_workload};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::common::{Data, Format, LayoutArgs, interruptible, print_line};
use crate::design::Preset;
use crate::experiments::matrix;
use crate::result::{ResultFile, TargetInfo};
use crate::system::Layout;
use crate::target::TargetFile;
use crate::{Failure, report};

mod selftest;
mod threshold;

pub(super) use selftest::{SelftestArgs, brief as test_itself_briefly, test_itself};
pub(super) use threshold::{Threshold, check as check_thresholds};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// How much to measure, and so what can be concluded
    #[arg(long, value_enum, default_value = "demo")]
    preset: Preset,
    /// Seed of the data, the requests and the order of cells
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Results folder; the run makes a new folder in it
    #[arg(long, default_value = "results", value_name = "DIR", value_parser = crate::result::attachments::folder)]
    results: PathBuf,
    /// Another mix of requests (TOML, see benches/scenarios/00-matrix.toml)
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Share of the machine's processors that all services together should use [default: 0.6; stress: 1.5]
    #[arg(long, value_name = "PART", value_parser = part)]
    utilisation: Option<f64>,
    /// Use the absolute rates of another run's result.json, as a comparison needs
    #[arg(long, value_name = "FILE")]
    rates_from: Option<PathBuf>,
    /// Load services that are built without optimisation: only to try the lab itself
    #[arg(long)]
    unoptimised: bool,
    /// Measure a system that runs already: target.toml, up.json or base URLs (account=http://…,registry=http://…)
    #[arg(long, value_name = "TARGET", conflicts_with = "unoptimised")]
    target: Option<String>,
    /// Measure a target that lacks a part of the contract: other requests are sent in place of the missing ones, and the result notes it
    #[arg(long, requires = "target")]
    allow_partial: bool,
    /// Size of the data set
    #[arg(long, value_enum, default_value = "small")]
    data: Data,
    #[command(flatten)]
    layout: LayoutArgs,
    /// End with exit code 1 where the slowdown of a service while another one runs is above a bound, such as `registry<-billing.oneIn20>2`, or `registry:oneIn20:2x` for whatever else runs (repeatable; with insufficient data it is reported, and passes)
    #[arg(long, value_name = "SERVICE<-OTHER.METRIC>RATIO")]
    fail_on: Vec<Threshold>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The folder of a run that ended early
    folder: PathBuf,
    /// As for `lab run`
    #[arg(long, value_name = "SERVICE<-OTHER.METRIC>RATIO")]
    fail_on: Vec<Threshold>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct AnalyseArgs {
    /// A result.json
    file: PathBuf,
    /// Also write the report to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// As for `lab run`
    #[arg(long, value_name = "SERVICE<-OTHER.METRIC>RATIO")]
    fail_on: Vec<Threshold>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs an experiment.
pub(super) fn run_experiment(args: &RunArgs) -> Result<ExitCode, Failure> {
    let stop = interruptible()?;
    let layout = args.layout.layout()?;
    let options = Options {
        layout,
        preset: args.preset,
        seed: args.seed,
        results: args.results.clone(),
        workload: args.workload.clone(),
        utilisation: args.utilisation.unwrap_or(args.preset.utilisation()),
        size: args.data.size(),
        optimised: !args.unoptimised,
        rates_from: args.rates_from.clone(),
    };
    let target = args.target.as_deref().map(TargetFile::find).transpose()?;
    if target.is_some() && layout != Layout::default() {
        return Err(Failure::usage(
            "--target measures what runs already: --architecture and what belongs to it are of what `lab run` starts.",
        ));
    }
    let services: Vec<String> = match &target {
        Some(target) => target.services.keys().cloned().collect(),
        None => read_workload(&options)?.services.into_keys().collect(),
    };
    check_thresholds(&args.fail_on, options.preset, &services)?;
    if tests_itself_first(options.preset, target.is_some(), &options.results) {
        test_itself_briefly(&options.results, options.optimised, &stop)?;
    }
    let folder = match target {
        Some(target) => foreign::run(&options, &target, args.allow_partial, &stop)?,
        None => matrix::run(&options, &stop)?,
    };
    end(folder, args.format, &args.fail_on)
}

/// Whether the lab's own short tests come before the run: else the first report on a machine would say that they were not run.
fn tests_itself_first(preset: Preset, foreign: bool, results: &Path) -> bool {
    preset.problems() && !foreign && kept::newest_tests(results).is_none()
}

/// Goes on with a run that ended early.
pub(super) fn resume_experiment(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let before = read(&args.folder.join("result.json"))?;
    check_thresholds(&args.fail_on, before.run.preset, &before.service_names())?;
    end(matrix::resume(&args.folder, &interruptible()?)?, args.format, &args.fail_on)
}

/// Prints what a run's folder holds.
pub(super) fn end(folder: PathBuf, format: Format, fail_on: &[Threshold]) -> Result<ExitCode, Failure> {
    let result = read(&folder.join("result.json"))?;
    report::write(&result, &folder.join("report.html"))?;
    print(&result, &folder, format);
    if format == Format::Text {
        print_line(format_args!(
            "What the words mean: docs/LAB.md. The report: {}",
            folder.join("report.html").display()
        ));
        if !result.run.complete && result.target.as_ref().is_none_or(TargetInfo::shares_a_database) {
            print_line(format_args!("To go on: lab resume {}", folder.display()));
        }
    }
    let code = evaluate(&result, fail_on)?;
    // Interrupted: what is missing could not run, whatever the rest says.
    Ok(if result.run.complete { code } else { ExitCode::from(3) })
}

/// Recomputes an old result from what it stores.
pub(super) fn analyse_file(args: &AnalyseArgs) -> Result<ExitCode, Failure> {
    let mut result = read(&args.file)?;
    check_thresholds(&args.fail_on, result.run.preset, &result.service_names())?;
    let matrix = result.analyse().map_err(|error| Failure::usage(format!("{}: {error}.", args.file.display())))?;
    if result.matrix.is_some() && !result.holds(&matrix) {
        eprintln!(
            "The matrix stored in {} differs from what this lab computes from its histograms; the latter is shown.",
            args.file.display()
        );
    }
    result.matrix = Some(matrix);
    if let Some(file) = &args.report {
        report::write(&result, file)?;
    }
    print(&result, args.file.parent().unwrap_or(Path::new("")), args.format);
    evaluate(&result, &args.fail_on)
}

fn read(file: &Path) -> Result<ResultFile, Failure> {
    ResultFile::read(file).map_err(|error| Failure::usage(format!("{error}.")))
}

fn print(result: &ResultFile, folder: &Path, format: Format) {
    let problems = report::problems_in(folder).map(|of| of.outcome);
    match format {
        Format::Text => {
            print_line(report::text(result, problems.as_ref()));
            if let Some(of) = report::sql_in(folder) {
                report::sql_findings(folder).iter().for_each(print_line);
                print_line(of);
            }
        }
        Format::Json => {
            let of = report::headline(result, problems.as_ref());
            let sql = report::sql_findings(folder);
            let sentences: Vec<String> =
                of.findings.iter().chain(&sql).map(ToString::to_string).chain(of.notes).collect();
            let brief = serde_json::json!({
                "run": result.run,
                "headline": sentences,
                "matrix": result.matrix,
                "correctness": result.correctness,
                "sql": report::sql_in(folder).map(|of| of.outcome),
            });
            print_line(&brief);
        }
    }
}

fn evaluate(result: &ResultFile, thresholds: &[Threshold]) -> Result<ExitCode, Failure> {
    if let Some(matrix) = &result.matrix {
        for threshold in thresholds {
            if let Some(why) = threshold.unanswered(matrix) {
                eprintln!("{why}");
            }
        }
    }
    let broken: Vec<String> = thresholds
        .iter()
        .flat_map(|threshold| result.matrix.iter().flat_map(|matrix| threshold.broken_by(matrix)))
        .collect();
    broken.iter().for_each(|sentence| eprintln!("{sentence}"));
    let violated = result.correctness.values().any(|violations| *violations > 0);
    Ok(ExitCode::from(u8::from(!broken.is_empty() || violated)))
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 10.0 => Ok(value),
        _ => Err("a number above 0, at most 10".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::result::SelfTest;

    fn reference() -> ResultFile {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json")).unwrap()
    }

    fn run_args(more: &[&str]) -> RunArgs {
        match Cli::try_parse_from([&["lab", "run"], more].concat()).unwrap().command {
            Command::Run(args) => args,
            other => panic!("{other:?}"),
        }
    }

    /// Interrupted at any moment, also before the first cell.
    #[test]
    fn an_interrupted_run_could_not_run() {
        for cells in [0, 7, usize::MAX] {
            let folder = tempfile::tempdir().unwrap();
            let mut result = reference();
            result.run.complete = cells == usize::MAX;
            result.cells.truncate(cells);
            result.matrix = Some(result.analyse().unwrap());
            result.write(&folder.path().join("result.json")).unwrap();
            let code = end(folder.path().to_owned(), Format::Text, &[]).unwrap();
            assert_eq!(code, ExitCode::from(if result.run.complete { 0 } else { 3 }), "{cells} cells");
        }
    }

    /// The other fault is found only once the run begins.
    #[test]
    fn an_unknown_pair_is_refused_before_anything_is_begun() {
        let args = |pair| {
            run_args(&["--preset", "quick", "--unoptimised", "--rates-from", "/dev/null/none", "--fail-on", pair])
        };
        let said = run_experiment(&args("registry<-biling.oneIn20>2")).unwrap_err().to_string();
        assert!(said.contains("biling"), "{said}");
        let said = run_experiment(&args("registry<-all.oneIn20>2")).unwrap_err().to_string();
        assert!(said.contains("/dev/null"), "{said}");
    }

    #[test]
    fn a_first_demo_tests_the_lab_and_no_other_run_does() {
        let folder = tempfile::tempdir().unwrap();
        let first = |preset, foreign| tests_itself_first(preset, foreign, folder.path());
        assert!(first(Preset::Demo, false));
        assert!(!first(Preset::Demo, true), "somebody else's system has no such tests");
        assert!(!first(Preset::Smoke, false));
        let test = SelfTest { id: "V1".into(), found: "it holds".into(), pass: Some(true), at: None };
        kept::keep_tests(folder.path(), &[test]).unwrap();
        assert!(!first(Preset::Demo, false));
    }
}
