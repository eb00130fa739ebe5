//! A mail server that keeps what it is sent: the stand-in for the outside world in development, tests and the lab.
//!
//! It speaks the part of SMTP that a sender needs, keeps the last mails in memory (and in a file, if one is named), shows them on a
//! page and as JSON, and has dials that make it behave as badly as real servers do: down, slow, refusing single recipients, or
//! going away between taking a mail and saying so. No TLS and no authentication: it listens on the loopback address alone.

mod mime;
mod page;
mod smtp;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where to listen, and what to keep.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the mail server; port 0 takes a free one.
    pub smtp: SocketAddr,
    /// Address of the page; none: no page.
    pub http: Option<SocketAddr>,
    /// Mails kept in memory; the oldest go first.
    pub keep: usize,
    /// Every mail is appended here too, one JSON object per line.
    pub file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { smtp: SocketAddr::from(([127, 0, 0, 1], 0)), http: None, keep: 20_000, file: None }
    }
}

/// How badly the server behaves; by default not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Dials {
    /// Connections are closed before a word is said.
    pub down: bool,
    /// Every mail is answered this much later.
    pub delay_ms: u64,
    /// Mails to these recipients are answered this much later.
    pub slow: BTreeMap<String, u64>,
    /// These recipients are refused with this code (4xx: try again, 5xx: never).
    pub refuse: BTreeMap<String, u16>,
    /// The next so many mails are taken, but the connection is closed instead of saying so.
    pub forget_to_answer: u64,
}

/// A mail that arrived.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// Counts up from 1.
    pub id: u64,
    /// When its last byte came.
    pub arrived_at: DateTime<Utc>,
    /// Sender of the envelope.
    pub from: String,
    /// Recipients of the envelope.
    pub to: Vec<String>,
    /// Header fields, unfolded and decoded, in their order.
    pub headers: Vec<(String, String)>,
    /// The plain text part, decoded.
    pub text: Option<String>,
    /// The HTML part, decoded.
    pub html: Option<String>,
    /// The whole mail as it came.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

impl Mail {
    /// The first header field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The subject, or nothing.
    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap_or_default()
    }

    /// The Message-ID, or nothing.
    pub fn message_id(&self) -> &str {
        self.header("Message-ID").unwrap_or_default()
    }
}

/// What the sessions, the page and the owner share.
#[derive(Debug)]
pub(crate) struct Shared {
    mails: Mutex<Mails>,
    arrived: Condvar,
    dials: Mutex<Dials>,
    stopping: AtomicBool,
    keep: usize,
    file: Option<Mutex<File>>,
}

#[derive(Debug, Default)]
struct Mails {
    kept: VecDeque<Mail>,
    last_id: u64,
}

/// A panic in another thread leaves the data whole: every critical section below is a single push or copy.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn dials(&self) -> Dials {
        lock(&self.dials).clone()
    }

    pub(crate) fn set_dials(&self, dials: Dials) {
        *lock(&self.dials) = dials;
    }

    /// Whether this mail's answer shall be forgotten; counts down.
    pub(crate) fn forgets(&self) -> bool {
        let mut dials = lock(&self.dials);
        let forgets = dials.forget_to_answer > 0;
        dials.forget_to_answer = dials.forget_to_answer.saturating_sub(1);
        forgets
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn keep(&self, from: String, to: Vec<String>, raw: Vec<u8>) -> io::Result<()> {
        let parsed = mime::parse(&raw);
        let mut mails = lock(&self.mails);
        mails.last_id += 1;
        let mail = Mail {
            id: mails.last_id,
            arrived_at: Utc::now(),
            from,
            to,
            headers: parsed.headers,
            text: parsed.text,
            html: parsed.html,
            raw,
        };
        if let Some(file) = &self.file {
            writeln!(lock(file), "{}", serde_json::to_string(&mail)?)?;
        }
        mails.kept.push_back(mail);
        while mails.kept.len() > self.keep {
            mails.kept.pop_front();
        }
        drop(mails);
        self.arrived.notify_all();
        Ok(())
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        lock(&self.mails).kept.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.mails).kept.clear();
    }
}

/// A running mail server. Stops when dropped.
#[derive(Debug)]
pub struct MailSink {
    shared: Arc<Shared>,
    smtp: SocketAddr,
    http: Option<SocketAddr>,
}

impl MailSink {
    /// Starts listening.
    pub fn start(options: &Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.smtp)?;
        let smtp = listener.local_addr()?;
        let file = match &options.file {
            Some(path) => Some(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?)),
            None => None,
        };
        let shared = Arc::new(Shared {
            mails: Mutex::default(),
            arrived: Condvar::new(),
            dials: Mutex::default(),
            stopping: AtomicBool::new(false),
            keep: options.keep,
            file,
        });
        let http = match options.http {
            Some(address) => Some(page::serve(address, &shared)?),
            None => None,
        };
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("smtp".into()).spawn(move || smtp::accept(&listener, &accepting))?;
        Ok(Self { shared, smtp, http })
    }

    /// Where mail is taken.
    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Where the page is.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// What is kept, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails()
    }

    /// Mails for one recipient, oldest first.
    pub fn mails_to(&self, recipient: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to == recipient)).collect()
    }

    /// Forgets what is kept.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Turns the dials.
    pub fn set_dials(&self, dials: Dials) {
        self.shared.set_dials(dials);
    }

    /// Waits until what is kept satisfies the condition; says whether it did in time.
    pub fn wait_for(&self, patience: Duration, mut condition: impl FnMut(&[Mail]) -> bool) -> bool {
        let end = Instant::now() + patience;
        let mut mails = lock(&self.shared.mails);
        loop {
            if condition(mails.kept.make_contiguous()) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            mails = self.shared.arrived.wait_timeout(mails, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The accepting thread only notices when somebody calls.
        let _ = std::net::TcpStream::connect(self.smtp);
    }
}
