//! Which topics there are: one for each noun of `published` and one for each feed, with names, keys and settings from the list of
//! the views (`schema::Noun`).
//!
//! | of | key | cleaned up |
//! | --- | --- | --- |
//! | a noun | its key as a JSON array | compacted: the newest record of each key stays; a tombstone says that the row is gone |
//! | a feed | the organisation, or `platform` | deleted after 30 days |

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use schema::{Noun, OwnDatabase};

use crate::{Error, Log};

/// How long a change stays in its feed's topic.
pub const FEED_KEPT_DAYS: u32 = 30;

/// Everything that is on the log. Nothing of Notification's: how far it has read the feeds means nothing here, where each feed's only reader
/// is its relay, and which invitations were accepted is told by no feed.
pub fn all() -> impl Iterator<Item = &'static Noun> {
    Noun::all().iter().filter(|noun| noun.owner != "notification")
}

/// What a service shows, its feed last.
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
