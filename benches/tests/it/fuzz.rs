//! Schemathesis against the five services: a short run of what `make fuzz` does at length.

use std::io::Write as _;
use std::process::Command;

use schema::testing::needs;

use crate::support::shared;

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/fuzz/run");

#[test]
fn no_check_of_schemathesis_fails() {
    let mut target = tempfile::NamedTempFile::new().unwrap();
    let line = serde_json::to_string(shared()).unwrap();
    target.write_all(line.as_bytes()).unwrap();
    let ran = Command::new("python3").args([RUN, "--short", "--target"]).arg(target.path()).output();
    let Some(output) = needs(ran.map_err(|error| format!("python3 can't be run: {error}"))) else { return };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    print!("{}{}", said(&output.stdout), said(&output.stderr));
    if output.status.code() == Some(77) {
        let _: Option<()> = needs(Err(said(&output.stderr).trim_end()));
        return;
    }
    assert_eq!(output.status.code(), Some(0), "see target/fuzz");
}
