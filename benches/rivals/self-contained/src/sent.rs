//! What stands on the log, as a relay knows it: read from the topics when it takes over, kept up to date by itself since.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

use rdkafka::message::Message as _;
use schema::Noun;

use crate::read::Reading;
use crate::record::{Places, Position, Record};
use crate::topics::place;
use crate::{Error, Log};

/// A row of a view, or (none) that there is none with this key.
pub type Row = (String, Option<String>);

/// The rows that consumers have, or will have once they have read all.
#[derive(Debug, Default)]
pub struct Sent {
    /// A hash of each row's text, by key, by noun; none: it stands in a partition that isn't its place any more, and must be told again.
    rows: HashMap<&'static str, HashMap<String, Option<u64>>>,
    /// The last record of each partition.
    pub places: Places,
    /// Rows that stand where they have no place since their topic has grown: noun, key and partition.
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

    /// Takes over what stands in a noun's topic, with so many partitions.
    pub fn read(&mut self, log: &Log, noun: &'static Noun, partitions: i32) -> Result<(), Error> {
        let (standing, last) = standing(log, noun, hash)?;
        let mut rows = HashMap::new();
        for (key, all) in standing {
            self.moved.extend(misplaced(&key, &all, partitions).map(|part| (noun, key.clone(), part)));
            if let Some((part, row)) = all.last().and_then(|newest| Some((newest.part, newest.row?))) {
                rows.insert(key.clone(), (part == place(&key, partitions)).then_some(row));
            }
        }
        self.rows.insert(&noun.name, rows);
        self.places.insert(noun.name.clone(), last);
        Ok(())
    }

    /// Those rows that consumers don't have like this.
    pub fn new_of(&self, noun: &Noun, rows: Vec<Row>) -> Vec<Row> {
        let sent = self.rows.get(noun.name.as_str());
        let differs = |(key, row): &Row| {
            sent.and_then(|sent| sent.get(key)).copied() != row.as_deref().map(|row| Some(hash(row)))
        };
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
                Some(row) => sent.insert(key, Some(hash(&row))),
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

/// How many rows of a noun stand where they have no place.
///
/// # Errors
/// The broker is away, or says nothing for a minute.
pub fn count_misplaced(log: &Log, noun: &Noun, partitions: i32) -> Result<usize, Error> {
    let (all, _) = standing(log, noun, |_| ())?;
    Ok(all.iter().map(|(key, all)| misplaced(key, all, partitions).count()).sum())
}

/// The partitions where a row of this key stands that is none of it any more: compaction would keep it for ever.
fn misplaced<T>(key: &str, all: &[Standing<T>], partitions: i32) -> impl Iterator<Item = i32> {
    let (at, gone) = (place(key, partitions), all.last().is_some_and(|newest| newest.row.is_none()));
    all.iter().filter(move |one| one.row.is_some() && (one.part != at || gone)).map(|one| one.part)
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
        // What stands in another partition is told again as it is, or that it is gone.
        sent.rows.get_mut("plans").unwrap().insert("a".to_owned(), None);
        assert_eq!(sent.difference(noun, vec![row("a", "1")]), [row("a", "1")]);
        assert_eq!(sent.difference(noun, vec![]), [("a".to_owned(), None)]);
    }

    #[test]
    fn a_row_has_one_place() {
        let standing = |part, row| Standing { position: Position::default(), part, row };
        let (row, gone) = (Some(()), None);
        let at = place("a", 3);
        let [other, third] = [(at + 1) % 3, (at + 2) % 3];
        let found = |all: &[Standing<()>]| misplaced("a", all, 3).collect::<Vec<_>>();
        assert_eq!(found(&[standing(other, row), standing(third, gone), standing(at, row)]), [other]);
        assert_eq!(found(&[standing(other, row)]), [other]);
        assert_eq!(found(&[standing(at, row)]), [0; 0]);
        assert_eq!(found(&[standing(at, row), standing(other, gone)]), [at], "it would come back");
    }
}
