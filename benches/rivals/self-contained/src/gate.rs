//! When a change may be seen: once the rows that it depends on are there. A change names, for each noun, how far the topic had come when it
//! was told (the owner's own nouns), or had been read by the owner when it was made (the others').

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::record::Places;
use crate::{Error, Log};

/// How long the broker may take to answer where a partition ends.
const ANSWER: Duration = Duration::from_secs(2);

/// The next offset of each partition of each noun that a consumer reads.
pub type Next = HashMap<(String, i32), i64>;

/// The first place that hasn't been read by a change of this partition; none: the gate is open. Nouns that the consumer doesn't read don't count, and
/// in its own partition a change has its order anyway. A partition that isn't known yet is one that hasn't been read.
pub fn closed_by<'a>(needs: &'a Places, next: &Next, own: (&str, i32)) -> Option<(&'a str, i32, i64)> {
    let all = needs.iter().flat_map(|(noun, parts)| parts.iter().map(move |(part, offset)| (noun, *part, *offset)));
    let mut unread = all.filter(|(noun, part, offset)| match next.get(&((*noun).clone(), *part)) {
        _ if (noun.as_str(), *part) == own => false,
        Some(next) => next <= offset,
        None => next.keys().any(|(read, _)| read == *noun),
    });
    unread.next().map(|(noun, part, offset)| (noun.as_str(), part, offset))
}

/// Whether nothing stands in a partition from this offset on. Then a change that names a later one waits for what is gone: tombstones are, after
/// a day, and the end of a log can be lost. Where a transaction has yet to end, something stands there that can't be read yet: of the
/// owner's last one the change may already be seen and its rows not, for each partition ends it by itself.
pub fn is_at_end(log: &Log, topic: &str, part: i32, from: i64) -> Result<bool, Error> {
    let unread: BaseConsumer = log.consumer_config("gate").set("isolation.level", "read_uncommitted").create()?;
    let consumer: BaseConsumer = log.consumer_config("gate").set("enable.partition.eof", "true").create()?;
    let (_, end) = unread.fetch_watermarks(topic, part, ANSWER)?;
    let (_, readable) = consumer.fetch_watermarks(topic, part, ANSWER)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, part, Offset::Offset(from))?;
    consumer.assign(&list)?;
    let found = match consumer.poll(ANSWER) {
        Some(Err(KafkaError::PartitionEOF(_))) => Ok(readable >= end),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(_)) | None => Ok(false),
    };
    [unread, consumer].into_iter().for_each(crate::read::end);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_change_waits_for_every_place_that_the_consumer_reads() {
        let needs = Places::from([
            ("persons".to_owned(), BTreeMap::from([(0, 4), (1, 9)])),
            ("plans".to_owned(), BTreeMap::from([(0, 100)])),
        ]);
        let next =
            |first, second| Next::from([(("persons".to_owned(), 0), first), (("persons".to_owned(), 1), second)]);
        let closed = |next: &Next| closed_by(&needs, next, ("profile_changes", 0));
        assert_eq!(closed(&next(4, 10)), Some(("persons", 0, 4)));
        assert_eq!(closed(&next(5, 9)), Some(("persons", 1, 9)));
        assert_eq!(closed(&next(5, 10)), None);
        assert_eq!(closed(&Next::new()), None);
        // A partition that the consumer doesn't know yet; and its own.
        assert_eq!(closed(&Next::from([(("persons".to_owned(), 0), 5)])), Some(("persons", 1, 9)));
        assert_eq!(closed_by(&needs, &next(4, 10), ("persons", 0)), None);
    }
}
