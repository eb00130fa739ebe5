//! What stands on the log, as a relay knows it: read from the topics when it takes over, kept up to date by itself since.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

use rdkafka::message::Message as _;
use schema::Noun;

use crate::read::Reading;
use crate::record::{Places, Position, Record};
use crate::{Error, Log};

/// A row of a view, or (none) that there is none with this key.
pub type Row = (String, Option<String>);

/// The rows that consumers have, or will have once they have read all.
#[derive(Debug, Default)]
pub struct Sent {
    /// A hash of each row's text, by key, by noun.
    rows: HashMap<&'static str, HashMap<String, u64>>,
    /// The last record of each partition.
    pub places: Places,
    /// Rows that stand in another partition, too, since their topic has grown: noun, key and partition of the older ones.
    pub moved: Vec<(&'static Noun, String, i32)>,
}

pub fn hash(text: &str) -> u64 {
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
        let (standing, last) = standing(log, noun, hash)?;
        let mut rows = HashMap::new();
        for (key, mut all) in standing {
            let newest = all.pop();
            self.moved.extend(all.iter().filter(|one| one.row.is_some()).map(|one| (noun, key.clone(), one.part)));
            if let Some(row) = newest.and_then(|newest| newest.row) {
                rows.insert(key, row);
            }
        }
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

/// The newest record of a key in a partition.
struct Standing<T> {
    position: Position,
    part: i32,
    /// None: it is gone.
    row: Option<T>,
}

/// Reads a noun's topic from its beginning to its end: `of` the newest row of each key, and the last offset of each partition.
///
/// # Errors
/// The broker is away, or says nothing for a minute.
pub fn latest<T>(log: &Log, noun: &Noun, of: impl Fn(&str) -> T) -> Result<Latest<T>, Error> {
    let (all, last) = standing(log, noun, of)?;
    let newest = |(key, mut all): (String, Vec<Standing<T>>)| Some((key, all.pop()?.row?));
    Ok((all.into_iter().filter_map(newest).collect(), last))
}

/// What stands in each partition by key, the newest last: a key has moved where its topic has grown.
fn standing<T>(log: &Log, noun: &Noun, of: impl Fn(&str) -> T) -> Result<Latest<Vec<Standing<T>>>, Error> {
    let (mut rows, mut last) = (HashMap::<_, Vec<_>>::new(), BTreeMap::new());
    Reading::of(log, noun, None)?.each(|message| {
        last.insert(message.partition(), message.offset());
        let record = Record::of(message);
        let (position, part) = (record.position.unwrap_or_default(), message.partition());
        let all = rows.entry(record.key).or_default();
        // In its partition the later one stays, whatever its position: so does compaction.
        all.retain(|one: &Standing<T>| one.part != part);
        all.push(Standing { position, part, row: record.value.as_deref().map(&of) });
        all.sort_by_key(|one| one.position);
        Ok(())
    })?;
    Ok((rows, last))
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
