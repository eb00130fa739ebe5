//! Processes, as Linux's `/proc` shows them: their memory, their parents and children.

use std::fs;

/// What a process holds now, in MiB; 0 where it is gone.
#[must_use]
pub fn memory_mib(pid: u32) -> f64 {
    mib(&format!("/proc/{pid}/status"), "VmRSS:").unwrap_or_default()
}

/// The most that a process has held so far, in MiB; 0 where it is gone.
#[must_use]
pub fn peak_memory_mib(pid: u32) -> f64 {
    mib(&format!("/proc/{pid}/status"), "VmHWM:").unwrap_or_default()
}

/// Anonymous memory of a process that no other one shares, in MiB: plans, caches, the stack, but no shared buffers.
#[must_use]
pub fn private_mib(pid: i32) -> Option<f64> {
    mib(&format!("/proc/{pid}/smaps_rollup"), "Pss_Anon:")
}

/// The line of a file that begins with `key` and says so many kB.
fn mib(file: &str, key: &str) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// The id of a process's parent.
#[must_use]
pub fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted from behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Ids of all processes that this one has started.
#[must_use]
pub fn children(of: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent(*pid) == Some(of))
        .collect()
}

/// The program that a process runs.
#[must_use]
pub fn program(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// A variable of the environment that a process was started with.
#[must_use]
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let all = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let all = String::from_utf8_lossy(&all);
    all.split('\0').find_map(|one| one.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let own = std::process::id();
        assert!(memory_mib(own) > 1.0 && peak_memory_mib(own) >= memory_mib(own) * 0.9);
        assert_eq!(program(own), std::env::current_exe().ok());
        assert_eq!(variable(own, "PATH"), std::env::var("PATH").ok());
        let child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn();
        let mut child = child.expect("cat is everywhere");
        let id = i32::try_from(child.id()).expect("a process id");
        assert!(children(i32::try_from(own).expect("a process id")).contains(&id));
        child.kill().and_then(|()| child.wait()).expect("it is ours");
        assert_eq!(memory_mib(u32::MAX), 0.0);
    }
}
