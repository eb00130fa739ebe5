//! pgbench as the driver: one process for each service, as its login.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schema::cluster::binaries::client_tool;
use schema::connection::Address;
use schema::session::Session;

use super::log::{Log, Summary};
use super::workload::{QueryMode, SqlService};
use crate::Failure;
use crate::load::driver::ServiceRecord;
use crate::system::process::die_with_us;

/// How long it may take beyond its time, for what was begun to end.
const GRACE: Duration = Duration::from_secs(120);
/// How often it is looked whether it has ended.
const TICK: Duration = Duration::from_millis(10);

/// The program, and a folder for what it writes.
pub struct Pgbench {
    program: PathBuf,
    folder: PathBuf,
}

/// How long it runs.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Seconds in all: pgbench takes whole ones.
    pub whole_s: u64,
    /// The first of them are not measured.
    pub settle_s: f64,
}

impl Pgbench {
    /// The one of a release that works with this server.
    ///
    /// # Errors
    /// When there is none, or the folder can't be made.
    pub fn find(admin_url: &str, folder: &Path) -> Result<Self, Failure> {
        let program = client_tool("pgbench", &mut Session::connect_uncounted(admin_url)?)?;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", folder.display())))?;
        Ok(Self { program, folder: folder.to_owned() })
    }

    /// Starts a service's.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn start(&self, name: &str, of: &SqlService, login: &Address, times: Times, seed: u64) -> Result<Run, Failure> {
        let mut command = self.command(of, login);
        let rate = format!("{}", of.rate_per_s);
        command.args(["-R", &rate, "-c", &of.connections.to_string(), "-T", &times.whole_s.to_string()]);
        // A statement is prepared while its thread waits: where that waits for a lock, the other connections of the thread can't end the
        // transaction that holds it. So each connection that prepares has a thread.
        let threads = if of.query_mode == QueryMode::Prepared { of.connections } else { 1 };
        command.args(["-j", &threads.to_string()]);
        // The same seed gives the same moments and values in each cell of a replicate.
        command.arg(format!("--random-seed={seed}"));
        for script in &of.scripts {
            command.arg("-f").arg(format!("{}@{}", script.file.display(), script.weight));
        }
        let prefix = self.folder.join(format!("log-{name}"));
        command.arg("-l").arg("--log-prefix").arg(&prefix);
        let within = Duration::from_secs(times.whole_s) + GRACE;
        self.spawn(command, name, within, Some((prefix, threads)))
    }

    /// Runs one script of a service once; what it printed on standard error.
    ///
    /// # Errors
    /// A usage error with pgbench's reason, where the script fails.
    pub fn once(&self, name: &str, of: &SqlService, login: &Address, script: &Path) -> Result<String, Failure> {
        let mut command = self.command(of, login);
        command.args(["-c", "1", "-t", "1", "-f"]).arg(script);
        let run = self.spawn(command, name, GRACE, None)?;
        let script = script.display();
        run.end().map(|ended| ended.said).map_err(|error| match error {
            Failure::Usage(why) => Failure::usage(format!("{script}: {why}")),
            other => other,
        })
    }

    fn command(&self, of: &SqlService, login: &Address) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", of.query_mode.name(), &format!("--max-tries={}", of.tries)]);
        as_login(&mut command, login);
        command
    }

    fn spawn(
        &self,
        mut command: Command,
        name: &str,
        within: Duration,
        log: Option<(PathBuf, u32)>,
    ) -> Result<Run, Failure> {
        let cannot = |error: std::io::Error| Failure::could_not_run(format!("pgbench can't be started: {error}."));
        let file = |end: &str| self.folder.join(format!("{name}.{end}"));
        let (out, err) = (file("out"), file("err"));
        command.stdin(Stdio::null()).stdout(File::create(&out).map_err(cannot)?);
        // Ctrl-C is for us alone: the running cell is finished.
        command.stderr(File::create(&err).map_err(cannot)?).process_group(0);
        die_with_us(&mut command);
        let started = SystemTime::now();
        let child = command.spawn().map_err(cannot)?;
        Ok(Run { name: name.to_owned(), child, started, until: Instant::now() + within, out, err, log })
    }
}

/// As this login, whatever the environment says. The password goes by the environment, where other users of the machine don't see it.
pub(super) fn as_login<'a>(command: &'a mut Command, login: &Address) -> &'a mut Command {
    for (variable, value) in login.variables() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command
}

