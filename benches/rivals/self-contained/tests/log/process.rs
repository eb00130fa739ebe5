//! Parts and services in processes of their own, which can be killed.

use std::process::{Child, Command, ExitCode, Stdio};

use kit::Service;
use kit::testing::run_from;

const SERVICE: &str = "TEST_SERVICE";
const ARGUMENTS: &str = "TEST_ARGUMENTS";

/// Ends when it is dropped.
pub struct Process {
    command: Command,
    child: Child,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { command, child }
    }

    /// A service as a process, with these arguments.
    pub fn service<S: Service>(arguments: &[String]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::child", "--nocapture", "--test-threads=1"]);
        command.env(SERVICE, S::NAME).env(ARGUMENTS, serde_json::to_string(arguments).unwrap());
        // A test is one address with a few tokens, and no limits are what it is about.
        let limits = [
            "WRITE_LIMIT_PER_TOKEN",
            "WRITE_LIMIT_PER_ADDRESS",
            "CONNECTIONS_PER_ADDRESS",
            "MAILS_PER_ADDRESS",
            "MAILS_PER_ORGANISATION",
        ];
        command.envs(limits.map(|name| (name, "0")));
        Self::start(command)
    }

    /// SIGKILL; it is gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = self.command.spawn().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Not a test of its own: what the processes of [`Process::service`] run.
#[test]
fn child() {
    let Ok(service) = std::env::var(SERVICE) else { return };
    let arguments: Vec<String> = serde_json::from_str(&std::env::var(ARGUMENTS).unwrap()).unwrap();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run: fn(&[&str]) -> ExitCode = match service.as_str() {
        "account" => run_from::<account::Account>,
        "profile" => run_from::<profile::Service>,
        "registry" => run_from::<registry::Registry>,
        "billing" => run_from::<billing::Billing>,
        _ => run_from::<notification::NotificationService>,
    };
    let ended = run(&arguments);
    assert_eq!(ended, ExitCode::SUCCESS, "{service} ended");
}
