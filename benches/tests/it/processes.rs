//! Looking at processes from outside, and homes that leave none behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};

use crate::support::until;

/// Ctrl-C.
pub fn interrupt(child: &Child) {
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// A home folder whose database ends with it, even where the test failed before it was stopped.
pub struct OwnHome(pub tempfile::TempDir);

impl OwnHome {
    /// One that user postgres can reach, which a temporary folder of root's is not.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }
}

impl Drop for OwnHome {
    fn drop(&mut self) {
        if let Some(id) = postmaster(self.0.path()) {
            let _ = Command::new("kill")
                .args(["-INT", &id.to_string()])
                .status();
            until("its database has ended", || {
                postmaster(self.0.path()).is_none()
            });
        }
    }
}

pub fn postmaster(home: &Path) -> Option<u32> {
    let text = fs::read_to_string(home.join("postgres/data/postmaster.pid")).ok()?;
    text.lines()
        .next()?
        .trim()
        .parse()
        .ok()
        .filter(|id| lives(*id))
}

/// Processes that this one started.
pub fn children(of: u32) -> Vec<u32> {
    let output = Command::new("ps")
        .args(["-e", "-o", "pid=,ppid="])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| {
        let mut numbers = line
            .split_whitespace()
            .map(|number| number.parse::<u32>().unwrap());
        Some((numbers.next()?, numbers.next()?))
    });
    pairs
        .filter(|(_, parent)| *parent == of)
        .map(|(id, _)| id)
        .collect()
}

/// A zombie is no life.
pub fn lives(id: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &id.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

pub fn is_service(id: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "comm=", "-p", &id.to_string()])
        .output()
        .unwrap();
    let name = String::from_utf8(output.stdout).unwrap();
    lives(id)
        && lab::up::services::SERVICES
            .iter()
            .any(|service| name.trim() == service.package)
}
