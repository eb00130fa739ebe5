//! The folder of a cluster: made once, configured before each start.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::binaries::Binaries;
use super::options::ClusterOptions;
use crate::error::{Doing, Error, Result, reason};
use crate::passwords;

pub(super) fn superuser_password(home: &Path) -> Result<String> {
    let file = home.join("superuser");
    if let Ok(kept) = fs::read_to_string(&file) {
        return Ok(kept.trim().to_owned());
    }
    let password = passwords::generate();
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .doing("keeping the superuser's password")?;
    new.write_all(password.as_bytes()).doing("keeping the superuser's password")?;
    Ok(password)
}

pub(super) fn make_data_folder(
    home: &Path,
    binaries: &Binaries,
    account: Option<&Account>,
    password: &str,
    more: &[String],
) -> Result<()> {
    let place = home.join("postgres");
    fs::create_dir_all(&place).doing(format!("making {}", place.display()))?;
    fs::set_permissions(&place, fs::Permissions::from_mode(0o711)).doing("opening the folder")?;
    let (new, hint) = (place.join("new"), place.join("password"));
    let _ = fs::remove_dir_all(&new);
    let _ = fs::remove_file(&hint);
    Account::own_folder(account, &new)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&hint)
        .doing("writing a password for initdb")?;
    file.write_all(password.as_bytes()).doing("writing a password for initdb")?;
    Account::own(account, &hint)?;
    let mut command = Command::new(binaries.folder.join("initdb"));
    // The locale of this cluster's own databases: ours have theirs (`encoding.rs`).
    command.args([
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--no-locale",
        "--lc-messages=C",
        "--no-sync",
    ]);
    command.args(more).arg("--pwfile").arg(&hint).arg("-D").arg(&new).stdin(Stdio::null());
    Account::prepare(account, &mut command);
    let done = command.output().doing("running initdb");
    let _ = fs::remove_file(&hint);
    let done = done?;
    if done.status.success() {
        return fs::rename(&new, place.join("data")).doing("moving the new data folder to its place");
    }
    Err(Error::Unavailable(format!("initdb failed: {}", reason(&done.stderr))))
}

/// A file next to `postgresql.conf`, so that `alter system` still takes precedence.
pub(super) fn configure(
    data: &Path,
    binaries: &Binaries,
    options: &ClusterOptions,
    port: u16,
    run: &Path,
) -> Result<()> {
    let mut lines = vec![
        "listen_addresses = '127.0.0.1'".to_owned(),
        format!("port = {port}"),
        format!("unix_socket_directories = '{}'", run.display()),
        "max_connections = 200".to_owned(),
        "timezone = 'UTC'".to_owned(),
        "log_timezone = 'UTC'".to_owned(),
        "cluster_name = 'govrnanza'".to_owned(),
    ];
    if binaries.has_library("pg_stat_statements") {
        lines.push("shared_preload_libraries = 'pg_stat_statements'".to_owned());
        lines.push("pg_stat_statements.track_planning = on".to_owned());
        if options.careless {
            // Many databases of many tests at once: with the default of 5,000 entries, statements would be removed while they are counted.
            lines.push("pg_stat_statements.max = 50000".to_owned());
        }
    }
    if options.careless {
        lines.extend(["fsync", "full_page_writes", "synchronous_commit"].map(|name| format!("{name} = off")));
    }
    lines.extend(options.settings.iter().cloned());
    fs::write(data.join("govrnanza.conf"), lines.join("\n") + "\n").doing("writing govrnanza.conf")?;
    fs::set_permissions(data.join("govrnanza.conf"), fs::Permissions::from_mode(0o644))
        .doing("writing govrnanza.conf")?;
    let main = data.join("postgresql.conf");
    let text = fs::read_to_string(&main).doing("reading postgresql.conf")?;
    let line = "include_if_exists = 'govrnanza.conf'";
    if text.lines().any(|have| have == line) {
        return Ok(());
    }
    fs::write(&main, format!("{text}\n{line}\n")).doing("writing postgresql.conf")
}

/// A socket's path may have about a hundred bytes.
pub(super) fn socket_folder(home: &Path) -> PathBuf {
    let near = home.join("postgres/run");
    if near.as_os_str().len() <= 80 {
        return near;
    }
    let hash = home
        .to_string_lossy()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    std::env::temp_dir().join(format!("govrnanza-{hash:x}"))
}
