//! A whole system that changes are tried on: five services on a server of their own, put back to where it was after each.

mod seen;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use schema::DATABASE;

use super::log;
use super::walk::{Broken, Things, walk};
use crate::Failure;
use crate::data::failed;
use crate::system::clock::{self, Move};
use crate::system::copies::copy;
use crate::system::{Deployment, Options, services};
use seen::ours;
pub use seen::{Seen, service_of};

/// From sign-up until a month's invoices are due and passwords (90 days) are about to end: reminders go out from 14 days before.
const LATER: i64 = 80 * 86_400;
/// After the change: far enough for the next retries, roll-ups and reminders.
const AFTERWARDS: i64 = 8 * 86_400;
/// Until the feeds are read and the mails are out.
const SETTLE: Duration = Duration::from_secs(4);

/// The system. Every change starts from its image: what a first walk has left, and the clock is at the day when invoices
/// and reminders are due.
pub struct Scratch {
    deployment: Deployment,
    /// The server's log.
    log: PathBuf,
    /// What the first walk made.
    first: Things,
}

/// Where the logs were.
struct Mark {
    server: usize,
    services: Vec<usize>,
}

impl Scratch {
    /// Starts everything, walks once, and keeps an image of what is there then.
    pub fn start() -> Result<Self, Failure> {
        let options = Options { ephemeral: true, ..Options::default() };
        let deployment = Deployment::start(&options, |news| eprintln!("{news}"))?;
        let mut scratch = Self { deployment, log: PathBuf::new(), first: Things::default() };
        let mut superuser = scratch.deployment.superuser()?;
        let folder =
            superuser.query_one("show data_directory", &[]).map_err(|error| failed("finding the log", &error))?;
        scratch.log = PathBuf::from(folder.get::<_, String>(0)).with_file_name("log");
        for setting in [format!("log_line_prefix = '{}'", log::PREFIX), "log_statement = 'all'".to_owned()] {
            superuser
                .batch_execute(&format!("alter system set {setting}"))
                .map_err(|error| failed("setting up the log", &error))?;
        }
        superuser.batch_execute("select pg_reload_conf()").map_err(|error| failed("setting up the log", &error))?;
        // Nobody may be connected to what an image is made of.
        drop(superuser);
        let mut things = Things::default();
        let (broken, _) = walk(scratch.deployment.place(), &mut things)?;
        if let Some(first) = broken.first() {
            return Err(Failure::could_not_run(format!(
                "{} failed ({}) on the unchanged system.",
                first.call, first.status
            )));
        }
        scratch.settle("")?;
        scratch.first = things;
        scratch.deployment.stop_services()?;
        scratch.deployment.keep_image()?;
        clock::run(Move::By(LATER), scratch.deployment.up_json())?;
        Ok(scratch)
    }

    /// What runs.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Everything as it was after the first walk, services newly started, and walked over once: their caches are full.
    pub fn begin(&self) -> Result<(Things, Seen), Failure> {
        self.deployment.stop_services()?;
        self.deployment.restore_image()?;
        clock::run(Move::Reset, self.deployment.up_json())?;
        clock::run(Move::By(LATER), self.deployment.up_json())?;
        let mark = self.mark();
        self.deployment.start_services()?;
        let mut things = self.first.clone();
        let (broken, calls) = walk(self.deployment.place(), &mut things)?;
        // The month's run was due while nobody ran: Billing catches up.
        self.settle("union all select 1 where not exists (select from billing.invoices)")?;
        let seen = self.since(&mark, broken, calls)?;
        Ok((things, seen))
    }

    /// Walks again, after a change, and moves the clock on.
    pub fn again(&self, things: &mut Things) -> Result<Seen, Failure> {
        let mark = self.mark();
        let (broken, calls) = walk(self.deployment.place(), things)?;
        self.settle("")?;
        clock::run(Move::By(AFTERWARDS), self.deployment.up_json())?;
        self.settle("")?;
        self.since(&mark, broken, calls)
    }

    /// Copies the database as it is now.
    pub fn copy(&self, name: &str) -> Result<(), Failure> {
        self.deployment.stop_services()?;
        copy(self.deployment.database_url()?, DATABASE, name)?;
        self.deployment.start_services()
    }

    /// Until every feed is read to its end, no mail waits, and `more` (a further part of that union) is empty; or for a while, where that can't be.
    fn settle(&self, more: &str) -> Result<(), Failure> {
        let mut client = self.deployment.superuser()?;
        let unread: Vec<String> = ["account", "profile", "registry", "billing"]
            .iter()
            .map(|feed| format!("select 1 from {feed}.changes c where not exists (select from notification.feed_cursors f where f.feed = '{feed}' and (f.xid, f.id) >= (c.xid, c.id))"))
            .collect();
        let sql = format!(
            "select count(*) from ({} union all select 1 from notification.deliveries d where d.status = 'waiting' and d.attempts = 0 {more}) u",
            unread.join(" union all ")
        );
        let started = Instant::now();
        // A change that has renamed what is asked for is no reason to stop: then it is waited for the whole while.
        while started.elapsed() < SETTLE && client.query_one(&sql, &[]).map_or(true, |row| row.get::<_, i64>(0) > 0) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn server_log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn service_log(&self, name: &str) -> String {
        let file = self.deployment.home().join("logs").join(format!("{name}.log"));
        std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn mark(&self) -> Mark {
        Mark {
            server: self.server_log().len(),
            services: services::names().map(|name| self.service_log(name).len()).collect(),
        }
    }

    fn since(&self, mark: &Mark, broken: Vec<Broken>, calls: usize) -> Result<Seen, Failure> {
        let log = self.server_log();
        let new = log.get(mark.server..).unwrap_or_default();
        let complained = services::names()
            .zip(&mark.services)
            .filter(|(name, from)| {
                self.service_log(name).get(**from..).is_some_and(|new| new.contains("\"level\":\"ERROR\""))
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        Ok(Seen { broken, calls, read: log::read(new, ours), complained })
    }
}
