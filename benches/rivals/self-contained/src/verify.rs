//! Whether every topic and every copy is its owner's view, row by row and change by change, and if not: made so.
//!
//! Compared is what stands there, not what should have been read: so it also finds what was lost behind an offset that had moved on (the end of
//! a topic, with the power), and what somebody has written into a copy. A difference counts once it has lasted for a while: what is under way
//! isn't one. Of a feed only the last 29 days are compared, for older changes leave their topic; what a consumer once had
//! counts as told. A repair tells the owner's rows and changes again ([`relay::tell_again`]); the copies' ingesters do the rest, so they must be at work.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator as _;
use rdkafka::message::Message as _;
use schema::{Noun, SERVICES};

use crate::apply::{object, origin};
use crate::read::Reading;
use crate::relay::{self, Keys, connect, touched};
use crate::sent::{hash, latest};
use crate::{Error, Log, topics};

/// How long a repair may take until the copies have it.
const REPAIRED_WITHIN: Duration = Duration::from_secs(60);
/// Repairs before it is given up: the relay at work may have been faster.
const TRIES: usize = 5;

/// Settings of a comparison.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// Each owner's own database, as its relay's login: `account=postgresql://…,profile=…`
    #[arg(long, env = "RELAY_DATABASE_URLS", hide_env_values = true, value_delimiter = ',', required = true)]
    pub relay_database_urls: Vec<String>,
    /// Each consumer's own database, as its copier's login; who isn't named isn't looked at
    #[arg(long, env = "COPIER_DATABASE_URLS", hide_env_values = true, value_delimiter = ',')]
    pub copier_database_urls: Vec<String>,
    /// Tells again what is missing or differs, and waits until it is there
    #[arg(long)]
    pub repair: bool,
    /// How long a difference must last to be one
    #[arg(long, env = "VERIFY_PATIENCE_MS", default_value_t = 5_000)]
    pub patience_ms: u64,
}

/// Services and URLs of `SERVICE=URL`. Not read by the parser of the command line: that would print a wrong value, with the password in it.
fn named<'a>(all: &'a [String], option: &str) -> Result<Vec<(&'static str, &'a str)>, Error> {
    let one = |text: &'a String| {
        let (name, url) = text.split_once('=')?;
        Some((SERVICES.iter().find(|known| **known == name)?, url))
    };
    let named = all.iter().map(|text| one(text).map(|(name, url)| (*name, url))).collect::<Option<Vec<_>>>();
    named.ok_or_else(|| {
        let known = SERVICES.join(", ");
        Error::Usage(format!("{option}: expected SERVICE=URL, separated by commas; the services are {known}"))
    })
}

impl Settings {
    fn relays(&self) -> Result<Vec<(&'static str, &str)>, Error> {
        named(&self.relay_database_urls, "--relay-database-urls")
    }

    fn copiers(&self) -> Result<Vec<(&'static str, &str)>, Error> {
        named(&self.copier_database_urls, "--copier-database-urls")
    }
}

/// Where something stands that should be as its owner shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the log.
    Topic,
    /// In the database of this service.
    Copy(&'static str),
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// Of what.
    pub noun: &'static str,
    /// The row's key, as JSON; of a change its id and time.
    pub key: String,
}

/// A hash of what the owner has, and of what is there; none: nothing.
type Sides = (Option<u64>, Option<u64>);
type Findings = BTreeMap<Finding, Sides>;
/// Hashes by key.
type Rows = HashMap<String, u64>;

/// A difference in words.
pub struct Said<'a>(pub &'a Finding, pub Sides);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Finding { place, noun, key }, sides) = self;
        let what = match sides {
            (Some(_), None) => "is missing",
            (None, Some(_)) => "is unexpected",
            _ => "differs",
        };
        match place {
            Place::Topic => write!(f, "{noun} {key} {what} on the log"),
            Place::Copy(service) => write!(f, "{noun} {key} {what} at {service}"),
        }
    }
}

/// Compares, repairs if that is wanted, and prints each difference.
///
/// # Errors
/// [`Error::Found`]: there are differences, or they stay. Else something is away.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let found = differences(settings)?;
    for (finding, sides) in &found {
        println!("{}", Said(finding, *sides));
    }
    if found.is_empty() {
        println!("Every topic and copy is its owner's view.");
        return Ok(());
    }
    if !settings.repair {
        return Err(Error::Found(format!("{} differences; `verify --repair` repairs them", found.len())));
    }
    let left = repair(settings, &found)?;
    match left.len() {
        0 => println!("{} differences, all repaired.", found.len()),
        left => {
            return Err(Error::Found(format!("{left} of {} differences stay: is each ingester at work?", found.len())));
        }
    }
    Ok(())
}

/// What differs now and after [`Settings::patience_ms`], in the same way.
///
/// # Errors
/// Something is away.
pub fn differences(settings: &Settings) -> Result<Findings, Error> {
    let mut found = look(settings, None)?;
    if !found.is_empty() {
        std::thread::sleep(Duration::from_millis(settings.patience_ms));
        let again = look(settings, Some(&found))?;
        found.retain(|finding, sides| again.get(finding) == Some(sides));
    }
    Ok(found)
}

