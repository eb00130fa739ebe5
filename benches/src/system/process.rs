//! One process: its log file, when it is ready, its end, and that it never outlives us.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use ureq::Agent;

use super::patience::Patience;
use super::ports;
use crate::Failure;

/// How long a service may take to finish its requests: a little more than it gives itself.
const GRACE: Duration = Duration::from_secs(12);
/// How long one may take to be ready: a busy machine is slow, a broken service dies sooner.
pub const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long one question whether it is ready may take.
const ASK_WITHIN: Duration = Duration::from_secs(2);
/// How much of a log's end is shown when a process died.
const LAST_LINES: usize = 10;

/// How to start one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For people.
    pub name: &'static str,
    /// What to run.
    pub binary: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Settings beyond what we were started with.
    pub env: Vec<(String, String)>,
    /// Where both of its outputs go.
    pub log: PathBuf,
}

/// A running process; it is asked to end when this is dropped, and ended where that takes too long.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Plan {
    /// Starts it. The calling thread must live as long as the process shall: when it ends, so does the process.
    pub fn start(&self) -> Result<Process, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::could_not_run(format!("{} can't be started ({}): {error}.", self.name, self.binary.display()))
        };
        let log = File::options().create(true).append(true).open(&self.log).map_err(cannot)?;
        let mut command = Command::new(&self.binary);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(cannot)?)
            .stderr(log)
            // Ctrl-C is for us alone: we end the services in order and let each finish its requests.
            .process_group(0);
        die_with_us(&mut command);
        let child = command.spawn().map_err(cannot)?;
        Ok(Process { child, log: self.log.clone() })
    }
}

/// Asks the kernel to end the process when we are gone, however that happens.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std offers no other way to do something between fork and exec")]
pub(crate) fn die_with_us(command: &mut Command) {
    use rustix::process::{getppid, set_parent_process_death_signal};
    let parent = i32::try_from(std::process::id()).ok().and_then(Pid::from_raw);
    let set = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have gone in between: then nobody sends that signal any more.
        if getppid() == parent { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe things may happen: these are two system calls; nothing allocates.
    unsafe { command.pre_exec(set) };
}

/// Other systems know no such signal; there, what a killed `lab up` leaves behind is found by its taken ports.
#[cfg(not(target_os = "linux"))]
pub(crate) fn die_with_us(_: &mut Command) {}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, without waiting.
    pub fn ask_to_end(&self) {
        // It isn't waited for yet, so the id is surely still its own; and if it has ended, that is what we want.
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::TERM);
        }
    }

    /// Asks it to end and waits for that.
    pub fn wait(self) {
        drop(self);
    }

    /// Waits until this URL answers: with 200, or with 404 where a program knows no such path; one without a path, until somebody listens there.
    /// `looking` is called meanwhile.
    pub fn wait_ready(
        &mut self,
        name: &str,
        url: &str,
        patience: &Patience,
        mut looking: impl FnMut(),
    ) -> Result<(), Failure> {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ASK_WITHIN));
        let agent = config.max_idle_connections(0).build().new_agent();
        let (_, rest) = url.split_once("://").unwrap_or_default();
        loop {
            looking();
            let answer = match rest.contains('/') {
                true => asked(&agent, url),
                false => TcpStream::connect(rest).map(drop).map_err(|error| error.to_string()),
            };
            let Err(last) = answer else { return Ok(()) };
            if let Some(status) = self.ended() {
                return Err(Failure::could_not_run(format!(
                    "{name} died before it was ready ({}); its last lines:\n{}",
                    sentence(status),
                    self.last_lines()
                )));
            }
            patience.wait(|| format!("{name} isn't ready in time; its last answer: {last}"))?;
        }
    }

    /// The last lines it wrote.
    pub fn last_lines(&self) -> String {
        last_lines(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        self.ask_to_end();
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > GRACE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn asked(agent: &Agent, url: &str) -> Result<(), String> {
    match agent.get(url).call() {
        Ok(answer) if [200, 404].contains(&answer.status().as_u16()) => Ok(()),
        Ok(mut answer) => {
            let body = answer.body_mut().read_to_string().unwrap_or_default();
            Err(format!("{} {}", answer.status(), body.trim()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// How a process ended, in words.
pub fn sentence(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => status.to_string(),
    }
}

/// A process that runs while a deployment does and isn't part of it: another instance of a service, or a rival of it.
pub struct Further {
    process: Process,
    address: SocketAddr,
    url: String,
}

impl Further {
    /// Starts it on a free port (`LISTEN`) and waits until it is ready.
    pub fn start(mut plan: Plan) -> Result<Self, Failure> {
        let address = ports::free_address()?;
        plan.env.push(("LISTEN".to_owned(), address.to_string()));
        let (mut process, url) = (plan.start()?, format!("http://{address}"));
        process.wait_ready(plan.name, &format!("{url}/readyz"), &Patience::of(READY_WITHIN), || ())?;
        Ok(Self { process, address, url })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// A log's end: enough to see why.
fn last_lines(log: &Path) -> String {
    let mut end = String::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |data| data.len());
        let mut bytes = Vec::new();
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(16 << 10)));
        let _ = file.read_to_end(&mut bytes);
        end = String::from_utf8_lossy(&bytes).into_owned();
    }
    let lines: Vec<&str> = end.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LAST_LINES)..];
    if shown.is_empty() { "    (it wrote nothing)".to_owned() } else { format!("    {}", shown.join("\n    ")) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn plan(folder: &Path, binary: &str) -> Plan {
        Plan { name: "x", binary: binary.into(), args: Vec::new(), env: Vec::new(), log: folder.join("x.log") }
    }

    #[test]
    fn a_process_ends_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        // cat without input ends at once; a shell that reads nothing more would not.
        let process = plan(folder.path(), "/bin/cat").start().unwrap();
        process.ask_to_end();
        process.wait();
    }

    #[test]
    fn a_missing_binary_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let error = plan(folder.path(), "/nowhere/x").start().unwrap_err().to_string();
        assert!(error.starts_with("x can't be started (/nowhere/x)"), "{error}");
    }

    #[test]
    fn the_end_of_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        assert_eq!(last_lines(&log), "    (it wrote nothing)");
        let lines: Vec<String> = (0..5000).map(|n| format!("line {n}")).collect();
        fs::write(&log, lines.join("\n")).unwrap();
        let end = last_lines(&log);
        assert!(end.starts_with("    line 4990\n") && end.ends_with("line 4999"), "{end}");
    }
}
