//! A broker of one test, which can be killed and cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use behaviour::assert::eventually;
use rustix::process::{Pid, Signal, kill_process};
use self_contained::Error;
use self_contained::kafka::{Broker, Options};

/// Runs the broker, and kills it once the end of the input says that the test is gone.
const LEASH: &str = r#"
exec 3<&0
"$@" </dev/null &
pid=$!
( read -r _ <&3; kill -KILL "$pid" ) &
reader=$!
wait "$pid"
kill "$reader"
"#;

pub struct Node {
    pub servers: String,
    folder: PathBuf,
    /// As it was started the first time.
    line: Vec<String>,
    again: Mutex<Option<(Child, ChildStdin)>>,
    // Last: its folder goes with it.
    _first: Broker,
}

impl Node {
    /// Starts one from what is installed, also where another is named by the environment: that one isn't ours to kill.
    pub fn start() -> Result<Self, Error> {
        // A broker that was killed is refused until its session has ended.
        let session = [("broker.session.timeout.ms", "2000"), ("broker.heartbeat.interval.ms", "500")];
        let settings = session.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let first = Broker::find_or_start(&Options { brokers: None, settings, ..Options::from_environment() })?;
        let port = format!("listeners=PLAINTEXT://{},", first.servers);
        let is_it = |line: &[String]| {
            let properties = line.last().filter(|_| line.iter().any(|word| word == "kafka.Kafka"));
            let text = properties.and_then(|path| fs::read_to_string(path).ok());
            text.is_some_and(|text| text.contains(&port))
        };
        let found = lines().into_iter().find(|(_, line)| line[0] == "java" && is_it(line));
        let (_, line) = found.expect("the broker's process");
        let folder = Path::new(line.last().unwrap()).parent().unwrap().to_owned();
        Ok(Self { servers: first.servers.clone(), folder, line, again: Mutex::new(None), _first: first })
    }

    /// SIGKILL to it and to the shells that watch it: their note of its number would outlive it.
    pub fn kill(&self) {
        eventually("the broker is gone", || {
            let mine = |line: &[String]| line.last().is_some_and(|last| Path::new(last).starts_with(&self.folder));
            let mut here: Vec<_> = lines().into_iter().filter(|(_, line)| mine(line)).collect();
            here.sort_by_key(|(_, line)| line[0] == "java");
            for (pid, _) in &here {
                let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
            }
            here.is_empty().then_some(())
        });
        if let Some((mut shell, _)) = self.again.lock().unwrap().take() {
            shell.wait().unwrap();
        }
    }

    /// With the data and at the port that it had; it may take seconds until it answers.
    pub fn start_again(&self) {
        let log = fs::OpenOptions::new().append(true).open(self.folder.join("log")).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", LEASH, "leash"]).args(&self.line).stdin(Stdio::piped());
        let mut shell = shell.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let held = shell.stdin.take().unwrap();
        *self.again.lock().unwrap() = Some((shell, held));
    }

    /// The folder of a partition.
    pub fn partition(&self, topic: &str, part: i32) -> PathBuf {
        self.folder.join(format!("data/{topic}-{part}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.again.lock().unwrap().is_some() {
            self.kill();
        }
    }
}

/// Every process of this machine with its command line.
fn lines() -> Vec<(i32, Vec<String>)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|one| one.file_name().to_str()?.parse().ok());
    let line = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
        (!words.is_empty()).then_some((pid, words))
    };
    pids.filter_map(line).collect()
}
