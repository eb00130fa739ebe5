//! `dba watch`: a page that shows live who uses whose tables and who blocks whom, for any Postgres 14 or newer.
//!
//! One connection samples the locks as `dba blame` does, and reads the sessions twice a second; another one reads the counters of statements.
//! Each rests 250 times as long as its last question took the server, so that both together cost it less than one percent of a core. What
//! they find goes to every open page as server-sent events ([`http`]). Nothing is changed.

mod ask;
pub mod console;
pub mod history;
pub mod http;
mod looking;
mod metrics;
pub mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::blame::Entry;
use crate::coupling::Owners;
use crate::error::{Error, Result};
use history::History;
use view::{Roles, View};

/// How often rights are compared with a roles file.
const ROLES_EVERY: Duration = Duration::from_secs(300);

/// Compares the rights with a roles file.
pub type CheckRoles = Box<dyn Fn() -> Roles + Send>;

/// What to watch.
pub struct Options {
    /// URL of the database; `pg_monitor` is enough, but for who uses whose tables, which needs a superuser.
    pub url: String,
    /// Which roles belong to which service.
    pub owners: Owners,
    /// Compares the rights; none: that isn't shown.
    pub check_roles: Option<CheckRoles>,
}

/// What is known now. Threads write it, and pages read it.
pub struct Watching {
    /// Locks and sessions are asked for again after so many times as long as the server took.
    rest: u32,
    view: Mutex<View>,
    history: Mutex<History>,
    booked: Mutex<Vec<Entry>>,
    /// The view as JSON.
    latest: watch::Sender<Arc<str>>,
}

impl Watching {
    /// Begins to watch; ends with the process.
    ///
    /// # Errors
    /// When the database can't be reached: later losses of the connection are shown on the page.
    pub fn begin(options: Options) -> Result<Arc<Self>> {
        Self::begin_with(options, looking::REST)
    }

    /// The same with another rest: `20` costs a server of one's own up to 5 % of a core, and shows what is so within a second.
    ///
    /// # Errors
    /// As for [`Watching::begin`].
    pub fn begin_with(options: Options, rest: u32) -> Result<Arc<Self>> {
        let shared = Arc::new(Self {
            rest,
            view: Mutex::default(),
            history: Mutex::default(),
            booked: Mutex::default(),
            latest: watch::Sender::new(Arc::from("{}")),
        });
        let first = looking::Locks::connect(&options.url, &shared)?;
        let (of, url) = (Arc::clone(&shared), options.url.clone());
        spawn("locks", move || looking::locks(&url, &of, first))?;
        let (of, url, owners) = (Arc::clone(&shared), options.url, options.owners);
        spawn("counters", move || looking::counters(&url, &owners, &of))?;
        if let Some(check) = options.check_roles {
            let of = Arc::clone(&shared);
            spawn("roles", move || {
                loop {
                    let roles = check();
                    of.change(|view| view.roles = Some(roles));
                    thread::sleep(ROLES_EVERY);
                }
            })?;
        }
        Ok(shared)
    }

    /// Changes what is known; pages see it with the next publication.
    fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a note, once.
    fn note(&self, note: String) {
        self.change(|view| {
            if !view.notes.contains(&note) {
                view.notes.push(note);
            }
        });
    }

    /// Sends what is known to every page.
    fn publish(&self) {
        let json = {
            let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
            serde_json::to_string(&*view).unwrap_or_default()
        };
        self.latest.send_replace(json.into());
    }

    /// Each new view as JSON.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Arc<str>> {
        self.latest.subscribe()
    }

    /// The last ten minutes as JSON: an array of [`view::Second`].
    #[must_use]
    pub fn seconds(&self) -> String {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_string(&history.seconds().collect::<Vec<_>>()).unwrap_or_default()
    }

    /// For Prometheus: its text format. Names of roles and numbers, no statements.
    #[must_use]
    pub fn metrics(&self) -> String {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        metrics::text(&view, &self.booked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = thread::Builder::new().name(format!("watch-{name}")).spawn(work);
    spawned.map(drop).map_err(|error| Error::Unavailable(format!("can't start a thread: {error}")))
}
