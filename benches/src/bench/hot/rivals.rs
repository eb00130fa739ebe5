//! `lab bench rivals` and `shapes`: the same statement behind other libraries and by other ways, and behind Registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::figures::Outcome;
use super::requests::READER;
use super::statements::Recorder;
use super::system::{Arm, System};
use super::{Plan, measure, registries};
use crate::Failure;
use crate::system::binaries::cargo;

/// Where they are, below the root of the source tree.
const FOLDER: &str = "benches/rivals";
/// Those that cargo builds.
const RUST: [&str; 2] = ["axum-tokio-postgres", "axum-sqlx"];

/// Builds them, starts them beside Registry, and measures all alike.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let tree = tree()?;
    let built = build(&tree)?;
    let system = System::start(plan.size, plan.release)?;
    let mut arms = registries(&system, plan)?;
    let statement = Recorder::start(&system)?.find()?.text;
    let node = ("node-pg", tree.join(FOLDER).join("node-pg/main.js"));
    for (name, program) in RUST.map(|name| (name, built.join(name))).into_iter().chain([node]) {
        arms.push(start(&system, name, program, vec![("STATEMENT".to_owned(), statement.clone())], &[])?);
    }
    measure(&system, plan, arms)
}

/// The read's ways to the database in one small program, each alone and sharing statements, beside Registry.
pub fn shapes(plan: &Plan) -> Result<Outcome, Failure> {
    let tree = tree()?;
    eprintln!("Building the shapes …");
    let mut cargo = cargo();
    cargo
        .current_dir(&tree)
        .args(["build", "--release", "--quiet", "--workspace", "--bin", "shapes"])
        .arg("--target-dir")
        .arg(tree.join("target"));
    done("shapes", &mut cargo)?;
    let binary = tree.join("target/release/shapes");
    let system = System::start(plan.size, plan.release)?;
    let mut arms = registries(&system, plan)?;
    for shape in ["threads", "block", "inline"] {
        for max in [32, 1] {
            let name = format!("{shape}, {max} at once");
            let settings = [("SHAPE", shape.to_owned()), ("BATCH_MAX", max.to_string())];
            arms.push(start(&system, &name, binary.clone(), Vec::new(), &settings)?);
        }
    }
    measure(&system, plan, arms)
}

fn start(
    system: &System,
    name: &str,
    binary: PathBuf,
    mut env: Vec<(String, String)>,
    settings: &[(&str, String)],
) -> Result<Arm, Failure> {
    env.push(("DATABASE_READ_URL".to_owned(), system.deployment.login_url(READER)?));
    system.start_arm(name, binary, env, settings)
}

/// The source tree that this is run in.
fn tree() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|folder| folder.join(FOLDER).join("node-pg").is_dir());
    found
        .map(Path::to_owned)
        .ok_or_else(|| Failure::usage("The rivals are built from their sources: run this inside the source tree."))
}

/// Always for load: that is what they are compared for.
fn build(tree: &Path) -> Result<PathBuf, Failure> {
    let target = tree.join("target/rivals");
    for name in RUST {
        eprintln!("Building {name} …");
        let mut cargo = cargo();
        cargo
            .current_dir(tree.join(FOLDER).join(name))
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(&target);
        done(name, &mut cargo)?;
    }
    eprintln!("Installing what node-pg needs …");
    let mut npm = Command::new("npm");
    npm.current_dir(tree.join(FOLDER).join("node-pg")).args(["ci", "--no-fund", "--no-audit", "--silent"]);
    done("node-pg", &mut npm)?;
    Ok(target.join("release"))
}

fn done(name: &str, command: &mut Command) -> Result<(), Failure> {
    // Standard output is for the result alone.
    let status = command.stdout(std::io::stderr()).status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Failure::could_not_run(format!("{name} can't be built: {program} failed or is missing.")))
}
