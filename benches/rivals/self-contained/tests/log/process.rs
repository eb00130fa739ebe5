//! Parts and services in processes of their own, which can be killed.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use kit::Service;
use kit::testing::run_from;
use self_contained::kafka::{Node, Options, become_node};

const WHAT: &str = "TEST_PROCESS";
const ARGUMENTS: &str = "TEST_ARGUMENTS";

/// Becomes the program, and leaves somebody behind who kills it by SIGKILL at the end of the input: when it is told to, or the test is gone.
const LEASH: &str = r#"
me=$$
exec 3<&0
( read -r _ <&3; kill -KILL "$me" 2>/dev/null ) &
exec "$@" </dev/null 3<&-
"#;

/// Ends when it is dropped.
pub struct Process {
    command: Command,
    child: Child,
    held: Option<ChildStdin>,
}

impl Process {
    pub fn start(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", LEASH, "leash"]).arg(program).args(arguments).envs(environment.iter().copied());
        // What the broker says, where somebody wants to know.
        let heard = std::env::var_os("LOG").is_some();
        command.stdin(Stdio::piped()).stdout(if heard { Stdio::inherit() } else { Stdio::null() });
        let mut child = command.spawn().unwrap();
        let held = child.stdin.take();
        Self { command, child, held }
    }

    /// What [`child`] makes of it.
    pub fn of_test(what: &str, arguments: &[String]) -> Self {
        let line = ["--exact", "process::child", "--nocapture", "--test-threads=1"];
        // A test is one address with a few tokens, and no limits are what it is about.
        let limits = [
            "WRITE_LIMIT_PER_TOKEN",
            "WRITE_LIMIT_PER_ADDRESS",
            "CONNECTIONS_PER_ADDRESS",
            "MAILS_PER_ADDRESS",
            "MAILS_PER_ORGANISATION",
        ];
        let arguments = serde_json::to_string(arguments).unwrap();
        let mut environment = vec![(WHAT, what), (ARGUMENTS, &arguments)];
        environment.extend(limits.map(|name| (name, "0")));
        Self::start(&std::env::current_exe().unwrap(), &line, &environment)
    }

    /// SIGKILL; it is gone when this returns.
    pub fn kill(&mut self) {
        drop(self.held.take());
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = self.command.spawn().unwrap();
        self.held = self.child.stdin.take();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The broker: its folder and ports.
pub const BROKER: &str = "broker";

/// As of [`BROKER`]. Once killed it is refused until its session has ended: so that is short.
pub fn node(arguments: &[String]) -> (Node, Options) {
    let [folder, port, controller] = arguments else { panic!("expected a folder and two ports") };
    let [broker_port, broker_controller_port] = [port, controller].map(|port| port.parse().unwrap());
    let node = Node { broker_folder: folder.into(), broker_port, broker_controller_port, broker_advertised_port: None };
    let session = [("broker.session.timeout.ms", "4000"), ("broker.heartbeat.interval.ms", "500")];
    let settings = session.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    (node, Options { brokers: None, settings, ..Options::from_environment() })
}

/// Not a test of its own: what the processes of [`Process::of_test`] run.
#[test]
fn child() {
    let Ok(what) = std::env::var(WHAT) else { return };
    let arguments: Vec<String> = serde_json::from_str(&std::env::var(ARGUMENTS).unwrap()).unwrap();
    if what == BROKER {
        let (node, options) = node(&arguments);
        become_node(&node, &options).unwrap();
    }
    let run: fn(&[&str]) -> ExitCode = match what.as_str() {
        account::Account::NAME => run_from::<account::Account>,
        profile::Service::NAME => run_from::<profile::Service>,
        registry::Registry::NAME => run_from::<registry::Registry>,
        billing::Billing::NAME => run_from::<billing::Billing>,
        _ => run_from::<notification::NotificationService>,
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(run(&arguments), ExitCode::SUCCESS, "{what} ended");
}
