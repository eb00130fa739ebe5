//! Reading the log again into a service's copies, while its ingester and the service itself are at work.
//!
//! - **Replay**: rows are written again unless the copy's are newer; a change is told only to whom it is new. From the beginning, rows are removed,
//!   too, that the log doesn't have any more.
//! - **Backfill**: one column of a noun is filled that the ingester at work doesn't know yet. In this order: the owner shows the column and its relay
//!   is started again (each row then differs from the log's, and is told); `alter table … add column` at the consumer; backfill; start the ingester
//!   again (it takes the columns from its table); `backfill --from -1h` for the rows that the ingester before it has written meanwhile.
//!
//! Both are readers of their own, end where the log ended when they began, and leave the ingester's offsets alone. A row's position decides, and no
//! ingester moves one meanwhile: whatever the order of the two, the newer row stays. A few thousand records are one transaction and four round
//! trips (begin, lock, one statement, commit), while the next ones are read and made ready.

use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::ToSql;
use postgres::{Client, Transaction};
use schema::Noun;

use crate::apply::{Batch, How, Line, Statement, columns, connect, positions, readable};
use crate::read::Reading;
use crate::record::{Position, Record};
use crate::relay::touched;
use crate::{Error, ingest, topics};

/// Records in one transaction, and how many such batches are read ahead.
const RECORDS: usize = 5_000;
const AHEAD: usize = 2;
/// Tries of one, where the ingester holds a row.
const TRIES: usize = 10;

/// Whose copies, and from where.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Those of the ingester whose copies they are.
    #[command(flatten)]
    pub of: ingest::Settings,
    /// From where: `0`, the beginning of what is on the log, or `-48h`, `-30m`, `-90s`
    #[arg(long, value_parser = from, allow_hyphen_values = true, default_value = "0")]
    pub from: Since,
}

/// From where the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From its beginning.
    Beginning,
    /// What was written in the last while.
    Last(Duration),
}

fn from(text: &str) -> Result<Since, String> {
    if text == "0" {
        return Ok(Since::Beginning);
    }
    let unit = match text.chars().last() {
        Some('h') => 3600,
        Some('m') => 60,
        Some('s') => 1,
        _ => 0,
    };
    let number = text.strip_prefix('-').and_then(|text| text.get(..text.len().saturating_sub(1))?.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(unit)).filter(|seconds| *seconds > 0);
    seconds
        .map(|seconds| Since::Last(Duration::from_secs(seconds)))
        .ok_or_else(|| format!("expected 0 or -48h, got {text}"))
}

/// What became of a noun.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Which.
    pub noun: String,
    /// Records read.
    pub records: usize,
    /// Those among them that can't be a row; the ingester has kept them aside.
    pub poison: usize,
    /// Rows removed that the log doesn't have.
    pub gone: u64,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.took.as_secs_f64().max(0.001);
        let Self { noun, records, poison, gone, .. } = self;
        write!(f, "{noun}: {records} records in {seconds:.2} s ({:.0} a second)", *records as f64 / seconds)?;
        write!(f, ", {gone} rows removed, {poison} records that can't be a row")
    }
}

/// Replays these nouns; none: all that the service reads, rows before changes.
///
/// # Errors
/// [`Error::Usage`]: the service doesn't read such a noun. Else something is away.
pub fn replay(settings: &Settings, nouns: &[String], mut done: impl FnMut(&Done)) -> Result<(), Error> {
    let mut reads = topics::of_consumer(&settings.of.service)?;
    for noun in nouns {
        find(settings, &reads, noun)?;
    }
    reads.sort_by_key(|noun| noun.is_feed());
    for noun in reads.iter().filter(|noun| nouns.is_empty() || nouns.contains(&noun.name)) {
        done(&pass(settings, noun, &reads, How::Replay)?);
    }
    Ok(())
}

/// Fills one column.
///
/// # Errors
/// [`Error::Usage`]: the service doesn't read such a noun, or its table has no such column. Else something is away.
pub fn backfill(settings: &Settings, noun: &str, column: &str) -> Result<Done, Error> {
    let reads = topics::of_consumer(&settings.of.service)?;
    let noun = find(settings, &reads, noun)?;
    let all = columns(&mut connect(&settings.of.copier_database_url, "backfill")?, noun)?;
    if noun.is_feed() || noun.key.iter().any(|key| key == column) || !all.iter().any(|one| one == column) {
        let all = all.join(", ");
        return Err(Error::Usage(format!("{} has no column {column} to be filled: it has {all}", noun.name)));
    }
    pass(settings, noun, &reads, How::Fill(column.to_owned()))
}

