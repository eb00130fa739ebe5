//! Records as rows of a consumer's database: what keeps a record from being one, and what is written with one statement.

mod sql;

use std::collections::BTreeMap;

use postgres::{Client, Transaction};
use schema::Noun;
use serde_json::{Map, Value};

use crate::record::{Position, Record};
use crate::{Error, relay};
pub use sql::How;

/// Connects as a consumer's copier: a statement is planned for as many lines as it gets.
pub fn connect(url: &str, name: &str) -> Result<Client, Error> {
    let mut client = relay::connect(url, name)?;
    client.batch_execute("set plan_cache_mode = force_custom_plan")?;
    Ok(client)
}

/// What is written of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    key: String,
    position: Position,
    /// The row is gone.
    gone: bool,
    /// As JSON; of a row that is gone, its key.
    row: String,
    /// Of a change.
    source: Source,
}

/// A change's transaction at its owner, and whether a watch begins or ends with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    xid: String,
    watch: bool,
}

/// A record that can be a row, or why it can't.
pub type Readable = Result<Line, String>;

/// What is written of a record. The key must be that of the row: else the row of somebody else would be overwritten.
pub fn readable(noun: &Noun, record: &Record) -> Readable {
    let position = record.position.ok_or("no position")?;
    let row = record.value.as_deref().map(object).transpose()?;
    if noun.is_feed() { change(record, position, row) } else { snapshot(noun, record, position, row) }
}

pub fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("the value is no JSON object: {error}"))
}

fn snapshot(noun: &Noun, record: &Record, position: Position, row: Option<Map<String, Value>>) -> Readable {
    let key: Vec<Value> = serde_json::from_str(&record.key).map_err(|_| "the key is no JSON array")?;
    if key.len() != noun.key.len() {
        return Err(format!("the key has {} parts, expected {}", key.len(), noun.key.len()));
    }
    let mut parts = noun.key.iter().zip(&key);
    let text = match (&row, &record.value) {
        (Some(row), Some(value)) => {
            if let Some((column, _)) = parts.find(|(column, part)| row.get(*column) != Some(part)) {
                return Err(format!("{column} isn't that of the key"));
            }
            value.clone()
        }
        _ => Value::Object(parts.map(|(column, part)| (column.clone(), part.clone())).collect()).to_string(),
    };
    Ok(Line { key: record.key.clone(), position, gone: row.is_none(), row: text, source: Source::default() })
}

fn change(record: &Record, position: Position, row: Option<Map<String, Value>>) -> Readable {
    let (Some(row), Some(value)) = (row, &record.value) else { return Err("a change that is gone".to_owned()) };
    let member = |name: &str| row.get(name).and_then(Value::as_str);
    if record.key != member("organisation_id").unwrap_or("platform") {
        return Err("the organisation isn't that of the key".to_owned());
    }
    let source = Source {
        xid: member("xid").unwrap_or_default().to_owned(),
        watch: member("kind").is_some_and(|kind| kind.starts_with("Watch")),
    };
    Ok(Line { key: origin(&row)?, position, gone: false, row: value.clone(), source })
}

/// What identifies a change in its owner's feed. An id alone may come again, after the owner was restored from a copy.
pub fn origin(change: &Map<String, Value>) -> Result<String, String> {
    let part = |name: &str| change.get(name).map(ToString::to_string).ok_or_else(|| format!("no {name}"));
    Ok(format!("{} {}", part("id")?, part("at")?))
}

/// What gets one position: consecutive changes of the owner's transactions, and each of those alone with which a watch begins or ends.
pub fn positions(feed: &Noun, records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut batches: Vec<(Option<String>, bool, Vec<Record>)> = Vec::new();
    for record in records {
        let source = readable(feed, &record).ok().map(|change| change.source);
        let (xid, watch) = source.map_or((None, false), |source| (Some(source.xid), source.watch));
        match batches.last_mut() {
            Some((last, apart, batch)) if *last == xid => {
                batch.push(record);
                *apart |= watch;
            }
            _ => batches.push((xid, watch, vec![record])),
        }
    }
    let mut joined: Vec<(bool, Vec<Record>)> = Vec::new();
    for (_, apart, mut batch) in batches {
        match joined.last_mut() {
            Some((false, last)) if !apart => last.append(&mut batch),
            _ => joined.push((apart, batch)),
        }
    }
    joined.into_iter().map(|(_, batch)| batch).collect()
}

