//! A mail server that keeps what it is sent: the stand-in for the outside world in development, tests and the lab.
//!
//! It speaks the part of SMTP that a sender needs, keeps the last mails in memory (and in a file, if one is named), shows them on a
//! page and as JSON, and has dials that make it behave as badly as real servers do: down, slow, refusing single recipients, or
//! going away between taking a mail and saying so. No TLS and no authentication: it listens on the loopback address alone.

mod confirm;
mod mailbox;
mod page;
mod smtp;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mailbox::Shared;

pub use mailbox::{Dials, Mail};

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
    /// The link in a mail that asks for a confirmation is used at once: everybody here wants their mails.
    pub confirm: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { smtp: SocketAddr::from(([127, 0, 0, 1], 0)), http: None, keep: 20_000, file: None, confirm: false }
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
        let shared = Arc::new(Shared::new(options)?);
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

    /// Waits until what is kept satisfies the condition; true: in time.
    pub fn wait_for(&self, patience: Duration, mut condition: impl FnMut(&[Mail]) -> bool) -> bool {
        self.shared.wait_for(patience, &mut condition)
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.shared.stop();
        // The accepting thread only notices when somebody calls.
        let _ = std::net::TcpStream::connect(self.smtp);
    }
}