fn find(settings: &Settings, reads: &[&'static Noun], name: &str) -> Result<&'static Noun, Error> {
    reads.iter().find(|noun| noun.name == name).copied().ok_or_else(|| {
        let all = reads.iter().map(|noun| noun.name.as_str()).collect::<Vec<_>>().join(", ");
        Error::Usage(format!("{} doesn't read {name}: expected one of {all}", settings.of.service))
    })
}

fn pass(settings: &Settings, noun: &'static Noun, reads: &[&'static Noun], how: How) -> Result<Done, Error> {
    let began = Instant::now();
    let mut client = connect(&settings.of.copier_database_url, "replay")?;
    let replays = how == How::Replay;
    let statement = Statement::of(&mut client, noun, reads, how)?;
    let since = match settings.from {
        Since::Beginning => None,
        Since::Last(last) => Some(last),
    };
    // Before the log's end is looked up: what the log doesn't have of these by then, it has no more.
    let removes = replays && since.is_none() && !noun.is_feed();
    let before = if removes { rows(&mut client, noun)? } else { Rows::new() };
    let reading = Reading::of(&settings.of.log, noun, since)?;
    let (batches, received) = sync_channel(AHEAD);
    let (read, poison) = thread::scope(|scope| {
        let reader = scope.spawn(move || read(reading, noun, before, &batches));
        let mut poison = 0;
        let mut all = received.iter();
        let written = all.try_for_each(|prepared: Prepared| {
            poison += write(&mut client, &statement, noun, &prepared)?;
            Ok::<_, Error>(())
        });
        // Whoever reads ahead ends then.
        drop(received);
        let read = reader.join().unwrap_or_else(|_| Err(Error::Failed("reading the log failed".to_owned())));
        written.and(read.map(|read| (read, poison)))
    })?;
    let gone = remove(&mut client, noun, read.before)?;
    let Read { records, poison: unreadable, .. } = read;
    Ok(Done { noun: noun.name.clone(), records, poison: poison + unreadable, gone, took: began.elapsed() })
}

/// What one transaction writes; the lines, in case that one of them can't be a row.
struct Prepared {
    batch: Batch,
    lines: Vec<Line>,
}

/// The copy's rows with their positions.
type Rows = HashMap<String, Option<Position>>;

/// What was read of the log.
struct Read {
    records: usize,
    /// Those that can't be rows.
    poison: usize,
    /// Of the rows that were in the copy, those that the log doesn't have.
    before: Rows,
}

/// Reads all, and passes on what is to be written in one transaction: of a feed, the changes of one position.
fn read(reading: Reading, noun: &Noun, before: Rows, to: &SyncSender<Prepared>) -> Result<Read, Error> {
    let (places, mut told) = (reading.places, Instant::now());
    let mut read = Read { records: 0, poison: 0, before };
    let mut batch = Vec::with_capacity(RECORDS);
    let pass = |read: &mut Read, batch: Vec<Record>| {
        for records in if noun.is_feed() { positions(noun, batch) } else { vec![batch] } {
            let lines: Vec<_> = records.iter().filter_map(|record| readable(noun, record).ok()).collect();
            read.poison += records.len() - lines.len();
            let prepared = Prepared { batch: Batch::of(noun, &lines), lines };
            to.send(prepared).map_err(|_| Error::Failed("nobody writes any more".to_owned()))?;
        }
        Ok::<_, Error>(())
    };
    reading.each(|message| {
        let record = Record::of(message);
        // A row that is gone may stand in the copy without a position.
        if record.value.is_some() {
            read.before.remove(&record.key);
        }
        batch.push(record);
        read.records += 1;
        if batch.len() == RECORDS {
            pass(&mut read, std::mem::take(&mut batch))?;
        }
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            eprintln!("{}: {} of at most {places} records", noun.name, read.records);
        }
        Ok(())
    })?;
    pass(&mut read, batch)?;
    Ok(read)
}

/// Writes them; how many can't be rows.
fn write(client: &mut Client, statement: &Statement, noun: &Noun, prepared: &Prepared) -> Result<usize, Error> {
    match patiently(client, |transaction| statement.write(transaction, &prepared.batch)) {
        Err(error) if error.is_of_the_data() => {}
        ended => return ended.map(|()| 0),
    }
    let mut poison = 0;
    for line in &prepared.lines {
        let one = Batch::of(noun, std::slice::from_ref(line));
        match patiently(client, |transaction| statement.write(transaction, &one)) {
            Err(error) if error.is_of_the_data() => poison += 1,
            ended => ended?,
        }
    }
    Ok(poison)
}

/// One transaction; again, where the ingester was in the way.
fn patiently<T>(client: &mut Client, run: impl Fn(&mut Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        let mut transaction = client.transaction()?;
        match run(&mut transaction).and_then(|done| Ok(transaction.commit().map(|()| done)?)) {
            Err(error) if error.may_pass() && tries < TRIES => tries += 1,
            ended => return ended,
        }
    }
}

/// The copy's rows.
fn rows(client: &mut Client, noun: &Noun) -> Result<Rows, Error> {
    let text = format!(
        "select k.key, p.epoch, p.sequence from (select {} as key from published.{} x) k
        left join published.log_rows p on p.noun = '{}' and p.key = k.key",
        touched::key_of(noun, "x"),
        noun.name,
        noun.name,
    );
    let mut found = HashMap::new();
    let mut rows = client.query_raw(&text, Vec::<String>::new())?;
    while let Some(row) = rows.next()? {
        let epoch: Option<i64> = row.get(1);
        found.insert(row.get(0), epoch.map(|epoch| Position { epoch, sequence: row.get(2) }));
    }
    Ok(found)
}

/// Removes these rows where they still stand at these positions; how many.
fn remove(client: &mut Client, noun: &Noun, rows: Rows) -> Result<u64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut keys, mut epochs, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    for (key, position) in rows {
        keys.push(key);
        epochs.push(position.map(|position| position.epoch));
        sequences.push(position.map(|position| position.sequence));
    }
    let text = format!(
        "delete from published.{name} x using unnest($1::text[], $2::int8[], $3::int8[]) k (key, epoch, sequence)
        where {key} = k.key and not exists (
            select from published.log_rows p where p.noun = '{name}' and p.key = k.key
                and (p.epoch, p.sequence) is distinct from (k.epoch, k.sequence))",
        key = touched::key_of(noun, "x"),
        name = noun.name,
    );
    let values: [&(dyn ToSql + Sync); 3] = [&keys, &epochs, &sequences];
    patiently(client, |transaction| {
        // No ingester writes a row meanwhile.
        transaction.batch_execute("lock table published.log_rows in share row exclusive mode")?;
        Ok(transaction.execute(&text, &values)?)
    })
}
