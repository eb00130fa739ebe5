//! What stands on the log, as a relay knows it: read from the topics when it takes over, kept up to date by itself since.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use schema::Noun;

use crate::record::Places;
use crate::{Error, Log};

const WITHIN: Duration = Duration::from_secs(60);

/// A row of a view, or (none) that there is none with this key.
pub type Row = (String, Option<String>);

/// The rows that consumers have, or will have once they have read all.
#[derive(Debug, Default)]
pub struct Sent {
    /// A hash of each row's text, by key, by noun.
    rows: HashMap<&'static str, HashMap<String, u64>>,
    /// The last record of each partition.
    pub places: Places,
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Sent {
    /// Nothing is known yet but where the last records are.
    pub fn at(places: Places) -> Self {
        Self { places, ..Self::default() }
    }

    /// Takes over what stands in a noun's topic.
    pub fn read(&mut self, log: &Log, noun: &'static Noun) -> Result<(), Error> {
        let (rows, last) = latest(log, noun, hash)?;
        self.rows.insert(&noun.name, rows);
        self.places.insert(noun.name.clone(), last);
        Ok(())
    }

    /// Those rows that consumers don't have like this.
    pub fn new_of(&self, noun: &Noun, rows: Vec<Row>) -> Vec<Row> {
        let sent = self.rows.get(noun.name.as_str());
        let differs = |(key, row): &Row| sent.and_then(|sent| sent.get(key)).copied() != row.as_deref().map(hash);
        let mut seen = HashSet::new();
        rows.into_iter().filter(differs).filter(|(key, _)| seen.insert(key.clone())).collect()
    }

    /// What consumers have to be told for theirs to be all these rows, and no others.
    pub fn difference(&self, noun: &Noun, mut all: Vec<Row>) -> Vec<Row> {
        let there: HashSet<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        let sent = self.rows.get(noun.name.as_str()).into_iter().flat_map(HashMap::keys);
        let gone: Vec<Row> = sent.filter(|key| !there.contains(key.as_str())).map(|key| (key.clone(), None)).collect();
        all.extend(gone);
        self.new_of(noun, all)
    }

    /// These are on the log now.
    pub fn add(&mut self, noun: &'static Noun, rows: Vec<Row>) {
        let sent = self.rows.entry(&noun.name).or_default();
        for (key, row) in rows {
            match row {
                Some(row) => sent.insert(key, hash(&row)),
                None => sent.remove(&key),
            };
        }
    }
}

/// Rows by key, and the last offset of each partition.
pub type Latest<T> = (HashMap<String, T>, BTreeMap<i32, i64>);

/// Reads a noun's topic from its beginning to its end: `of` the newest row of each key, and the last offset of each partition.
///
/// # Errors
/// The broker is away, or the topic can't be read to its end within a minute.
pub fn latest<T>(log: &Log, noun: &Noun, of: impl Fn(&str) -> T) -> Result<Latest<T>, Error> {
    let topic = log.topic(noun);
    let mut config = log.consumer_config("latest");
    let consumer: BaseConsumer = config.set("enable.partition.eof", "true").create()?;
    let parts = partitions(&consumer, &topic)?;
    let mut list = TopicPartitionList::new();
    for part in &parts {
        list.add_partition_offset(&topic, *part, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut rows, mut last, mut ended) = (HashMap::new(), BTreeMap::new(), HashSet::new());
    let began = Instant::now();
    while ended.len() < parts.len() {
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                last.insert(message.partition(), message.offset());
                match message.payload() {
                    Some(row) => rows.insert(key, of(&String::from_utf8_lossy(row))),
                    None => rows.remove(&key),
                };
            }
            Some(Err(KafkaError::PartitionEOF(part))) => drop(ended.insert(part)),
            Some(Err(error)) => return Err(error.into()),
            None if began.elapsed() > WITHIN => return Err(Error::Failed(format!("{topic} can't be read to its end"))),
            None => {}
        }
    }
    Ok((rows, last))
}

/// The partitions of a topic.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Error> {
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let parts: Vec<i32> = found.into_iter().flat_map(|topic| topic.partitions()).map(|part| part.id()).collect();
    match parts.is_empty() {
        true => Err(Error::Failed(format!("there is no topic {topic}: `self-contained topics` makes it"))),
        false => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told_and_only_once() {
        let noun = Noun::find("plans").unwrap();
        let row = |key: &str, text: &str| (key.to_owned(), Some(text.to_owned()));
        let mut sent = Sent::default();
        sent.add(noun, vec![row("a", "1"), row("b", "1")]);
        assert_eq!(sent.new_of(noun, vec![row("a", "1"), row("b", "2"), row("b", "2")]), [row("b", "2")]);
        // Nobody is told that what was never there is gone.
        assert_eq!(sent.new_of(noun, vec![("c".to_owned(), None)]), []);
        assert_eq!(sent.difference(noun, vec![row("a", "1"), row("d", "1")]), [row("d", "1"), ("b".to_owned(), None)]);
        sent.add(noun, vec![("b".to_owned(), None)]);
        assert_eq!(sent.difference(noun, vec![row("a", "1")]), []);
    }
}
