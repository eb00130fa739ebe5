//! Which topics there are: one for each noun of `published` and one for each feed, with names, keys and settings from the list of
//! the views (`schema::Noun`).
//!
//! | of | key | cleaned up |
//! | --- | --- | --- |
//! | a noun | its key as a JSON array | compacted: the newest record of each key stays; a tombstone says that the row is gone |
//! | a feed | the organisation, or `platform` | deleted after 30 days |
//!
//! A key has its place in one of the partitions ([`Partitions`]), and another one once the topic has grown.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::types::RDKafkaErrorCode;
use schema::{Noun, OwnDatabase};

use crate::{Error, Log};

/// How long a change stays in its feed's topic.
pub const FEED_KEPT_DAYS: u32 = 30;

/// Everything that is on the log. Not how far Notification has read the feeds: here each feed's only reader is its relay.
pub fn all() -> impl Iterator<Item = &'static Noun> {
    Noun::all().iter().filter(|noun| noun.name != "feed_cursors")
}

/// What a service shows, its feed last, where it has one.
#[must_use]
pub fn of_owner(service: &str) -> Vec<&'static Noun> {
    let mut own: Vec<_> = all().filter(|noun| noun.owner == service).collect();
    own.sort_by_key(|noun| noun.is_feed());
    own
}

/// What a service reads of the others.
///
/// # Errors
/// [`Error::Usage`]: there is no such service.
pub fn of_consumer(service: &str) -> Result<Vec<&'static Noun>, Error> {
    let own = OwnDatabase::of(service).map_err(|error| Error::Usage(error.to_string()))?;
    let reads = own.nouns();
    Ok(all().filter(|noun| reads.contains(&noun.name)).collect())
}

/// Settings of the topic of a noun.
#[must_use]
pub fn settings(noun: &Noun) -> Vec<(&'static str, String)> {
    if noun.is_feed() {
        let kept = u64::from(FEED_KEPT_DAYS) * 24 * 60 * 60 * 1000;
        vec![("cleanup.policy", "delete".to_owned()), ("retention.ms", kept.to_string())]
    } else {
        vec![("cleanup.policy", "compact".to_owned())]
    }
}

/// Makes the topics that are missing.
///
/// # Errors
/// The broker is away, or refuses.
pub fn create(log: &Log, partitions: i32, replication: i32) -> Result<(), Error> {
    let admin: AdminClient<DefaultClientContext> = log.client("topics").create()?;
    let topics: Vec<_> = all().map(|noun| (log.topic(noun), settings(noun))).collect();
    let new = topics.iter().map(|(name, settings)| {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        settings.iter().fold(topic, |topic, (setting, value)| topic.set(setting, value))
    });
    let new: Vec<_> = new.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for made in runtime.block_on(admin.create_topics(&new, &AdminOptions::new()))? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Failed(format!("Kafka doesn't make the topic {topic}: {code}"))),
        }
    }
    Ok(())
}

/// How many partitions topics have.
#[derive(Debug, Clone)]
pub struct Partitions(HashMap<String, i32>);

impl Partitions {
    /// Of all topics, as they are now.
    ///
    /// # Errors
    /// The broker is away, or a new partition has no leader yet.
    pub fn now<C: ClientContext>(client: &Client<C>, log: &Log, within: Duration) -> Result<Self, Error> {
        let metadata = client.fetch_metadata(None, within)?;
        let mut found = HashMap::new();
        for topic in metadata.topics() {
            let Some(noun) = topic.name().strip_prefix(&log.topic_prefix) else { continue };
            if topic.partitions().iter().any(|part| part.leader() < 0) {
                return Err(Error::Failed(format!("{} has a partition without a leader", topic.name())));
            }
            found.insert(noun.to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX));
        }
        Ok(Self(found))
    }

    /// Whether a topic has more than it had. One that isn't there for a moment has fewer.
    #[must_use]
    pub fn has_more_than(&self, before: &Self) -> bool {
        self.0.iter().any(|(noun, count)| before.0.get(noun).is_some_and(|before| count > before))
    }

    /// How many this noun has.
    ///
    /// # Errors
    /// It has no topic.
    pub fn of(&self, log: &Log, noun: &Noun) -> Result<i32, Error> {
        let missing =
            || Error::Failed(format!("there is no topic {}: `self-contained topics` makes it", log.topic(noun)));
        self.0.get(&noun.name).copied().filter(|count| *count > 0).ok_or_else(missing)
    }
}

/// The partition of a key, of so many (FNV-1a): told by the relay and not left to its client of Kafka, which takes a topic for grown at a moment of
/// its own.
#[must_use]
pub fn place(key: &str, partitions: i32) -> i32 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    i32::try_from(hash % u64::try_from(partitions.max(1)).unwrap_or(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_over_all_partitions_and_stay_where_they_are() {
        let mut count = [0; 12];
        for number in 0..1_200 {
            let key = format!("[\"00000000-0000-7000-8000-{number:012}\"]");
            count[usize::try_from(place(&key, 12)).unwrap()] += 1;
            assert_eq!(place(&key, 1), 0);
        }
        assert!(count.iter().all(|count| (50..200).contains(count)), "{count:?}");
        // What is on a log stays where it is: another hash would leave every row in the wrong partition.
        assert_eq!([place("a", 1_000_000), place("platform", 12)], [641_996, 10]);
    }
}
