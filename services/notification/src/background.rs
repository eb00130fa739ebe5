//! The threads beside the requests: one that reads the feeds, some that send mails; how they start, and how they end.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kit::{Clock, Measured, StartError};

use crate::gate::Gate;
use crate::mailer::Mailer;
use crate::poller::Poller;
use crate::settings::Settings;
use crate::signals::Signals;

/// How long threads may take to end; kit gives the whole process ten seconds.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The threads; they end when it is dropped.
#[derive(Debug)]
pub struct Background {
    signals: Arc<Signals>,
    gate: Arc<Gate>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts the reader and the senders, each with a connection of its own.
    pub fn start(settings: &Settings, url: &str, clock: &Clock, signals: &Arc<Signals>) -> Result<Self, StartError> {
        let gate = Arc::new(Gate::default());
        let mailer = Mailer::new(settings, clock.clone(), Arc::clone(&gate))?;
        let mut background = Self { signals: Arc::clone(signals), gate, threads: Vec::new() };
        let poller = Poller::new(url.to_owned(), clock.clone(), settings.replay_from, Arc::clone(signals));
        background.spawn("feeds".to_owned(), move || poller.run())?;
        for number in 0..settings.mail_senders {
            let (mailer, url, signals) = (mailer.clone(), url.to_owned(), Arc::clone(signals));
            background.spawn(format!("mail-{number}"), move || mailer.run(&url, &signals))?;
        }
        Ok(background)
    }

    /// `mail_server_refusing_seconds`: this instance's senders share what they know.
    pub fn measured(&self, clock: Clock) -> Measured {
        let (gate, help) = (Arc::clone(&self.gate), "How long the mail server has taken no mail; 0: it takes them.");
        Measured::new("mail_server_refusing_seconds", help, &[], move |_| {
            Ok(vec![(Vec::new(), gate.refusing_seconds(clock.now()))])
        })
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let thread = thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|error| StartError::Failed(format!("threads can't be started: {error}")))?);
        Ok(())
    }
}

impl Drop for Background {
    /// Lets a mail that is under way be recorded, so that it isn't sent again; a mail server that hangs isn't waited for.
    fn drop(&mut self) {
        self.signals.stop();
        let end = Instant::now() + STOP_WITHIN;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