/// How the records of a noun become rows.
pub struct Statement {
    noun: &'static Noun,
    prepared: postgres::Statement,
    how: How,
}

impl Statement {
    /// For a consumer that reads these nouns. The columns are those that its own table has: it may have one more than
    /// another version of the consumer knows.
    pub fn of(client: &mut Client, noun: &'static Noun, reads: &[&'static Noun], how: How) -> Result<Self, Error> {
        let watchers = noun.name == "registry_changes" && reads.iter().any(|noun| noun.name == "watchers");
        let text = match (noun.is_feed(), &how) {
            (true, _) => sql::of_feed(noun, watchers),
            (false, How::Fill(column)) => sql::of_column(noun, column),
            (false, how) => sql::of_rows(noun, &columns(client, noun)?, how),
        };
        Ok(Self { noun, prepared: client.prepare(&text)?, how })
    }

    /// Writes them, all with one statement: what is known, or older than what is known, is left out.
    pub fn run(&self, transaction: &mut Transaction<'_>, lines: &[Line]) -> Result<(), Error> {
        self.write(transaction, &Batch::of(self.noun, lines))
    }

    /// The same of what was prepared before.
    pub fn write(&self, transaction: &mut Transaction<'_>, batch: &Batch) -> Result<(), Error> {
        let Batch { keys, epochs, sequences, gone, rows } = batch;
        if keys.is_empty() {
            return Ok(());
        }
        if !self.noun.is_feed() && self.how != How::Follow {
            // No ingester moves a position meanwhile.
            transaction.batch_execute("lock table published.log_rows in share row exclusive mode")?;
        }
        transaction.execute(&self.prepared, &[keys, epochs, sequences, gone, rows])?;
        Ok(())
    }

    /// Keeps a record aside that can't be a row.
    pub fn aside(&self, transaction: &mut Transaction<'_>, part: i32, record: &Record, why: &str) -> Result<(), Error> {
        // Text of the database has no such character.
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        let (key, value) = (clean(&record.key), record.value.as_deref().map(clean));
        let name = &self.noun.name;
        tracing::error!(
            noun = name,
            part,
            offset = record.offset,
            why,
            "a record can't be a row and is kept in published.log_aside"
        );
        transaction.execute(
            "insert into published.log_aside (topic, part, at_offset, reason, key, value) values ($1, $2, $3, $4, $5, $6)
            on conflict do nothing",
            &[name, &part, &record.offset, &clean(why), &key, &value],
        )?;
        Ok(())
    }
}

/// What one statement writes, as its parameters: made by whoever reads, while the statement before it runs.
#[derive(Debug, Default)]
pub struct Batch {
    keys: Vec<String>,
    epochs: Vec<i64>,
    sequences: Vec<i64>,
    gone: Vec<bool>,
    /// A JSON array.
    rows: String,
}

impl Batch {
    /// All changes; of the rows the newest of each key. Sorted by it: two who write the same rows don't wait for each other in a circle.
    pub fn of(noun: &Noun, lines: &[Line]) -> Self {
        let lines = if noun.is_feed() { lines.iter().collect() } else { newest(lines) };
        let mut batch = Self { rows: "[".to_owned(), ..Self::default() };
        for line in lines {
            if !batch.keys.is_empty() {
                batch.rows.push(',');
            }
            batch.rows.push_str(&line.row);
            batch.keys.push(line.key.clone());
            batch.epochs.push(line.position.epoch);
            batch.sequences.push(line.position.sequence);
            batch.gone.push(line.gone);
        }
        batch.rows.push(']');
        batch
    }
}

fn newest(lines: &[Line]) -> Vec<&Line> {
    let mut newest = BTreeMap::<&str, &Line>::new();
    for line in lines {
        let one = newest.entry(&line.key).or_insert(line);
        if line.position > one.position {
            *one = line;
        }
    }
    newest.into_values().collect()
}

/// The columns of a consumer's table.
pub fn columns(client: &mut Client, noun: &Noun) -> Result<Vec<String>, Error> {
    let text = "select a.attname::text from pg_catalog.pg_attribute a
        where a.attrelid = pg_catalog.to_regclass('published.' || $1) and a.attnum > 0 and not a.attisdropped order by a.attnum";
    Ok(client.query(text, &[&noun.name])?.iter().map(|row| row.get(0)).collect())
}
