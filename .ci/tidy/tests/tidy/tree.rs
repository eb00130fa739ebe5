//! The sources of a workspace as text, and its crates.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

/// Every Rust source and `Cargo.toml` of a workspace: path below its root → text.
#[derive(Default)]
pub struct Tree(pub BTreeMap<String, String>);

/// One package of the workspace.
pub struct Package {
    /// As other packages' code names it: `mail_sink`.
    pub ident: String,
    /// As `Cargo.toml` names it: `mail-sink`.
    pub name: String,
    /// Below the root: `services/mail-sink`.
    pub folder: String,
    /// Names under `[dependencies]` and `[build-dependencies]`.
    pub dependencies: Vec<String>,
    /// Names under `[dev-dependencies]`.
    pub for_tests: Vec<String>,
}

/// The folder of the workspace that this test belongs to, or `TIDY_ROOT`.
pub fn root() -> String {
    env::var("TIDY_ROOT").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../..").to_owned())
}

impl Tree {
    /// That of [`root`].
    pub fn here() -> io::Result<Self> {
        let mut tree = Self::default();
        tree.add(Path::new(&root()), "")?;
        Ok(tree)
    }

    fn add(&mut self, root: &Path, below: &str) -> io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if entry.file_type()?.is_dir() {
                // The tag marks what cargo builds elsewhere, where it made the folder; `benches/src/target` is one like any other.
                let is_built = path == "target" || entry.path().join("CACHEDIR.TAG").exists();
                if !is_built && !matches!(name.as_str(), ".git" | "node_modules" | "results") {
                    self.add(root, &path)?;
                }
            } else if path.ends_with(".rs") || name == "Cargo.toml" {
                self.0.insert(path, fs::read_to_string(entry.path())?);
            }
        }
        Ok(())
    }

    /// Rust sources outside tests: neither below a folder `tests` nor a file `tests.rs`.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_test = |path: &str| path.split('/').any(|part| part == "tests" || part == "tests.rs");
        self.0
            .iter()
            .filter(move |(path, _)| path.ends_with(".rs") && !is_test(path))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The members of the workspace, in its order.
    pub fn packages(&self) -> Vec<Package> {
        let manifest = |path: &str| self.0[path].parse::<toml::Table>().unwrap_or_else(|e| panic!("{path}: {e}"));
        let root = manifest("Cargo.toml");
        let members = root["workspace"]["members"].as_array().unwrap();
        let package = |member: &toml::Value| {
            let folder = member.as_str().unwrap().to_owned();
            let file = manifest(&format!("{folder}/Cargo.toml"));
            let name = file["package"]["name"].as_str().unwrap().to_owned();
            let of = |tables: &[&str]| {
                let tables = tables.iter().filter_map(|table| file.get(*table)?.as_table());
                tables.flat_map(|table| table.keys().cloned()).collect()
            };
            let (dependencies, for_tests) = (of(&["dependencies", "build-dependencies"]), of(&["dev-dependencies"]));
            Package { ident: name.replace('-', "_"), name, folder, dependencies, for_tests }
        };
        members.iter().map(package).collect()
    }
}
