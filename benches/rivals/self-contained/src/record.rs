//! What a record carries beside its key and value.

use std::collections::BTreeMap;

use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders};

/// The last record of each partition of each noun: offsets by partition, by noun.
pub type Places = BTreeMap<String, BTreeMap<i32, i64>>;

/// Adds `more`; the later place stays.
pub fn merge(places: &mut Places, more: &Places) {
    for (noun, parts) in more {
        let here = places.entry(noun.clone()).or_default();
        for (part, offset) in parts {
            let last = here.entry(*part).or_insert(*offset);
            *last = (*last).max(*offset);
        }
    }
}

/// Where a row stands in its owner's order: the relay's epoch, and its count within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Rises with each relay that takes over.
    pub epoch: i64,
    /// Rises with each record.
    pub sequence: i64,
}

const POSITION: &str = "position";
const NEEDS: &str = "needs";

/// The headers of a record: its position, and of a change the places that must have been read before it may be seen.
pub fn headers(position: Position, needs: Option<&str>) -> OwnedHeaders {
    let text = format!("{}.{}", position.epoch, position.sequence);
    let headers = OwnedHeaders::new().insert(Header { key: POSITION, value: Some(&text) });
    match needs {
        Some(needs) => headers.insert(Header { key: NEEDS, value: Some(needs) }),
        None => headers,
    }
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// In its partition.
    pub offset: i64,
    /// The key.
    pub key: String,
    /// The row as JSON; none: it is gone.
    pub value: Option<String>,
    /// None: there is none that can be read.
    pub position: Option<Position>,
    /// What a change depends on.
    pub needs: Places,
}

impl Record {
    /// Of a message.
    pub fn of(message: &impl Message) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |name: &str| {
            let headers = message.headers()?;
            let found = headers.iter().find(|header| header.key == name)?;
            found.value.map(text)
        };
        let position = header(POSITION).and_then(|position| {
            let (epoch, sequence) = position.split_once('.')?;
            Some(Position { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
        });
        Self {
            offset: message.offset(),
            key: message.key().map(text).unwrap_or_default(),
            value: message.payload().map(text),
            position,
            needs: header(NEEDS).and_then(|needs| serde_json::from_str(&needs).ok()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;

    use super::*;

    #[test]
    fn headers_read_back() {
        let needs = Places::from([("persons".to_owned(), BTreeMap::from([(0, 7), (3, 1)]))]);
        let position = Position { epoch: 2, sequence: 41 };
        let headers = headers(position, Some(&serde_json::to_string(&needs).unwrap()));
        let at = Timestamp::NotAvailable;
        let message = OwnedMessage::new(None, Some(b"k".to_vec()), "t".to_owned(), at, 0, 9, Some(headers));
        let record = Record::of(&message);
        assert_eq!(record, Record { offset: 9, key: "k".to_owned(), value: None, position: Some(position), needs });
    }

    #[test]
    fn the_later_place_stays() {
        let places = |offset| Places::from([("plans".to_owned(), BTreeMap::from([(0, offset)]))]);
        let mut all = places(5);
        merge(&mut all, &places(3));
        assert_eq!(all, places(5));
        merge(&mut all, &places(8));
        assert_eq!(all, places(8));
    }
}
