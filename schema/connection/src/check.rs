//! What can be known to be wrong before anything is connected to.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::{Address, Error};

/// `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Never TLS.
    Disable,
    /// TLS only where the server refuses a connection without.
    Allow,
    /// TLS where the server offers it; the default.
    Prefer,
    /// TLS; the certificate is looked at only where there is a file of authorities.
    Require,
    /// TLS, with a certificate of a known authority.
    VerifyCa,
    /// The same, and made for the host that is connected to.
    VerifyFull,
}

impl Mode {
    const ALL: [Self; 6] = [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// As libpq calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Parameters with a fixed set of values, beside `sslmode`.
const VALUES: [(&str, &[&str]); 7] = [
    ("sslcertmode", &["disable", "allow", "require"]),
    ("sslnegotiation", &["postgres", "direct"]),
    ("channel_binding", &["disable", "prefer", "require"]),
    ("load_balance_hosts", &["disable", "random"]),
    ("target_session_attrs", &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ("ssl_max_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
];

const NUMBERS: [&str; 6] =
    ["connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"];

impl Address {
    /// How far TLS is wanted.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.get("sslmode")
            .and_then(|name| Mode::ALL.into_iter().find(|mode| mode.name() == name))
            .unwrap_or(Mode::Prefer)
    }

    /// Whether a server has to show a certificate that is verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.mode() >= Mode::VerifyCa || self.mode() == Mode::Require && self.authorities().is_some()
    }

    /// A number; 0 is none.
    pub(crate) fn number(&self, keyword: &str) -> Option<u32> {
        self.get(keyword).and_then(|text| text.trim().parse().ok()).filter(|number| *number > 0)
    }

    /// The file of authorities, unless it is OpenSSL's own list.
    pub(crate) fn authorities(&self) -> Option<PathBuf> {
        match self.get("sslrootcert") {
            Some("system") => None,
            Some(file) => Some(PathBuf::from(file)),
            None => self.usual_file("root.crt"),
        }
    }

    /// Our own certificate, and its key.
    pub(crate) fn certificate(&self) -> Option<(PathBuf, PathBuf)> {
        if self.get("sslcertmode") == Some("disable") {
            return None;
        }
        let file = self.get("sslcert").map(PathBuf::from).or_else(|| self.usual_file("postgresql.crt"))?;
        let key = self.get("sslkey").map(PathBuf::from).or_else(|| self.usual_file("postgresql.key"));
        Some((file, key.unwrap_or_default()))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mode = self.get("sslmode");
        if mode.is_some() && !Mode::ALL.iter().any(|one| Some(one.name()) == mode) {
            return refuse(&format!("sslmode is none of {}", Mode::ALL.map(Mode::name).join(", ")));
        }
        for (keyword, values) in VALUES {
            if self.get(keyword).is_some_and(|value| !values.iter().any(|one| one.eq_ignore_ascii_case(value))) {
                return refuse(&format!("{keyword} is none of {}", values.join(", ")));
            }
        }
        if let Some(keyword) =
            NUMBERS.iter().find(|keyword| self.get(keyword).is_some_and(|text| text.trim().parse::<i32>().is_err()))
        {
            return refuse(&format!("{keyword} isn't a whole number"));
        }
        if self.get("gssencmode") == Some("require") {
            return refuse("gssencmode=require: encryption by Kerberos isn't built in; use TLS (sslmode)");
        }
        let mode = self.mode();
        if self.get("sslnegotiation") == Some("direct") && mode < Mode::Require {
            return refuse("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full");
        }
        if mode == Mode::Disable || self.hosts().iter().all(crate::Host::is_socket) {
            return Ok(());
        }
        self.check_files(mode)
    }

    fn check_files(&self, mode: Mode) -> Result<(), Error> {
        let system = self.get("sslrootcert") == Some("system");
        if system && mode != Mode::VerifyFull {
            return refuse(
                "sslrootcert=system needs sslmode=verify-full: anybody may have a certificate of these authorities",
            );
        }
        match self.authorities() {
            Some(file) => readable("sslrootcert", &file)?,
            None if system || mode < Mode::VerifyCa => {}
            None => {
                return refuse(&format!(
                    "sslmode={} needs the certificate of the server's authority: name its file in sslrootcert, or put it into \
                     ~/.postgresql/root.crt; sslrootcert=system takes those that this machine trusts",
                    mode.name()
                ));
            }
        }
        if mode == Mode::VerifyFull && self.hosts().iter().any(|host| host.name.is_empty()) {
            return refuse("sslmode=verify-full needs the host's name, not only hostaddr");
        }
        match self.certificate() {
            Some((_, key)) if key.as_os_str().is_empty() => {
                refuse("sslcert is of no use without its key: name it in sslkey")
            }
            Some((file, key)) => {
                readable("sslcert", &file)?;
                readable("sslkey", &key)?;
                own_alone(&key)
            }
            None => Ok(()),
        }
    }
}

fn refuse<T>(why: &str) -> Result<T, Error> {
    Err(Error::Usage(why.to_owned()))
}

fn readable(keyword: &str, file: &Path) -> Result<(), Error> {
    match File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => refuse(&format!("{keyword}: {} can't be read: {error}", file.display())),
    }
}

/// A key that others can read is no proof; root's may be read by a group.
fn own_alone(key: &Path) -> Result<(), Error> {
    let Ok(about) = fs::metadata(key) else { return Ok(()) };
    let theirs = if about.uid() == 0 { 0o037 } else { 0o077 };
    if about.permissions().mode() & theirs == 0 {
        return Ok(());
    }
    refuse(&format!("sslkey: others may read {}; chmod 0600 makes it yours alone", key.display()))
}