/// A running pgbench; ended with the value.
pub struct Run {
    name: String,
    child: Child,
    started: SystemTime,
    until: Instant,
    out: PathBuf,
    err: PathBuf,
    /// How the names of its logs begin, and how many threads write one.
    log: Option<(PathBuf, u32)>,
}

/// One that has ended well.
pub struct Ended {
    name: String,
    /// What it said of itself.
    pub out: String,
    /// What else it said, the server's notices included.
    pub said: String,
    /// Its transactions; none where no log was written.
    pub log: Log,
    started_us: u64,
}

impl Run {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// A usage error with pgbench's reason where a script fails or the login is refused.
    pub fn end(mut self) -> Result<Ended, Failure> {
        let lost = |error: std::io::Error| Failure::could_not_run(format!("pgbench can't be waited for: {error}."));
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(lost)? {
                break status;
            }
            if Instant::now() > self.until {
                return Err(Failure::could_not_run(format!(
                    "{}: pgbench doesn't end: what does it wait for?",
                    self.name
                )));
            }
            std::thread::sleep(TICK);
        };
        let said = String::from_utf8_lossy(&std::fs::read(&self.err).unwrap_or_default()).into_owned();
        if !status.success() {
            return Err(Failure::usage(format!("{}: {}.", self.name, reason(&said, &status.to_string()))));
        }
        // The first thread's has no number.
        let name = |prefix: &Path, thread: u32| match thread {
            0 => format!("{}.{}", prefix.display(), self.child.id()),
            thread => format!("{}.{}.{thread}", prefix.display(), self.child.id()),
        };
        let files: Vec<PathBuf> = match &self.log {
            Some((prefix, threads)) => (0..*threads).map(|thread| PathBuf::from(name(prefix, thread))).collect(),
            None => Vec::new(),
        };
        let log = Log::read(files.iter().map(PathBuf::as_path))?;
        for file in &files {
            let _ = std::fs::remove_file(file);
        }
        let out = String::from_utf8_lossy(&std::fs::read(&self.out).unwrap_or_default()).into_owned();
        let started_us = self.started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        Ok(Ended { name: self.name.clone(), out, said, log, started_us })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Its transactions as the driver of `lab run` records requests.
    ///
    /// # Errors
    /// When log and summary differ: then something of the log was lost.
    pub fn record(&self, scripts: &[String], times: Times) -> Result<ServiceRecord, Failure> {
        let (summary, log) = (Summary::read(&self.out), self.log.summary());
        let Some(summary) = summary else {
            let why = format!("{}: pgbench printed no summary that is understood: {}", self.name, self.out.trim());
            return Err(Failure::could_not_run(why));
        };
        if !summary.agrees(&log) {
            let why = "the log of pgbench differs from its summary (was a part of it not written, is the disk full?)";
            return Err(Failure::could_not_run(format!(
                "{}: {why}: the log gives {log:?}, pgbench {summary:?}",
                self.name
            )));
        }
        let begun_us = self.started_us + (summary.connecting_ms * 1000.0) as u64;
        let from_us = begun_us + (times.settle_s * 1e6) as u64;
        Ok(self.log.record(&self.name, scripts, from_us, times.whole_s as f64 - times.settle_s))
    }
}

/// Why it failed: its first error, without what pgbench puts before it.
fn reason(said: &str, status: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.contains("error:")).or_else(|| lines().next()).unwrap_or(status);
    let line = line.trim_start_matches("pgbench: ").trim_start_matches("error: ");
    // The server's words, where they are its words.
    let words = line.split("ERROR: ").last().unwrap_or(line).split("FATAL: ").last().unwrap_or(line);
    words.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_the_servers() {
        let aborted = "pgbench: error: client 0 script 0 aborted in command 1 query 0: ERROR:  relation \"x\" does not exist\nLINE 1: …";
        assert_eq!(reason(aborted, ""), "relation \"x\" does not exist");
        let login = "pgbench: error: connection to server at \"127.0.0.1\", port 1 failed: FATAL:  password authentication failed for user \"a\"";
        assert_eq!(reason(login, ""), "password authentication failed for user \"a\"");
        assert_eq!(reason("", "exit status: 2"), "exit status: 2");
    }
}
