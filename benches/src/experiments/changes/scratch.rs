//! A whole system that changes are tried on: five services on a server of their own, put back to where it was after each.

mod seen;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use postgres::Client;
use schema::DATABASE;

use super::log;
use super::walk::{Broken, Things, walk};
use crate::data::{connect, failed};
use crate::system::clock::{self, Move};
use crate::system::{self, Instance, services};
use crate::{Failure, Target};
use seen::ours;
pub use seen::{Seen, service_of};

/// What every change starts from: what a first walk has left, and the clock is at the day when invoices and reminders are due.
const IMAGE: &str = "govrnanza_image";

/// From sign-up until a month's invoices are due and passwords (90 days) are about to end: reminders go out from 14 days before.
const LATER: i64 = 80 * 86_400;
/// After the change: far enough for the next retries, roll-ups and reminders.
const AFTERWARDS: i64 = 8 * 86_400;
/// Until the feeds are read and the mails are out.
const SETTLE: Duration = Duration::from_secs(4);

/// The system.
pub struct Scratch {
    instance: Instance,
    /// What the server says.
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
        let options = system::Options { ephemeral: true, port_base: 0, ..system::Options::default() };
        let instance = Instance::start(&options, &Arc::new(AtomicBool::new(false)), |news| eprintln!("{news}"))?;
        let mut scratch = Self { instance, log: PathBuf::new(), first: Things::default() };
        let mut superuser = scratch.superuser()?;
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
        let (broken, _) = walk(scratch.target(), &mut things)?;
        if let Some(first) = broken.first() {
            return Err(Failure::could_not_run(format!(
                "{} failed ({}) on the unchanged system.",
                first.call, first.status
            )));
        }
        scratch.settle("")?;
        scratch.first = things;
        scratch.stop()?;
        scratch.maintain(&[format!("create database {IMAGE} template {DATABASE}")])?;
        clock::run(Move::By(LATER), scratch.instance.up_json())?;
        Ok(scratch)
    }

    /// Where its services are.
    pub fn target(&self) -> &Target {
        self.instance.target()
    }

    /// The server as its superuser, in this database.
    pub fn url_of(&self, database: &str) -> Result<String, Failure> {
        let url = self.target().database_url.as_deref().unwrap_or_default();
        let mut url = url::Url::parse(url)
            .map_err(|error| Failure::could_not_run(format!("The database's URL is none: {error}.")))?;
        url.set_path(database);
        Ok(url.into())
    }

    /// The product's database as superuser.
    pub fn superuser(&self) -> Result<Client, Failure> {
        connect(&self.url_of(DATABASE)?)
    }

    /// Everything as it was after the first walk, services newly started, and walked over once: their caches are full.
    pub fn begin(&self) -> Result<(Things, Seen), Failure> {
        self.stop()?;
        self.maintain(&[
            format!("drop database if exists {DATABASE} with (force)"),
            format!("create database {DATABASE} template {IMAGE} owner govrnanza_admin"),
        ])?;
        self.grant()?;
        clock::run(Move::Reset, self.instance.up_json())?;
        clock::run(Move::By(LATER), self.instance.up_json())?;
        let mark = self.mark();
        self.start_all()?;
        let mut things = self.first.clone();
        let (broken, calls) = walk(self.target(), &mut things)?;
        // The month's run was due while nobody ran: Billing makes up for it.
        self.settle("union all select 1 where not exists (select from billing.invoices)")?;
        let seen = self.since(&mark, broken, calls)?;
        Ok((things, seen))
    }

    /// Walks again, after a change, and moves the clock on.
    pub fn again(&self, things: &mut Things) -> Result<Seen, Failure> {
        let mark = self.mark();
        let (broken, calls) = walk(self.target(), things)?;
        self.settle("")?;
        clock::run(Move::By(AFTERWARDS), self.instance.up_json())?;
        self.settle("")?;
        self.since(&mark, broken, calls)
    }

    /// Copies the database as it is now.
    pub fn copy(&self, name: &str) -> Result<(), Failure> {
        self.stop()?;
        self.maintain(&[format!("create database {name} template {DATABASE}")])?;
        self.start_all()
    }

    /// The product's database, as superuser.
    pub fn product_url(&self) -> Result<String, Failure> {
        self.url_of(DATABASE)
    }

    /// Starts one service.
    pub fn start_service(&self, name: &'static str) -> Result<(), Failure> {
        self.instance.start_service(name)
    }

    /// Starts those that don't run.
    pub fn start_all(&self) -> Result<(), Failure> {
        services::names().try_for_each(|name| self.instance.start_service(name))
    }

    /// Stops the services; the database stays.
    pub fn stop(&self) -> Result<(), Failure> {
        services::names().try_for_each(|name| match self.instance.process_id(name) {
            Some(_) => self.instance.stop_service(name),
            None => Ok(()),
        })
    }

    /// Statements of the superuser in the maintenance database.
    pub fn maintain(&self, statements: &[String]) -> Result<(), Failure> {
        let mut client = connect(&self.url_of("postgres")?)?;
        statements.iter().try_for_each(|one| client.batch_execute(one).map_err(|error| failed(one, &error)))
    }

    /// A copy carries no rights on the database itself.
    fn grant(&self) -> Result<(), Failure> {
        let file = schema::roles::RolesFile::default();
        let rights: Vec<String> =
            file.applied(DATABASE).iter().filter(|one| one.of_database(DATABASE)).map(|one| one.sql.clone()).collect();
        self.maintain(&rights)
    }

    /// Until every feed is read to its end, no mail waits, and `more` (a further part of that union) is empty; or for a while, where that can't be.
    fn settle(&self, more: &str) -> Result<(), Failure> {
        let mut client = self.superuser()?;
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
        let file = self.instance.home().join("logs").join(format!("{name}.log"));
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
