//! Watchdogs, which stop a cluster when its starter no longer can. Both are a few lines of sh: they must outlive this process.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::postmaster::lives;
use crate::error::{Doing, Result};

/// Waits for the end of its input, which comes when this process ends for any reason; then stops the server and removes the folder.
const LEASH: &str = r#"
read -r _
pid=$(head -n 1 "$1/postgres/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -INT "$pid" 2>/dev/null
    n=0
    while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ] && [ -e "$1/postgres/data/postmaster.pid" ]; do sleep 0.1; n=$((n + 1)); done
    [ $n -lt 100 ] || kill -KILL "$pid"
fi
rm -rf "$1"
"#;

/// Looks every two seconds whether a process of `users/` lives; after a minute without, stops the server and removes its folder.
/// `stopping` closes the gap between the last check and the end: a process that comes then waits (see `register`).
const WATCH: &str = r#"
idle=0
used() {
    for f in "$1"/users/*; do
        [ -e "$f" ] || continue
        if kill -0 "${f##*/}" 2>/dev/null; then return 0; fi
        rm -f "$f"
    done
    return 1
}
while :; do
    sleep 2
    if used "$1"; then idle=0; continue; fi
    idle=$((idle + 2))
    [ $idle -ge "$2" ] || continue
    echo $$ > "$1/stopping"
    if used "$1"; then rm -f "$1/stopping"; idle=0; continue; fi
    pid=$(head -n 1 "$1/postgres/data/postmaster.pid" 2>/dev/null)
    if [ -n "$pid" ]; then
        kill -INT "$pid" 2>/dev/null
        n=0
        while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
        kill -KILL "$pid" 2>/dev/null
    fi
    rm -rf "$1/postgres" "$1/users" "$1/superuser" "$1/port" "$1/passwords" "$1/watchdog" "$1/stopping"
    exit
done
"#;

/// Seconds without a user after which a shared cluster ends.
const IDLE_S: &str = "60";

/// The watchdog of one ephemeral cluster.
#[derive(Debug)]
pub struct Leash {
    shell: Child,
    held: Option<ChildStdin>,
}

impl Leash {
    /// From now on the cluster of this folder ends with this process.
    pub fn new(home: &Path) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", LEASH, "leash"]).arg(home).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = shell.process_group(0).current_dir("/").spawn().doing("starting the watchdog")?;
        let held = shell.stdin.take();
        Ok(Self { shell, held })
    }

    /// Ends the cluster and waits for it.
    pub fn release(mut self) {
        drop(self.held.take());
        // Nothing to be done about a watchdog that was killed.
        let _ = self.shell.wait();
    }
}

/// Registers this process as a user of the shared cluster; waits for a watchdog that is just ending.
pub fn register(home: &Path) -> Result<()> {
    let users = home.join("users");
    let mine = users.join(std::process::id().to_string());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        fs::create_dir_all(&users).doing("registering with the shared cluster")?;
        fs::write(&mine, "").doing("registering with the shared cluster")?;
        let Ok(stopping) = fs::read_to_string(home.join("stopping")) else {
            return Ok(());
        };
        let dead = stopping.trim().parse().is_ok_and(|pid: i32| !lives(pid));
        if dead || Instant::now() > deadline {
            let _ = fs::remove_file(home.join("stopping"));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Makes sure that the shared cluster of this folder has a watchdog.
pub fn watch(home: &Path) -> Result<()> {
    let file = home.join("watchdog");
    let alive = fs::read_to_string(&file).ok().and_then(|pid| pid.trim().parse().ok()).is_some_and(lives);
    if alive {
        return Ok(());
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", WATCH, "watch"]).arg(home).arg(IDLE_S);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let shell = shell.process_group(0).current_dir("/").spawn().doing("starting the watchdog")?;
    fs::write(file, shell.id().to_string()).doing("noting the watchdog")
}
