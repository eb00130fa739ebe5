//! The threads beside the requests: one that reads the feeds, some that send mails; how they start, and how they end.

use std::sync::Arc;
use std::time::Duration;

use kit::{Boot, Clock, Measured, StartError};

use crate::gate::Gate;
use crate::mailer::Mailer;
use crate::poller::Poller;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::smtp::MAIL_TIMEOUTS;

/// With nothing done for longer, something is wrong with a thread that has enough to do in a second.
const LIMIT: Duration = Duration::from_secs(60);

/// What the threads share; they end when it is dropped, and kit waits for that.
#[derive(Debug)]
pub struct Background {
    signals: Arc<Signals>,
    gate: Arc<Gate>,
}

impl Background {
    /// Starts the reader and the senders, each with a connection of its own.
    pub fn start(boot: &Boot<Settings>, signals: &Arc<Signals>) -> Result<Self, StartError> {
        let (settings, url, clock) = (boot.settings(), boot.write_url(), boot.clock());
        let failed = |error| StartError::Failed(format!("threads can't be started: {error}"));
        let gate = Arc::new(Gate::default());
        let mailer = Mailer::new(settings, clock.clone(), Arc::clone(&gate))?;
        let mut poller = Poller::new(url.to_owned(), clock, settings.replay_from, Arc::clone(signals), settings.caps());
        boot.threads().spawn("feeds", LIMIT, move |progress| poller.run(progress)).map_err(failed)?;
        let limit = LIMIT + MAIL_TIMEOUTS * Duration::from_secs(settings.smtp_timeout_seconds);
        for number in 0..settings.mail_senders {
            let (mailer, url, signals) = (mailer.clone(), url.to_owned(), Arc::clone(signals));
            let send = move |progress: &kit::Progress| mailer.run(&url, &signals, progress);
            boot.threads().spawn(format!("mail-{number}"), limit, send).map_err(failed)?;
        }
        Ok(Self { signals: Arc::clone(signals), gate })
    }

    /// `mail_server_refusing_seconds`: this instance's senders share what they know.
    pub fn measured(&self, clock: Clock) -> Measured {
        let (gate, help) = (Arc::clone(&self.gate), "How long the mail server has taken no mail; 0: it takes them.");
        Measured::new("mail_server_refusing_seconds", help, &[], move |_| {
            Ok(vec![(Vec::new(), gate.refusing_seconds(clock.now()))])
        })
    }
}

impl Drop for Background {
    /// A mail that is under way is still recorded, so that it isn't sent again; a mail server that hangs isn't waited for.
    fn drop(&mut self) {
        self.signals.stop();
    }
}
