//! Looking at processes from outside, and homes that leave none behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::until;

/// Ctrl-C.
pub fn interrupt(child: &Child) {
    signal(child.id(), Signal::INT);
}

/// Panics where there is no such process.
pub fn signal(id: u32, signal: Signal) {
    kill_process(pid(id), signal).unwrap();
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
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
            // It may have ended by itself.
            let _ = kill_process(pid(id), Signal::INT);
            until("its database has ended", || postmaster(self.0.path()).is_none());
        }
    }
}

pub fn postmaster(home: &Path) -> Option<u32> {
    let text = fs::read_to_string(home.join("postgres/data/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().filter(|id| lives(*id))
}

/// Its name, state and parent, as Linux's /proc tells them.
fn stat(id: u32) -> Option<(String, String, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.to_owned();
    Some((name.to_owned(), state, fields.next()?.parse().ok()?))
}

/// Processes that this one started.
pub fn children(of: u32) -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|id| stat(*id).is_some_and(|(_, _, parent)| parent == of))
        .collect()
}

/// A zombie is no life.
pub fn lives(id: u32) -> bool {
    stat(id).is_some_and(|(_, state, _)| state != "Z")
}

pub fn is_service(id: u32) -> bool {
    let services = lab::system::services::SERVICES;
    stat(id).is_some_and(|(name, state, _)| state != "Z" && services.iter().any(|service| name == service.package))
}
