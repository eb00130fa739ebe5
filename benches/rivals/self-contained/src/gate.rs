//! When a change may be seen: once the rows that it depends on are there. A change names, for each noun, how far the topic had come when it
//! was told (the owner's own nouns), or had been read by the owner when it was made (the others').

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::record::Places;
use crate::{Error, Log};

/// The next offset of each partition of each noun that a consumer reads.
pub type Next = HashMap<(String, i32), i64>;

/// The first place that hasn't been read; none: the gate is open. Nouns that the consumer doesn't read don't count.
pub fn closed_by<'a>(needs: &'a Places, next: &Next) -> Option<(&'a str, i32, i64)> {
    let all = needs.iter().flat_map(|(noun, parts)| parts.iter().map(move |(part, offset)| (noun, *part, *offset)));
    let mut unread =
        all.filter(|(noun, part, offset)| next.get(&((*noun).clone(), *part)).is_some_and(|next| next <= offset));
    unread.next().map(|(noun, part, offset)| (noun.as_str(), part, offset))
}

/// Whether nothing stands in a partition from this offset on. Then a change that names a later one waits for what is gone: tombstones are, after
/// a day, and the end of a log can be lost.
pub fn is_at_end(log: &Log, topic: &str, part: i32, from: i64) -> Result<bool, Error> {
    let consumer: BaseConsumer = log.consumer_config("gate").set("enable.partition.eof", "true").create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, part, Offset::Offset(from))?;
    consumer.assign(&list)?;
    match consumer.poll(Duration::from_secs(2)) {
        Some(Err(KafkaError::PartitionEOF(_))) => Ok(true),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(_)) | None => Ok(false),
    }
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
        assert_eq!(closed_by(&needs, &next(4, 10)), Some(("persons", 0, 4)));
        assert_eq!(closed_by(&needs, &next(5, 9)), Some(("persons", 1, 9)));
        assert_eq!(closed_by(&needs, &next(5, 10)), None);
        assert_eq!(closed_by(&needs, &Next::new()), None);
    }
}
