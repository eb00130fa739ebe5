//! The user that Postgres runs as: it refuses root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::error::{Doing, Error, Result};

/// A user other than root, with an entry in passwd (`initdb` wants one).
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user to switch to: none where we aren't root; else `postgres`, else `nobody`.
    pub fn to_drop_to() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").doing("reading /etc/passwd")?;
        let found = ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&passwd, name));
        found.map(Some).ok_or_else(|| {
            Error::Unavailable("Postgres refuses to run as root, and there is no user postgres or nobody: run `useradd --system postgres`".into())
        })
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        let fields: Vec<_> =
            passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f.first() == Some(&name))?;
        Some(Self { name: name.to_owned(), uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
    }

    /// Makes a command run as this user, in a process group of its own: Ctrl-C in the terminal is ours to pass on.
    pub fn prepare(account: Option<&Self>, command: &mut Command) {
        command.process_group(0).current_dir("/");
        if let Some(account) = account {
            command
                .uid(account.uid)
                .gid(account.gid)
                .env("HOME", "/")
                .env("USER", &account.name)
                .env("LOGNAME", &account.name);
        }
    }

    /// A folder that this user owns and nobody else may enter.
    pub fn own_folder(account: Option<&Self>, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).doing(format!("making {}", folder.display()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .doing(format!("closing {}", folder.display()))?;
        Self::own(account, folder)
    }

    /// Gives a file to this user.
    pub fn own(account: Option<&Self>, path: &Path) -> Result<()> {
        match account {
            None => Ok(()),
            Some(account) => chown(path, Some(account.uid), Some(account.gid)).doing(format!(
                "giving {} to {}",
                path.display(),
                account.name
            )),
        }
    }

    /// Every parent must let this user through.
    pub fn may_reach(account: Option<&Self>, folder: &Path) -> Result<()> {
        let Some(account) = account else {
            return Ok(());
        };
        for parent in folder.ancestors().skip(1) {
            let Ok(about) = fs::metadata(parent) else {
                continue;
            };
            let mode = about.mode();
            let through = if about.uid() == account.uid {
                mode & 0o100
            } else if about.gid() == account.gid {
                mode & 0o010
            } else {
                mode & 0o001
            };
            if through == 0 {
                return Err(Error::Unavailable(format!(
                    "user {} may not pass through {}: set GOVRNANZA_HOME to a folder that it can reach",
                    account.name,
                    parent.display()
                )));
            }
        }
        Ok(())
    }
}
