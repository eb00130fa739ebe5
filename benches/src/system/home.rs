//! The home folder: what has to be the same the next time, and what others look up while it runs.

use std::fs;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use tempfile::TempDir;

use crate::{Failure, Operator, UP_JSON};

const LOCK: &str = "up.lock";
const THROW_AWAY: &str = "govrnanza-up-";
const OPERATOR_EMAIL: &str = "operator@govrnanza.example";
/// PKCS#8 of an Ed25519 key (RFC 8410) up to its 32 secret bytes.
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A home folder that this process has for itself.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// Locked for as long as it is open; the system lets go of it however this process ends.
    _lock: File,
    /// A throw-away home is removed with this.
    _throw_away: Option<TempDir>,
}

impl Home {
    /// The usual home folder: `GOVRNANZA_HOME`, or where this platform keeps data.
    pub fn usual() -> Result<PathBuf, Failure> {
        Ok(schema::cluster::home()?)
    }

    /// A throw-away one, else this folder, else the usual one.
    pub fn open_as(folder: Option<&Path>, throw_away: bool) -> Result<Self, Failure> {
        match (folder, throw_away) {
            (_, true) => Self::throw_away(),
            (Some(folder), false) => Self::take(folder),
            (None, false) => Self::take(&Self::usual()?),
        }
    }

    /// Takes a folder for this process alone.
    pub fn take(path: &Path) -> Result<Self, Failure> {
        Self::open(path.to_owned(), None)
    }

    /// A folder that is removed with this value; where this process is killed, by the watchdog of the database in it, or at the latest when
    /// the next one is made.
    pub fn throw_away() -> Result<Self, Failure> {
        sweep();
        let folder = tempfile::Builder::new()
            .prefix(THROW_AWAY)
            .tempdir()
            .map_err(|error| Failure::could_not_run(format!("No temporary folder can be made: {error}.")))?;
        Self::open(folder.path().to_owned(), Some(folder))
    }

    fn open(path: PathBuf, throw_away: Option<TempDir>) -> Result<Self, Failure> {
        fs::create_dir_all(path.join("logs")).map_err(|error| cannot(&path, "written", &error))?;
        let file = path.join(LOCK);
        let mut lock = private(&file, false)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.read_to_string(&mut owner);
                return Err(Failure::could_not_run(format!(
                    "`lab up` is running on {} already (process {}): stop it, or use --ephemeral or another GOVRNANZA_HOME.",
                    path.display(),
                    owner.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(&file, "locked", &error)),
        }
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(|error| cannot(&file, "written", &error))?;
        // Left by a run that was killed: what it names is gone.
        let _ = fs::remove_file(path.join(UP_JSON));
        Ok(Self { path, _lock: lock, _throw_away: throw_away })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that moves the clock of all services; without it they show the system's time.
    pub fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// Where a process logs to.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The key that Account signs tokens with: made once, so that tokens outlive a restart.
    pub fn signing_key(&self) -> Result<String, Failure> {
        self.secret("signing-key.pem", || {
            let mut der = PKCS8_HEAD.to_vec();
            der.extend(random()?);
            let body = STANDARD.encode(der);
            Ok(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
        })
    }

    /// The operator's login: its password is made once.
    pub fn operator(&self) -> Result<Operator, Failure> {
        let password = self.secret("operator-password", || Ok(URL_SAFE_NO_PAD.encode(&random()?[..24])))?;
        Ok(Operator { email: OPERATOR_EMAIL.to_owned(), password })
    }

    /// Says to others what is up; whole or not at all.
    pub fn announce(&self, line: &str) -> Result<PathBuf, Failure> {
        let (file, temporary) = (self.path.join(UP_JSON), self.path.join("up.json.new"));
        let mut new = private(&temporary, true)?;
        let written = writeln!(new, "{line}").and_then(|()| fs::rename(&temporary, &file));
        written.map_err(|error| cannot(&file, "written", &error))?;
        Ok(file)
    }

    fn secret(&self, name: &str, make: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
        let file = self.path.join(name);
        match fs::read_to_string(&file) {
            Ok(kept) if !kept.trim().is_empty() => return Ok(kept),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(&file, "read", &error)),
        }
        let made = make()?;
        let mut new = private(&file, true)?;
        new.write_all(made.as_bytes()).map_err(|error| cannot(&file, "written", &error))?;
        Ok(made)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join(UP_JSON));
    }
}

/// A file that only its owner reads, whatever the umask says.
fn private(file: &Path, truncate: bool) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(truncate).mode(0o600);
    let opened = options.open(file).and_then(|open| {
        open.set_permissions(Permissions::from_mode(0o600))?;
        Ok(open)
    });
    opened.map_err(|error| cannot(file, "written", &error))
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Failure::could_not_run("The operating system gave no random bytes."))?;
    Ok(bytes)
}

fn cannot(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("{} can't be {what}: {error}.", path.display()))
}

/// Removes the throw-away homes that nobody holds any more.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(THROW_AWAY) {
            continue;
        }
        // One that is just being made has no lock file yet, and is left alone.
        let lock = File::open(entry.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_secrets_stay() {
        let folder = tempfile::tempdir().unwrap();
        let first = Home::take(folder.path()).unwrap();
        let (key, operator) = (first.signing_key().unwrap(), first.operator().unwrap());
        let second = Home::take(folder.path()).unwrap_err().to_string();
        assert!(second.contains("running") && second.contains(&std::process::id().to_string()), "{second}");
        let up = first.announce("{}").unwrap();
        for file in [up.clone(), folder.path().join("signing-key.pem"), folder.path().join("operator-password")] {
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
        drop(first);
        assert!(!up.exists(), "nothing is up any more");
        let again = Home::take(folder.path()).unwrap();
        assert_eq!((again.signing_key().unwrap(), again.operator().unwrap()), (key, operator));
    }

    #[test]
    fn a_throw_away_home_goes() {
        let home = Home::throw_away().unwrap();
        let path = home.path().to_owned();
        home.operator().unwrap();
        drop(home);
        assert!(!path.exists());
    }
}
