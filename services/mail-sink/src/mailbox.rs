//! What arrived, and how badly the server is to behave.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use mail_parser::{MessageParser, PartType};
use serde::{Deserialize, Serialize};

use crate::{Options, confirm};

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
    /// What is answered instead of yes, by step: `connection` (instead of the greeting), `mail`, `rcpt`, `data`, `content`. Lines are parted by `\n`.
    pub answers: BTreeMap<String, String>,
    /// Extensions that EHLO doesn't name: `SMTPUTF8`, `8BITMIME`.
    pub lacks: Vec<String>,
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
    /// Decodes what came. The id is for the mailbox to give.
    fn read(from: String, to: Vec<String>, raw: Vec<u8>) -> Self {
        let parser = MessageParser::new().with_mime_headers().default_header_text();
        let message = parser.parse(&raw).unwrap_or_default();
        let header = |header: &mail_parser::Header<'_>| {
            // Fields that are read as something else than text are shown as they came.
            let came = || raw.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default();
            let value = header.value.as_text().map_or_else(|| String::from_utf8_lossy(came()), Into::into);
            (header.name().to_owned(), value.trim().to_owned())
        };
        let lines = |text: &str| text.replace("\r\n", "\n");
        let (mut text, mut html) = (None, None);
        for part in &message.parts {
            match &part.body {
                PartType::Text(body) => drop(text.get_or_insert_with(|| lines(body))),
                PartType::Html(body) => drop(html.get_or_insert_with(|| lines(body))),
                _ => {}
            }
        }
        let headers = message.headers().iter().map(header).collect();
        Self { id: 0, arrived_at: Utc::now(), from, to, headers, text, html, raw }
    }

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
    confirm: bool,
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
    /// An empty mailbox for the last mails; all are appended to the file, if one is named.
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let open = |path: &PathBuf| OpenOptions::new().create(true).append(true).open(path).map(Mutex::new);
        Ok(Self {
            mails: Mutex::default(),
            arrived: Condvar::new(),
            dials: Mutex::default(),
            stopping: AtomicBool::new(false),
            keep: options.keep,
            file: options.file.as_ref().map(open).transpose()?,
            confirm: options.confirm,
        })
    }

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
        let mut mail = Mail::read(from, to, raw);
        let mut mails = lock(&self.mails);
        mails.last_id += 1;
        mail.id = mails.last_id;
        if let Some(file) = &self.file {
            writeln!(lock(file), "{}", serde_json::to_string(&mail)?)?;
        }
        let link = mail.text.as_deref().filter(|_| self.confirm).and_then(confirm::link);
        mails.kept.push_back(mail);
        while mails.kept.len() > self.keep {
            mails.kept.pop_front();
        }
        drop(mails);
        self.arrived.notify_all();
        // The sender's answer doesn't wait for it.
        if let Some(link) = link {
            thread::Builder::new().name("confirm".into()).spawn(move || confirm::press(&link))?;
        }
        Ok(())
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        lock(&self.mails).kept.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.mails).kept.clear();
    }

    /// Waits until what is kept satisfies the condition; true: in time.
    pub(crate) fn wait_for(&self, patience: Duration, condition: &mut dyn FnMut(&[Mail]) -> bool) -> bool {
        let end = Instant::now() + patience;
        let mut mails = lock(&self.mails);
        loop {
            if condition(mails.kept.make_contiguous()) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            mails = self.arrived.wait_timeout(mails, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}
