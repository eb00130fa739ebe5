//! Passwords of the logins: from the environment, or made here and kept in a file that only its owner reads.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::Rng as _;
use rand::distr::Alphanumeric;

use crate::error::{Doing, Result};
use crate::roles;

/// One password for each login. `Debug` doesn't show them.
#[derive(Clone)]
pub struct Passwords(BTreeMap<String, String>);

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Passwords {
    /// `GOVRNANZA_PASSWORD_<ROLE>` for each login that has one, else what `file` holds, else a new one, added to `file` (mode 0600).
    pub fn load(file: &Path) -> Result<Self> {
        let kept = fs::read_to_string(file).unwrap_or_default();
        let mut all: BTreeMap<String, String> =
            kept.lines().filter_map(|line| line.split_once(' ')).map(|(r, p)| (r.to_owned(), p.to_owned())).collect();
        let logins = || roles::LOGINS.iter().chain(roles::OWN_LOGINS);
        for role in logins() {
            let variable = format!("GOVRNANZA_PASSWORD_{}", role.to_uppercase());
            if let Ok(password) = std::env::var(variable) {
                all.insert((*role).to_owned(), password);
            }
        }
        let missing: Vec<_> = logins().filter(|role| !all.contains_key(**role)).collect();
        if !missing.is_empty() {
            let mut add = OpenOptions::new();
            let add = add.append(true).create(true).mode(0o600).open(file);
            let mut add = add.doing(format!("writing passwords to {}", file.display()))?;
            for role in missing {
                let password = generate();
                writeln!(add, "{role} {password}").doing(format!("writing passwords to {}", file.display()))?;
                all.insert((*role).to_owned(), password);
            }
        }
        Ok(Self(all))
    }

    /// The password of a login.
    #[must_use]
    pub fn get(&self, role: &str) -> Option<&str> {
        self.0.get(role).map(String::as_str)
    }

    /// What `alter role … password` takes instead of the password itself, which then is in no log of the server.
    pub(crate) fn verifier(&self, role: &str) -> Option<String> {
        self.get(role).map(|password| postgres_protocol::password::scram_sha_256(password.as_bytes()))
    }
}

/// A new password: 32 letters and digits, which need no escaping in a URL.
#[must_use]
pub fn generate() -> String {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect()
}
