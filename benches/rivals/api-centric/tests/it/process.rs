//! A service in a process of its own, which can be killed.

use std::process::{Child, Command, Stdio};

use kit::testing::Running;

/// How a service runs; it ends when this is dropped.
pub enum Service {
    /// As threads of the test.
    Within(#[expect(dead_code, reason = "ends with it")] Running),
    /// As its own program.
    Process(std::sync::Mutex<Process>),
}

pub struct Process {
    program: String,
    arguments: Vec<String>,
    child: Child,
}

impl Process {
    /// `line` is its command line, the program's name first.
    pub fn start(service: &str, mut line: Vec<String>) -> Self {
        let program = env!("CARGO_BIN_EXE_api-centric-account").replace("account", service);
        line.remove(0);
        let child = spawn(&program, &line);
        Self { program, arguments: line, child }
    }

    /// SIGKILL, and no more of it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A test is one address with a few tokens, and no limits are what it is about.
const LIMITS: [&str; 5] = [
    "WRITE_LIMIT_PER_TOKEN",
    "WRITE_LIMIT_PER_ADDRESS",
    "CONNECTIONS_PER_ADDRESS",
    "MAILS_PER_ADDRESS",
    "MAILS_PER_ORGANISATION",
];

fn spawn(program: &str, arguments: &[String]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).envs(LIMITS.map(|name| (name, "0")));
    command.stdout(Stdio::null()).spawn().unwrap()
}
