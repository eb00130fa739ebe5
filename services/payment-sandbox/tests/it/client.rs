//! The sandbox in this process and as its own, and who asks it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use payment_sandbox::{Dials, Options, Running};
use serde_json::Value;

/// Billing's place: asks the sandbox at this URL.
pub struct Client(pub String);

impl Client {
    pub fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(60)))
            .build()
            .into()
    }

    pub fn post(&self, path: &str, key: Option<&str>, form: &[(&str, &str)]) -> Result<(u16, Value), ureq::Error> {
        let mut request =
            Self::agent().post(format!("{}{path}", self.0)).header("authorization", "Bearer sk_test_sandbox");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let mut response = request.send_form(form.iter().copied())?;
        Ok((response.status().as_u16(), response.body_mut().read_json()?))
    }

    pub fn get(&self, path: &str) -> Value {
        let request = Self::agent().get(format!("{}{path}", self.0)).header("authorization", "Bearer sk_test_sandbox");
        request.call().unwrap().body_mut().read_json().unwrap()
    }

    pub fn control(&self, dials: Value) {
        assert_eq!(Self::agent().post(format!("{}/control", self.0)).send_json(dials).unwrap().status(), 200);
    }

    /// A customer with a card.
    pub fn customer(&self, token: &str) -> (String, String) {
        let customer = self.post("/v1/customers", None, &[("metadata[organisation]", "o")]).unwrap().1["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let (status, method) =
            self.post(&format!("/v1/payment_methods/{token}/attach"), None, &[("customer", &customer)]).unwrap();
        assert_eq!(status, 200, "{method}");
        (customer, method["id"].as_str().unwrap().to_owned())
    }

    pub fn charge(
        &self,
        key: &str,
        (customer, method): &(String, String),
        amount: &str,
    ) -> Result<(u16, Value), ureq::Error> {
        self.post(
            "/v1/payment_intents",
            Some(key),
            &[
                ("amount", amount),
                ("currency", "eur"),
                ("customer", customer),
                ("payment_method", method),
                ("confirm", "true"),
                ("off_session", "true"),
                ("metadata[invoice]", key),
            ],
        )
    }
}

fn options(ledger: &Path) -> Options {
    Options {
        listen: "127.0.0.1:0".into(),
        ledger: ledger.into(),
        api_key: "sk_test_sandbox".into(),
        no_fsync: false,
        dials: Dials::default(),
    }
}

/// A sandbox in this process, until it is dropped.
pub fn start() -> (Running, Client, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let running = payment_sandbox::spawn(options(&folder.path().join("ledger"))).unwrap();
    let client = Client(running.url.clone());
    (running, client, folder)
}

/// The sandbox as its own process.
pub struct Process(Child, pub Client);

impl Process {
    pub fn start(ledger: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payment-sandbox"));
        let mut child = command.arg("--ledger").arg(ledger).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        Self(child, Client(format!("http://{}", told["address"].as_str().unwrap())))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
