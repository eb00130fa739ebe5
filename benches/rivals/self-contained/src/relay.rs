//! The relay of one owner: for each change of its feed the rows that it concerns, as they are now, and then the change.
//!
//! A row is a whole snapshot, never a difference. All of a batch is one transaction of the log; the cursor is moved after it. A crash
//! between the two repeats the batch: consumers drop what they know. A relay that takes over compares every topic with its view,
//! and tells what differs: what was lost, what changed without a change in the feed, and what has its place in another partition, for its topic has
//! grown. There is one relay for each owner; whoever takes over fences off the one before, which stands back for a while: who repairs a topic
//! takes over for that.

mod again;
mod asked;
mod tell;
pub(crate) mod touched;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connection::Address;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::{Client, IsolationLevel};
use schema::Noun;

pub use again::{Keys, tell_again};

use crate::produce::Producer;
use crate::record::{Places, Position};
use crate::sent::{Row, Sent};
use crate::{Error, Log, topics};
use asked::Statements;

/// Rows in one transaction, where a whole view is told.
const ROWS: usize = 5_000;
/// How long it looks often after the last change or notification, and how often it looks then: a notification tells of what comes next, at
/// once where there was none for a tenth of a second.
const ACTIVE: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_millis(100);
/// Before the next try, where something is away.
const PAUSE: Duration = Duration::from_millis(200);
/// Before it takes over from somebody who has taken over from it.
const STANDS_BACK: Duration = Duration::from_secs(4);
/// How often it looks whether topics have grown, and how long the broker may take to say so.
const LOOK: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);

/// Settings of a relay.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The owner.
    #[arg(long, env = "SERVICE")]
    pub service: String,
    /// Its own database, as its relay's login.
    #[arg(long, env = "RELAY_DATABASE_URL", hide_env_values = true)]
    pub relay_database_url: String,
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// How often it looks for changes while there are some: the owner tells of them at most ten times a second.
    #[arg(long, env = "RELAY_POLL_MS", default_value_t = 5)]
    pub relay_poll_ms: u64,
    /// How often nouns are compared that change without a change in the feed.
    #[arg(long, env = "RELAY_COMPARE_MS", default_value_t = 500)]
    pub relay_compare_ms: u64,
}

/// Relays until `stopping`; what is away is waited for.
///
/// # Errors
/// [`Error::Usage`] alone.
pub fn run(settings: &Settings, stopping: &AtomicBool) -> Result<(), Error> {
    run_telling(settings, stopping, &AtomicBool::new(false))
}

