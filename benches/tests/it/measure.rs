//! `lab run`: that it ends with a whole result, whatever happens on the way. Speed is none of a test's business.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use lab::result::{CellResult, ResultFile};
use lab::stats::Histogram;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{LAB, end_with_thread, lab, lines, until_within};

/// Services not built for load, so that no test waits for that; nothing here depends on their speed.
const SMOKE: [&str; 5] = ["run", "--preset", "smoke", "--unoptimised", "--results"];

/// What a killed or interrupted run may take until its first cells are in the file: far more than it needs, on a busy
/// machine as well.
const PATIENCE: Duration = Duration::from_secs(1800);

fn only_folder(results: &Path) -> Option<PathBuf> {
    let mut inside = std::fs::read_dir(results).ok()?.flatten();
    inside.find(|entry| entry.path().is_dir()).map(|entry| entry.path())
}

fn result_in(results: &Path) -> Option<ResultFile> {
    ResultFile::read(&only_folder(results)?.join("result.json")).ok()
}

fn whole(folder: &Path) -> ResultFile {
    let result = ResultFile::read(&folder.join("result.json")).unwrap();
    assert!(result.run.complete);
    // Two alone, one pair, one null cell, three times; suspect ones that were run again are kept, too.
    assert_eq!(result.counted().count(), 12);
    assert_eq!(result.cells.len() as u64, 12 + result.run.reruns);
    for cell in &result.cells {
        all_are_accounted_for(cell);
        assert!(cell.ledger.samples > 0 && !cell.ledger.timeline.is_empty());
    }
    for (name, violations) in &result.correctness {
        assert_eq!(*violations, 0, "{name}");
    }
    assert!(result.correctness.len() > 10, "{:?}", result.correctness);
    let freshness = result.freshness.as_ref().unwrap();
    assert!(freshness.freeze.is_some() && freshness.rename.is_some());
    assert!(result.holds(&result.analyse().unwrap()));
    let report = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("who slows whom") && report.ends_with("</html>\n"));
    assert!(!report.contains("http://") && !report.contains("https://"), "no network");
    result
}

/// Each request that was due came to something. To what is no matter of a test: a busy machine answers late, or not at all.
pub fn all_are_accounted_for(cell: &CellResult) {
    for of in &cell.services {
        let counts = of.response.values().map(|text| Histogram::decode(text).unwrap().count());
        assert!(of.offered > 0, "{cell:?}");
        assert_eq!(counts.sum::<u64>(), of.offered, "{cell:?}");
    }
}

/// Interrupted, killed and resumed, it ends with the same whole result as one that nobody touched: what was finished is
/// kept, in the order of the seed.
#[test]
fn a_run_survives_ctrl_c_and_kill_9() {
    let results = tempfile::tempdir().unwrap();
    let mut command = lab(&SMOKE);
    command.arg(results.path());
    let cells =
        |least: usize| move |results: &Path| result_in(results).is_some_and(|result| result.cells.len() >= least);

    let first = interrupt(&mut command, Signal::INT, results.path(), cells(2));
    assert_eq!(first, Some(3), "what is missing could not run");
    let folder = only_folder(results.path()).unwrap();
    let kept = result_in(results.path()).unwrap();
    assert!(!kept.run.complete && kept.matrix.is_some());
    assert!(folder.join("report.html").is_file());

    let have = kept.cells.len();
    let mut again = lab(&["resume"]);
    again.arg(&folder);
    let killed = interrupt(&mut again, Signal::KILL, results.path(), cells(have + 2));
    assert_eq!(killed, None);

    let mut last = lab(&["resume"]);
    let status = last.arg(&folder).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let result = whole(&folder);
    let kept_ones = |result: &ResultFile| -> Vec<_> {
        let of = |cell: &CellResult| {
            let histograms: Vec<_> = cell.services.iter().map(|of| of.response.clone()).collect();
            (cell.cell.clone(), cell.replicate, cell.order, cell.valid, histograms)
        };
        result.cells[..have].iter().map(of).collect()
    };
    assert_eq!(kept_ones(&result), kept_ones(&kept));
    assert_eq!(result.run.resumed, 2);
    validates(&folder);
}

/// The same run where the services call each other: on five databases that are put back for each replicate, and audited together.
#[test]
fn services_that_call_each_other_are_measured_the_same_way() {
    let results = tempfile::tempdir().unwrap();
    let mut command = lab(&SMOKE);
    let output = command.arg(results.path()).args(["--architecture", "api-centric"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    let folder = only_folder(results.path()).unwrap();
    assert_eq!(whole(&folder).target.unwrap().label, "api-centric");
    validates(&folder);
    for wrong in [&["--architecture", "api-centric", "--engines", "5"][..], &["--cache-ttl", "5"]] {
        let refused = lab(&SMOKE).arg(results.path()).args(wrong).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
    }
}

/// Every key that the schema demands is there, and none that it doesn't know.
pub fn validates(folder: &Path) {
    let read =
        |file: &Path| -> serde_json::Value { serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap() };
    let schema = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("result.schema.json"));
    let result = read(&folder.join("result.json"));
    let mut wrong = crate::json_schema::errors(&schema, &schema, &result, "");
    assert_eq!(wrong, Vec::<String>::new());
    // The check bites.
    let mut broken = result.clone();
    broken["run"]["preset"] = "enormous".into();
    broken["cells"][0]["surprise"] = 1.into();
    wrong = crate::json_schema::errors(&schema, &schema, &broken, "");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

/// Starts, waits for a state of the result file, sends a signal; the exit code.
fn interrupt(command: &mut Command, signal: Signal, results: &Path, ready: impl Fn(&Path) -> bool) -> Option<i32> {
    end_with_thread(command);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (to, said) = mpsc::channel();
    lines(child.stderr.take().unwrap(), to);
    let mut ended = None;
    until_within("cells are finished", PATIENCE, || {
        ended = child.try_wait().unwrap();
        ended.is_some() || ready(results)
    });
    assert!(ended.is_none(), "{LAB} ended early: {:#?}", said.iter().collect::<Vec<_>>());
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, signal).unwrap();
    child.wait().unwrap().code()
}
