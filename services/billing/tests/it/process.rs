//! The service as its own process, which can be killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use behaviour::{Api, json};

use crate::house::House;

/// Where a process finds its database, its provider and its clock.
pub struct Place {
    pub read_url: String,
    pub write_url: String,
    pub sandbox: String,
    pub clock: PathBuf,
    pub log: PathBuf,
}

impl Place {
    /// Starts the binary; it listens when this returns.
    pub fn start(&self, settings: &[(&str, &str)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_billing"))
            .envs([
                ("DATABASE_READ_URL", self.read_url.as_str()),
                ("DATABASE_WRITE_URL", self.write_url.as_str()),
                ("STRIPE_API_BASE", self.sandbox.as_str()),
                ("STRIPE_API_KEY", "sk_test_sandbox"),
                ("LISTEN", "127.0.0.1:0"),
                ("SCHEDULE", "false"),
                ("LOG", "info"),
            ])
            .env("CLOCK_FILE", &self.clock)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One of the two holds the log; both are kept, and the address is looked for in both.
        let (tell, told) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let mut readers = Vec::new();
        for stream in streams {
            let (tell, log) = (tell.clone(), self.log.clone());
            readers.push(std::thread::spawn(move || copy(stream, &log, &tell)));
        }
        drop(tell);
        let url = told.recv().unwrap_or_else(|_| panic!("it ended: {}", self.logged()));
        Process { child, url, readers }
    }

    /// All that processes at this place have written.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn copy(stream: Box<dyn std::io::Read + Send>, log: &Path, tell: &std::sync::mpsc::Sender<String>) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        if let Some((_, rest)) = line.split_once("\"address\":\"") {
            let _ = tell.send(rest.split('"').next().unwrap_or_default().to_owned());
        }
        std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes()).unwrap();
    }
}

/// A running service; killed when dropped.
pub struct Process {
    child: Child,
    pub url: String,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Process {
    /// SIGKILL, and no more of it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
    }

    pub fn api(&self) -> Api {
        behaviour::http::Client::new().api(&self.url)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Everything is logged, and nothing of a card is in it.
#[test]
fn nothing_of_a_card_is_in_the_log() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        read_url: house.db.url("billing_reader"),
        write_url: house.db.url("billing_writer"),
        sandbox: house.sandbox.url.clone(),
        clock: folder.path().join("clock"),
        log: folder.path().join("log"),
    };
    let mut process = place.start(&[("LOG", "trace")]);
    let tenant = house.world.tenant("team");
    let path = tenant.path("/payment-method");
    let put = |token: &str, number: &str| {
        let body = json!({ "paymentMethodToken": token, "number": number });
        let body = if number.is_empty() { json!({ "paymentMethodToken": token }) } else { body };
        process.api().put(&path).token(&tenant.admin_token).json(&body).send()
    };
    put("4242424242424242", "").expect(422);
    put("pm_card_visa", "3782 822463 10005").expect(422);
    put("pm_card_chargeDeclined", "").expect(422);
    put("pm_card_visa", "").expect(201);
    process.kill();
    let logged = place.logged();
    assert!(logged.len() > 1000, "it logs: {logged}");
    for secret in ["42424242", "378282", "822463", "pm_card", "pm_0", "cus_", "sk_test", tenant.admin_token.as_str()] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
}
