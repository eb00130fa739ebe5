//! A page in Chromium, asked over its debugging protocol: what it shows as time goes by, whom it asked, what it complained of.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Only a browser that hangs takes so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How long it may take to end by itself.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Arguments with which Chromium asks nobody of its own accord.
pub const QUIET: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The program, where PATH has it.
#[must_use]
pub fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = ["chromium", "chromium-browser", "google-chrome"];
    named.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|program| program.is_file())
}

/// A browser with one page. Ends when it is dropped.
pub struct Browser {
    child: Child,
    say: Option<ChildStdin>,
    heard: Receiver<Value>,
    /// What it told unasked, and nobody has looked at.
    events: Vec<Value>,
    session: Option<String>,
    last: u64,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with an empty page.
    ///
    /// # Panics
    ///
    /// Where it can't be started.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let started = Self::open(program);
        started.unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()))
    }

    fn open(program: &Path) -> std::io::Result<Self> {
        let profile = tempfile::tempdir()?;
        // It reads its orders from 3 and answers on 4.
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .arg(program)
            .args(QUIET)
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (tell, heard) = channel();
        let answers = child.stdout.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
        std::thread::spawn(move || {
            let messages = BufReader::new(answers).split(0).map_while(Result::ok);
            messages.filter_map(|one| serde_json::from_slice(&one).ok()).try_for_each(|one: Value| tell.send(one))
        });
        let say = child.stdin.take();
        let mut browser = Self { child, say, heard, events: Vec::new(), session: None, last: 0, _profile: profile };
        let page = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let of = json!({ "targetId": page["targetId"], "flatten": true });
        browser.session = browser.ask("Target.attachToTarget", &of)["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        Ok(browser)
    }

    /// Opens a page in a window of this width, in pixels of CSS.
    pub fn show(&mut self, url: &str, width: u32) {
        let window = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", &window);
        self.ask("Page.navigate", &json!({ "url": url }));
    }

    /// What an expression of JavaScript is on the page now.
    ///
    /// # Panics
    ///
    /// Where it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// A picture of the page from its top to this height, as a PNG in base64.
    ///
    /// # Panics
    ///
    /// Where none is made.
    #[must_use]
    pub fn picture(&mut self, width: u32, height: u32) -> String {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let answer = self.ask("Page.captureScreenshot", &json!({ "clip": clip, "captureBeyondViewport": true }));
        answer["data"].as_str().unwrap_or_else(|| panic!("no picture: {answer}")).to_owned()
    }

    /// Every URL that pages have asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<&str> {
        let requests = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.filter_map(|event| event["params"]["request"]["url"].as_str()).collect()
    }

    /// What pages wrote to the console, threw, or were refused.
    #[must_use]
    pub fn complaints(&self) -> Vec<&Value> {
        let is_complaint = |event: &&Value| {
            let method = event["method"].as_str().unwrap_or_default();
            ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"].contains(&method)
        };
        self.events.iter().filter(is_complaint).map(|event| &event["params"]).collect()
    }

    /// Sends an order and waits for what comes of it.
    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut order = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let sent = self.say.as_mut().map(|pipe| pipe.write_all(format!("{order}\0").as_bytes()));
        assert!(matches!(sent, Some(Ok(()))), "the browser has ended before {method}");
        loop {
            let message = self.heard.recv_timeout(ANSWER_WITHIN);
            let message = message.unwrap_or_else(|error| panic!("the browser didn't answer {method}: {error}"));
            if message["id"] == self.last {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends when its orders end.
        self.say = None;
        let until = Instant::now() + END_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
