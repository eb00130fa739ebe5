//! Telling again what a topic or a copy lacks.

use std::collections::{BTreeMap, BTreeSet};

use schema::Noun;

use super::{Found, ROWS, Relay, Settings, connect, shows, touched};
use crate::record::merge;
use crate::{Error, Log};

/// Changes in one transaction.
const CHANGES: usize = 500;

/// Keys by noun; of a feed: `apply::origin`.
pub type Keys = BTreeMap<&'static str, BTreeSet<String>>;

/// Takes over as the service's relay, which tells what differs between its views and the log, and tells these rows and changes again,
/// as they are now. Copies take a row for newer than theirs, and drop a change that they know. The relay at work is
/// fenced off, and takes over again by itself a little later.
///
/// # Errors
/// The broker or the database is away, or the relay at work was faster.
pub fn tell_again(settings: &Settings, keys: &Keys) -> Result<(), Error> {
    let (feed, nouns) = shows(&settings.service)?;
    let client = connect(&settings.relay_database_url, "repair")?;
    let mut relay = Relay::take_over(settings, client, feed, &nouns)?;
    for &noun in &nouns {
        let Some(keys) = keys.get(noun.name.as_str()) else { continue };
        relay.rows_again(noun, &keys.iter().collect::<Vec<_>>())?;
    }
    match feed.and_then(|feed| Some((feed, keys.get(feed.name.as_str())?))) {
        Some((feed, keys)) => relay.changes_again(feed, &keys.iter().collect::<Vec<_>>()),
        None => Ok(()),
    }
}

impl Settings {
    /// Of a service whose relay's login has this URL, with the default intervals.
    #[must_use]
    pub fn new(service: &str, url: &str, log: &Log) -> Self {
        Self {
            service: service.to_owned(),
            relay_database_url: url.to_owned(),
            log: log.clone(),
            relay_poll_ms: 5,
            relay_compare_ms: 500,
        }
    }
}

impl Relay<'_> {
    /// Compaction keeps the newest record of each partition: of a key that has moved, nothing may stay in the one before. It has been told again by
    /// now where it belongs.
    pub(super) fn clear_moved(&mut self) -> Result<(), Error> {
        for moved in std::mem::take(&mut self.sent.moved).chunks(ROWS) {
            self.producer.begin()?;
            for (noun, key, part) in moved {
                self.producer.clear(noun, key, *part)?;
            }
            merge(&mut self.sent.places, &self.producer.acknowledged()?);
            self.producer.commit()?;
        }
        Ok(())
    }

    fn rows_again(&mut self, noun: &'static Noun, keys: &[&String]) -> Result<(), Error> {
        let text = format!(
            "select k.key, to_jsonb(x)::text from unnest($1::text[]) k (key) left join published.{} x on {} = k.key",
            noun.name,
            touched::key_of(noun, "x"),
        );
        for keys in keys.chunks(ROWS) {
            let rows = self.client.query(&text, &[&keys])?.iter().map(|row| (row.get(0), row.get(1))).collect();
            self.tell(Found { rows: vec![(noun, rows)], ..Found::default() })?;
        }
        Ok(())
    }

    fn changes_again(&mut self, feed: &Noun, keys: &[&String]) -> Result<(), Error> {
        let text = format!(
            "select coalesce(c.organisation_id::text, 'platform'), to_jsonb(c)::text from published.{} c
            where c.id || ' ' || to_jsonb(c.at)::text = any ($1::text[]) order by c.xid, c.id",
            feed.name,
        );
        let changes: Vec<_> = self.client.query(&text, &[&keys])?.iter().map(|row| (row.get(0), row.get(1))).collect();
        for changes in changes.chunks(CHANGES) {
            self.tell(Found { changes: changes.to_vec(), ..Found::default() })?;
        }
        Ok(())
    }
}
