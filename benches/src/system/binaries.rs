//! Where the services' binaries are: in the folder of this program, or built now.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use super::patience::Patience;
use super::services::{SELF_CONTAINED, Service};
use crate::Failure;

/// A cold build on a slow machine takes many minutes.
const BUILD_WITHIN: Duration = Duration::from_secs(3600);

/// The folder that holds all of these services' binaries, up to date. In a source tree, what is missing or older than its
/// sources is built first, so that nobody runs an outdated program; elsewhere they stand in the folder of `lab`.
pub fn folder(
    services: &[Service],
    release: bool,
    stop: &Arc<AtomicBool>,
    say: &dyn Fn(&str),
) -> Result<PathBuf, Failure> {
    let exe = std::env::current_exe()
        .map_err(|error| Failure::could_not_run(format!("The folder of this program is unknown: {error}.")))?;
    let own = own_folder(&exe);
    let Some(tree) = source_tree(&own).or_else(|| source_tree(&std::env::current_dir().ok()?)) else {
        let mut missing: Vec<&str> =
            services.iter().filter(|one| !own.join(one.package).is_file()).map(|one| one.package).collect();
        missing.dedup();
        return if missing.is_empty() {
            Ok(own)
        } else {
            Err(Failure::could_not_run(format!(
                "The programs of {} are missing in {}, and there is no source tree to build them from.",
                missing.join(", "),
                own.display()
            )))
        };
    };
    let built = if release { sibling(&own, "release") } else { own };
    let mut wanted: Vec<&str> = services
        .iter()
        .filter(|one| stale(&built.join(one.package), &tree, one.package))
        .map(|one| one.package)
        .collect();
    // One program is the log's parts.
    wanted.dedup();
    if !wanted.is_empty() {
        say(&format!("Building {} …", wanted.join(", ")));
        build(&tree, &built, &wanted, stop)?;
    }
    Ok(built)
}

/// Test programs stand one folder further down.
fn own_folder(exe: &Path) -> PathBuf {
    let folder = exe.parent().unwrap_or(Path::new("."));
    match folder.parent() {
        Some(parent) if folder.ends_with("deps") => parent.to_owned(),
        _ => folder.to_owned(),
    }
}

fn sibling(folder: &Path, name: &str) -> PathBuf {
    folder.parent().map_or_else(|| folder.join(name), |parent| parent.join(name))
}

/// The nearest folder above that holds this workspace.
fn source_tree(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|folder| folder.join("services/registry/Cargo.toml").is_file()).map(Path::to_owned)
}

fn stale(binary: &Path, tree: &Path, package: &str) -> bool {
    let Ok(built) = std::fs::metadata(binary).and_then(|data| data.modified()) else {
        return true;
    };
    // A rival's crate holds the programs of several services, each with its service in it: `api-centric-account`.
    let crate_of = |rival: &&str| package.starts_with(&format!("{rival}-"));
    let rival = ["api-centric"].into_iter().find(crate_of);
    let service = rival.and_then(|rival| package.strip_prefix(rival)?.strip_prefix('-')).unwrap_or(package);
    let sources = [
        format!("services/{service}/src"),
        format!("benches/rivals/{}/src", rival.unwrap_or(package)),
        "services/kit/src".into(),
        "docs/contract".into(),
        "Cargo.lock".into(),
    ];
    sources.iter().filter_map(|source| newest(&tree.join(source))).any(|changed| changed > built)
}

/// When anything in a folder was changed last.
fn newest(path: &Path) -> Option<SystemTime> {
    let data = std::fs::metadata(path).ok()?;
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    inside.filter_map(|entry| newest(&entry.path())).chain(data.modified()).max()
}

/// The cargo that runs us, or the one in PATH, with the environment that a person's has.
///
/// `cargo run` and `cargo test` describe their package in variables. Handed on they would count as a change: `ring` is built
/// anew when one of them changes, and with it all that stands on it, here and once more in the person's next command.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let described = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if name.to_str().is_some_and(|name| described.iter().any(|start| name.starts_with(start))) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn build(tree: &Path, into: &Path, packages: &[&str], stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let mut cargo = cargo();
    cargo.current_dir(tree).args(["build", "--workspace"]).stdin(Stdio::null());
    if !std::io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    if into.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = into.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    for package in packages {
        // Not --package, with which dependencies get the features of these packages alone, and are built once more.
        cargo.args(["--bin", package]);
    }
    // Standard output is for the one line alone.
    cargo.stdout(std::io::stderr());
    let mut building = cargo.spawn().map_err(|error| {
        Failure::could_not_run(format!("cargo can't be run to build {}: {error}.", packages.join(", ")))
    })?;
    let late = || format!("Building {} took more than an hour.", packages.join(", "));
    let status = Patience::new(BUILD_WITHIN, stop).end_of(&mut building, late)?;
    if !status.success() {
        let needs = match packages.contains(&SELF_CONTAINED) {
            true => " Its client of Kafka (librdkafka) is C: it needs a C compiler and make.",
            false => "",
        };
        return Err(Failure::could_not_run(format!("Building {} failed: see above.{needs}", packages.join(", "))));
    }
    for package in packages {
        // Cargo leaves a program as it was that no change has touched, and it would seem old for ever. At worst cargo is asked again.
        let _ = std::fs::File::open(into.join(package)).and_then(|binary| binary.set_modified(SystemTime::now()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_of_ours_is_like_a_persons() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo test says which package this is");
        let cargo = cargo();
        let kept = |name: &str| cargo.get_envs().all(|(of, value)| of != name || value.is_some());
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(!kept(name), "{name} would have crates built anew");
        }
        assert!(kept("PATH") && kept("CARGO_HOME"));
    }

    #[test]
    fn in_the_folder_of_the_program_even_in_tests() {
        assert_eq!(own_folder(Path::new("/t/debug/lab")), Path::new("/t/debug"));
        assert_eq!(own_folder(Path::new("/t/debug/deps/it-1234")), Path::new("/t/debug"));
        assert_eq!(sibling(Path::new("/t/debug"), "release"), Path::new("/t/release"));
    }

    #[test]
    fn what_is_older_than_its_sources_is_stale() {
        let tree = tempfile::tempdir().unwrap();
        let source = tree.path().join("services/x/src");
        std::fs::create_dir_all(&source).unwrap();
        let (binary, main) = (tree.path().join("x"), source.join("main.rs"));
        std::fs::write(&main, "").unwrap();
        assert!(stale(&binary, tree.path(), "x"), "not there");
        std::fs::write(&binary, "").unwrap();
        let set = |file: &Path, seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
        };
        set(&main, 4_000_000_000);
        assert!(stale(&binary, tree.path(), "x"), "sources are younger");
        set(&binary, 4_100_000_000);
        assert!(!stale(&binary, tree.path(), "x"));
    }
}