/// The same; `told` becomes true once the log has all that the owner shows.
///
/// # Errors
/// As of [`run`].
pub fn run_telling(settings: &Settings, stopping: &AtomicBool, told: &AtomicBool) -> Result<(), Error> {
    let (feed, nouns) = shows(&settings.service)?;
    while !stopping.load(Ordering::SeqCst) {
        let ended = connect(&settings.relay_database_url, "relay").and_then(|client| {
            let mut relay = Relay::take_over(settings, client, feed, &nouns)?;
            told.store(true, Ordering::SeqCst);
            relay.go_on(stopping)
        });
        match ended {
            Ok(()) => return Ok(()),
            Err(Error::Usage(why)) => return Err(Error::Usage(why)),
            Err(error) => {
                tracing::warn!(service = settings.service, %error, "the relay starts again");
                let (began, pause) = (Instant::now(), if error.is_taken_over() { STANDS_BACK } else { PAUSE });
                while began.elapsed() < pause && !stopping.load(Ordering::SeqCst) {
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
    Ok(())
}

/// The feed of a service, where it has one, and its nouns.
fn shows(service: &str) -> Result<(Option<&'static Noun>, Vec<&'static Noun>), Error> {
    let mut own = topics::of_owner(service);
    let feed = own.pop_if(|feed| feed.is_feed());
    match own.is_empty() {
        true => Err(Error::Usage(format!("{service} shows nothing: expected one of {}", crate::OWNERS.join(", ")))),
        false => Ok((feed, own)),
    }
}

/// As services have it, unless the URL has limits of its own: a server that is gone without a word isn't waited for.
const PATIENCE: [(&str, &str); 5] = [
    ("connect_timeout", "2"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
];

/// Connects as one of the log's logins, with times in UTC: their text is part of keys.
pub(crate) fn connect(url: &str, name: &str) -> Result<Client, Error> {
    let address = Address::read(url).map_err(|error| Error::Usage(error.to_string()))?;
    let address = PATIENCE.into_iter().fold(address, |address, (keyword, value)| address.or(keyword, value));
    let mut client = address.connect(|config| {
        config.application_name(name);
    })?;
    client.batch_execute("set time zone 'UTC'")?;
    Ok(client)
}

struct Relay<'a> {
    settings: &'a Settings,
    client: Client,
    producer: Producer,
    feed: Option<&'static Noun>,
    nouns: &'a [&'static Noun],
    /// Where the last record stands.
    position: Position,
    /// Up to where the feed is on the log: transaction and id.
    place: (String, i64),
    sent: Sent,
    compared: Instant,
    /// When it looked whether topics have grown.
    looked: Instant,
    /// When there was something to do.
    active: Instant,
    /// Of the feed.
    statements: Option<Statements>,
}

/// What one look at the database found.
#[derive(Default)]
struct Found {
    /// Rows that consumers don't have.
    rows: Vec<(&'static Noun, Vec<Row>)>,
    /// Organisation and change.
    changes: Vec<(String, String)>,
    /// After the last of them.
    place: Option<(String, i64)>,
    /// What the owner itself had read of the others' when it made them, at the latest.
    known: Places,
}

impl<'a> Relay<'a> {
    fn take_over(
        settings: &'a Settings,
        mut client: Client,
        feed: Option<&'static Noun>,
        nouns: &'a [&'static Noun],
    ) -> Result<Self, Error> {
        let producer = Producer::take_over(&settings.log, &settings.service)?;
        // The first look comes after this: what is committed between them is in it.
        feed.map_or(Ok(()), |feed| client.batch_execute(&format!("listen {}", feed.name)))?;
        let row = client.query_one(
            "insert into published.log_cursor as c (feed, epoch, sequence, xid, id, sent) values ($1, 1, 0, '0', 0, '{}')
            on conflict (feed) do update set epoch = c.epoch + 1
            returning c.epoch, c.sequence, c.xid::text, c.id, c.sent::text",
            &[&settings.service],
        )?;
        let position = Position { epoch: row.get(0), sequence: row.get(1) };
        let places = serde_json::from_str(row.get(4))?;
        let mut sent = Sent::at(places);
        for noun in nouns {
            sent.read(&settings.log, noun, producer.partitions(noun)?)?;
        }
        let (place, now) = ((row.get(2), row.get(3)), Instant::now());
        let statements = feed.map(|feed| Statements::prepare(&mut client, feed)).transpose()?;
        let (compared, looked, active) = (now, now, now);
        let mut relay = Self {
            settings,
            client,
            producer,
            feed,
            nouns,
            position,
            place,
            sent,
            compared,
            looked,
            active,
            statements,
        };
        relay.compare(nouns)?;
        relay.clear_moved()?;
        Ok(relay)
    }

    fn go_on(&mut self, stopping: &AtomicBool) -> Result<(), Error> {
        let [poll, compare] = [self.settings.relay_poll_ms, self.settings.relay_compare_ms].map(Duration::from_millis);
        let untold: Vec<_> =
            self.nouns.iter().copied().filter(|noun| touched::UNTOLD.contains(&noun.name.as_str())).collect();
        while !stopping.load(Ordering::SeqCst) {
            let found = self.look()?;
            let more = found.place.is_some();
            self.tell(found)?;
            if !untold.is_empty() && self.compared.elapsed() >= compare {
                self.compare(&untold)?;
            }
            if self.looked.elapsed() >= LOOK {
                self.looked = Instant::now();
                if self.producer.has_grown(ANSWER) {
                    return Err(Error::Failed("topics have grown: moved rows are sent again".to_owned()));
                }
            }
            if more {
                self.active = Instant::now();
                continue;
            }
            let wait = if self.active.elapsed() < ACTIVE { poll } else { IDLE };
            let mut notifications = self.client.notifications();
            if notifications.timeout_iter(wait).next()?.is_some() {
                self.active = Instant::now();
                // One look answers all that are there.
                while notifications.iter().next()?.is_some() {}
            }
        }
        Ok(())
    }

    /// The next changes, and the rows that they concern, of one snapshot.
    fn look(&mut self) -> Result<Found, Error> {
        let (xid, id) = &self.place;
        let (Some(feed), Some(statements)) = (self.feed, &mut self.statements) else { return Ok(Found::default()) };
        // Most looks find nothing: one question, and no transaction.
        if self.client.query_opt(&statements.any, &[xid, id])?.is_none() {
            return Ok(Found::default());
        }
        let transaction = self.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
        let mut transaction = transaction.read_only(true).start()?;
        let changes = transaction.query(&statements.changes, &[xid, id])?;
        let Some(last) = changes.last() else { return Ok(Found::default()) };
        let mut found = Found { place: Some((last.get(0), last.get(1))), ..Found::default() };
        found.changes = changes.iter().map(|row| (row.get(3), row.get(4))).collect();
        let kinds: Vec<&str> = changes.iter().map(|row| row.get(2)).collect();
        let texts: Vec<&str> = found.changes.iter().map(|(_, change)| change.as_str()).collect();
        let texts = format!("[{}]", texts.join(","));
        for noun in self.nouns {
            let Some(text) = touched::statement(noun, feed, &kinds) else { continue };
            let statement = statements.of(noun, &mut transaction, &text)?;
            let rows = transaction.query(statement, &[&texts])?.iter().map(|row| (row.get(0), row.get(1))).collect();
            found.rows.push((noun, self.sent.new_of(noun, rows)));
        }
        for row in transaction.query(&statements.known, &[])? {
            found.known.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
        }
        transaction.commit()?;
        Ok(found)
    }

    /// Tells what differs between these views and the log.
    fn compare(&mut self, nouns: &[&'static Noun]) -> Result<(), Error> {
        for noun in nouns {
            let (key, name) = (touched::key_of(noun, "x"), &noun.name);
            let rows = self.client.query(&format!("select {key}, to_jsonb(x)::text from published.{name} x"), &[])?;
            let all = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            for rows in self.sent.difference(noun, all).chunks(ROWS) {
                self.tell(Found { rows: vec![(noun, rows.to_vec())], ..Found::default() })?;
            }
        }
        self.compared = Instant::now();
        Ok(())
    }
}