/// Tells again what was found, until it isn't found any more; what stays.
///
/// # Errors
/// Something is away.
pub fn repair(settings: &Settings, found: &Findings) -> Result<Findings, Error> {
    let mut left = found.clone();
    for _ in 0..TRIES {
        for (service, url) in settings.relays()? {
            let mut keys = Keys::new();
            for finding in left.keys().filter(|finding| owner(finding.noun) == service) {
                keys.entry(finding.noun).or_default().insert(finding.key.clone());
            }
            let of = relay::Settings::new(service, url, &settings.log);
            if let Some(error) = (!keys.is_empty()).then(|| relay::tell_again(&of, &keys)).and_then(Result::err) {
                tracing::warn!(service, %error, "a repair begins again");
            }
        }
        let began = Instant::now();
        while !left.is_empty() && began.elapsed() < REPAIRED_WITHIN / u32::try_from(TRIES).unwrap_or(1) {
            std::thread::sleep(Duration::from_millis(200));
            let again = look(settings, Some(&left))?;
            left.retain(|finding, _| again.contains_key(finding));
        }
        if left.is_empty() {
            break;
        }
    }
    Ok(left)
}

fn owner(noun: &str) -> &'static str {
    Noun::find(noun).map_or("", |noun| noun.owner)
}

/// Compares everything once; or only the nouns of these findings.
fn look(settings: &Settings, only: Option<&Findings>) -> Result<Findings, Error> {
    let (relays, mut copies) = (settings.relays()?, Vec::new());
    for (service, url) in settings.copiers()? {
        let reads = topics::of_consumer(service)?;
        copies.push((service, reads, connect(url, "verify")?));
    }
    let mut found = Findings::new();
    for (service, url) in relays {
        let mut owner = connect(url, "verify")?;
        for noun in topics::of_owner(service) {
            if only.is_some_and(|only| only.keys().all(|finding| finding.noun != noun.name)) {
                continue;
            }
            let mut put = |place, own: &Rows, there: &Rows| {
                for key in own.keys().chain(there.keys().filter(|key| !own.contains_key(*key))) {
                    let sides = (own.get(key).copied(), there.get(key).copied());
                    // Whoever reads a feed keeps what its owner may have forgotten.
                    if sides.0 != sides.1 && !(noun.is_feed() && sides.0.is_none()) {
                        found.insert(Finding { place, noun: &noun.name, key: key.clone() }, sides);
                    }
                }
            };
            let (whole, shared) = of_owner(&mut owner, service, noun)?;
            put(Place::Topic, &whole, &of_topic(&settings.log, noun)?);
            for (service, _, copy) in copies.iter_mut().filter(|(_, reads, _)| reads.contains(&noun)) {
                put(Place::Copy(service), &shared, &of_copy(copy, noun)?);
            }
        }
    }
    Ok(found)
}

/// What every copy has of a row: positions are each database's own.
fn shared(noun: &Noun) -> String {
    let columns = noun.columns.iter().filter(|column| !(noun.name == "watchers" && column.ends_with("_xid")));
    columns.map(|column| format!("x.{column}")).collect::<Vec<_>>().join(", ")
}

/// Whole rows, as on the log, and what the copies have of them.
fn of_owner(client: &mut Client, service: &str, noun: &Noun) -> Result<(Rows, Rows), Error> {
    let (key, name) = (touched::key_of(noun, "x"), &noun.name);
    let text = match noun.is_feed() {
        // Told so far, and young enough to be on the log.
        true => format!(
            "select x.id || ' ' || to_jsonb(x.at)::text, '', '' from published.{name} x, published.log_cursor l
            where l.feed = '{service}' and (x.xid, x.id) <= (l.xid, l.id)
                and x.at > pg_catalog.now() - interval '{} days'",
            topics::FEED_KEPT_DAYS - 1
        ),
        false => format!(
            "select {key}, to_jsonb(x)::text, jsonb_build_array({})::text from published.{name} x",
            shared(noun)
        ),
    };
    let (mut whole, mut some) = (Rows::new(), Rows::new());
    let mut rows = client.query_raw(&text, Vec::<String>::new())?;
    while let Some(row) = rows.next()? {
        whole.insert(row.get(0), hash(row.get(1)));
        some.insert(row.get(0), hash(row.get(2)));
    }
    Ok((whole, some))
}

fn of_topic(log: &Log, noun: &Noun) -> Result<Rows, Error> {
    if !noun.is_feed() {
        return Ok(latest(log, noun, hash)?.0);
    }
    let mut rows = Rows::new();
    Reading::of(log, noun, None)?.each(|message| {
        let value = message.payload().map(String::from_utf8_lossy).unwrap_or_default();
        // What can't be read is no change of the owner's.
        if let Ok(key) = object(&value).and_then(|change| origin(&change)) {
            rows.insert(key, hash(""));
        }
        Ok(())
    })?;
    Ok(rows)
}

fn of_copy(client: &mut Client, noun: &Noun) -> Result<Rows, Error> {
    let name = &noun.name;
    let text = match noun.is_feed() {
        true => format!("select x.key, '' from published.log_rows x where x.noun = '{name}'"),
        false => {
            let key = touched::key_of(noun, "x");
            format!("select {key}, jsonb_build_array({})::text from published.{name} x", shared(noun))
        }
    };
    let mut there = Rows::new();
    let mut rows = client.query_raw(&text, Vec::<String>::new())?;
    while let Some(row) = rows.next()? {
        there.insert(row.get(0), hash(row.get(1)));
    }
    Ok(there)
}
