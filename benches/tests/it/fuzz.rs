//! Schemathesis against the five services: a short run of what `make fuzz` does at length.

use std::io::Write as _;
use std::process::Command;

use crate::support::shared;

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/fuzz/run");

#[test]
fn no_check_of_schemathesis_fails() {
    let mut target = tempfile::NamedTempFile::new().unwrap();
    let line = serde_json::to_string(shared()).unwrap();
    target.write_all(line.as_bytes()).unwrap();
    let ran = Command::new("python3").args([RUN, "--short", "--target"]).arg(target.path()).output();
    let Ok(output) = ran else {
        println!("skipped: there is no python3");
        return;
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    print!("{}{}", said(&output.stdout), said(&output.stderr));
    // 77: Schemathesis can't be installed, and the script has said why.
    assert!(matches!(output.status.code(), Some(0 | 77)), "see target/fuzz");
}
