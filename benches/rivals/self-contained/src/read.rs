//! Reading a topic once, from a place to where it ends now.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use schema::Noun;

use crate::{Error, Log};

/// How long the broker may say nothing.
const WITHIN: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(10);

/// A topic, about to be read.
pub struct Reading {
    consumer: BaseConsumer,
    topic: String,
    /// Where each partition that isn't empty ends: what comes later isn't read.
    ends: BTreeMap<i32, i64>,
    /// Places between beginning and end: the records, and the marks and gaps between them.
    pub places: i64,
}

impl Reading {
    /// From the beginning, or of the last while only.
    pub fn of(log: &Log, noun: &Noun, since: Option<Duration>) -> Result<Self, Error> {
        let topic = log.topic(noun);
        let consumer: BaseConsumer = log.consumer_config("reading").set("enable.partition.eof", "true").create()?;
        let mut from = TopicPartitionList::new();
        let (mut ends, mut places) = (BTreeMap::new(), 0);
        for part in partitions(&consumer, &topic)? {
            let (low, high) = consumer.fetch_watermarks(&topic, part, ANSWER)?;
            if low < high {
                ends.insert(part, high);
                places += high - low;
                from.add_partition_offset(&topic, part, Offset::Offset(low))?;
            }
        }
        if let Some(since) = since {
            let at = SystemTime::now().checked_sub(since).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let at = i64::try_from(at.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
            from.set_all_offsets(Offset::Offset(at))?;
            from = consumer.offsets_for_times(from, ANSWER)?;
            let offset = |part: &i32| from.find_partition(&topic, *part).and_then(|found| found.offset().to_raw());
            places = ends
                .iter()
                .map(|(part, end)| offset(part).filter(|from| *from >= 0).map_or(0, |from| end - from))
                .sum();
        }
        consumer.assign(&from)?;
        Ok(Self { consumer, topic, ends, places })
    }

    /// Each record to `each`, in the order of its partition.
    pub fn each(self, each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let read = self.to_the_end(each);
        end(self.consumer);
        read
    }

    fn to_the_end(&self, mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let mut ended = HashSet::new();
        while ended.len() < self.ends.len() {
            match self.consumer.poll(WITHIN) {
                Some(Ok(message)) => {
                    let end = self.ends.get(&message.partition()).copied().unwrap_or_default();
                    if message.offset() < end {
                        each(&message)?;
                    }
                    if message.offset() + 1 >= end {
                        ended.insert(message.partition());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(part))) => drop(ended.insert(part)),
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let why = format!("the broker has sent nothing for {} s", WITHIN.as_secs());
                    return Err(Error::Failed(format!("{} can't be read to its end: {why}", self.topic)));
                }
            }
        }
        Ok(())
    }
}

/// Ends a consumer that nobody needs any more, without waiting: that takes a tenth of a second at least, for its library looks that often whether it
/// has ended.
pub fn end(consumer: BaseConsumer) {
    std::thread::spawn(move || drop(consumer));
}

/// The partitions of a topic.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Error> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let parts: Vec<i32> = found.into_iter().flat_map(|topic| topic.partitions()).map(|part| part.id()).collect();
    match parts.is_empty() {
        true => Err(Error::Failed(format!("there is no topic {topic}: `self-contained topics` makes it"))),
        false => Ok(parts),
    }
}
