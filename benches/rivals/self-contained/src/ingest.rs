//! The ingester of one consumer: its copies, from the log.
//!
//! Rows and the offsets after them are one transaction, and an offset is only moved from where it was: whoever finds it elsewhere
//! isn't the only one any more, and begins again from what is stored. So every record is a row once, whatever is killed. What
//! isn't newer than the row that is there is dropped. A record that can't be a row is kept aside in `published.log_aside`, and the others go on.

mod held;
mod settings;
mod stored;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use held::Held;
use postgres::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use schema::Noun;
pub use settings::Settings;
use stored::{move_offset, purge};

use crate::apply::{How, Readable, Statement, connect, positions, readable};
use crate::gate::{Next, closed_by, is_at_end};
use crate::read::partitions;
use crate::record::{Places, Record};
use crate::{Error, Log, topics};

/// Records taken at once.
const RECORDS: usize = 2_000;
/// Changes of a partition that may wait at the gate before no more are fetched.
const WAITING: usize = 10_000;
/// How long a change waits before it is looked whether what it waits for is still there.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks whether topics have grown and changes are old.
const LOOK: Duration = Duration::from_secs(5);
/// How long it waits for records; also how soon it stops.
const POLL: Duration = Duration::from_millis(100);
/// Before the next try, where something is away.
const PAUSE: Duration = Duration::from_millis(200);

/// Ingests until `stopping`; what is away is waited for.
///
/// # Errors
/// [`Error::Usage`] alone.
pub fn run(settings: &Settings, stopping: &AtomicBool) -> Result<(), Error> {
    let reads = topics::of_consumer(&settings.service)?;
    while !stopping.load(Ordering::SeqCst) {
        let ended = Ingester::start(settings, &reads).and_then(|mut ingester| ingester.go_on(stopping));
        match ended {
            Ok(()) => return Ok(()),
            Err(Error::Usage(why)) => return Err(Error::Usage(why)),
            Err(error) => {
                tracing::warn!(service = settings.service, %error, "the ingester starts again");
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(())
}

/// A partition: which of the nouns, and its number.
type Part = (usize, i32);

struct Ingester<'a> {
    reads: &'a [&'static Noun],
    statements: Vec<Statement>,
    client: Client,
    consumer: BaseConsumer,
    /// What is stored.
    next: Next,
    /// What was read and must wait.
    held: Held<(Part, Record)>,
    /// What was read and isn't stored yet.
    queues: BTreeMap<Part, VecDeque<Record>>,
    paused: HashSet<Part>,
    /// What counts as read at the gate: what is stored, and what is gone.
    seen: Next,
    /// Since when changes of a partition wait at the gate.
    waiting: HashMap<Part, Instant>,
    topics: Vec<String>,
    looked: Instant,
    log: &'a Log,
}

impl<'a> Ingester<'a> {
    fn start(settings: &'a Settings, reads: &'a [&'static Noun]) -> Result<Self, Error> {
        let mut client = connect(&settings.copier_database_url, "ingester")?;
        let consumer: BaseConsumer =
            settings.log.consumer_config(&format!("{}-ingester", settings.service)).create()?;
        let stored = client.query("select topic, part, next from published.log_offsets where part >= 0", &[])?;
        let stored: Next = stored.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
        let (mut next, mut assigned) = (Next::new(), TopicPartitionList::new());
        let topics: Vec<String> = reads.iter().map(|noun| settings.log.topic(noun)).collect();
        for (noun, topic) in reads.iter().zip(&topics) {
            for part in partitions(&consumer, topic)? {
                let place = (noun.name.clone(), part);
                let from = stored.get(&place).copied().unwrap_or_default();
                assigned.add_partition_offset(topic, part, Offset::Offset(from))?;
                next.insert(place, from);
            }
        }
        consumer.assign(&assigned)?;
        let statements = reads.iter().map(|noun| Statement::of(&mut client, noun, reads, How::Follow));
        let statements = statements.collect::<Result<_, _>>()?;
        Ok(Self {
            reads,
            statements,
            client,
            consumer,
            seen: next.clone(),
            next,
            held: Held::new(Duration::from_millis(settings.apply_delay_ms)),
            queues: BTreeMap::new(),
            paused: HashSet::new(),
            waiting: HashMap::new(),
            topics,
            looked: Instant::now(),
            log: &settings.log,
        })
    }

    fn go_on(&mut self, stopping: &AtomicBool) -> Result<(), Error> {
        while !stopping.load(Ordering::SeqCst) {
            self.receive()?;
            self.write_rows()?;
            // Of one partition they may wait for those of another.
            while self.write_changes()? {}
            self.pause_and_resume()?;
            self.now_and_then()?;
        }
        Ok(())
    }

    /// Waits for a record, and takes what else is there.
    fn receive(&mut self) -> Result<(), Error> {
        let mut wait = self.held.patience(POLL);
        for _ in 0..RECORDS {
            let Some(message) = self.consumer.poll(wait) else { break };
            let message = message?;
            let noun = self.topics.iter().position(|topic| topic == message.topic());
            if let Some(noun) = noun {
                self.held.push(((noun, message.partition()), Record::of(&message)));
            }
            wait = Duration::ZERO;
        }
        while let Some((part, record)) = self.held.pop() {
            self.queues.entry(part).or_default().push_back(record);
        }
        Ok(())
    }

    fn write_rows(&mut self) -> Result<(), Error> {
        let batches: Vec<(Part, Vec<Record>)> = self
            .queues
            .iter_mut()
            .filter(|((noun, _), queue)| !self.reads[*noun].is_feed() && !queue.is_empty())
            .map(|(part, queue)| (*part, queue.drain(..).collect()))
            .collect();
        self.write(&batches)
    }

    /// Those changes whose rows are there. Changes of one of the owner's transactions stay together, and are apart from the others
    /// where watches begin or end: who is told of a change is decided by positions, and a transaction is one position.
    fn write_changes(&mut self) -> Result<bool, Error> {
        let mut some = false;
        for (noun, read) in self.reads.iter().enumerate().filter(|(_, noun)| noun.is_feed()) {
            let parts: Vec<i32> = self.queues.keys().filter(|part| part.0 == noun).map(|part| part.1).collect();
            for part in parts {
                let queue = self.queues.entry((noun, part)).or_default();
                let (seen, own) = (&self.seen, (read.name.as_str(), part));
                let open = queue.iter().take_while(|record| closed_by(&record.needs, seen, own).is_none()).count();
                some |= open > 0;
                let first = queue.front().filter(|_| open == 0).map(|record| record.needs.clone());
                let records: Vec<Record> = queue.drain(..open).collect();
                for batch in positions(read, records) {
                    self.write(&[((noun, part), batch)])?;
                }
                match first {
                    Some(needs) => self.wait((noun, part), &needs)?,
                    None => drop(self.waiting.remove(&(noun, part))),
                }
            }
        }
        Ok(some)
    }

    /// Now and then: old changes go, and who has partitions that it doesn't know begins again.
    fn now_and_then(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        purge(&mut self.client, self.reads)?;
        let now = self.topics.iter().map(|topic| Ok(partitions(&self.consumer, topic)?.len()));
        match (self.next.len(), now.sum::<Result<usize, Error>>()?) {
            (known, now) if known == now => Ok(()),
            (known, now) => Err(Error::Failed(format!(
                "the topics have {now} partitions, and {known} are read: it starts again to read them all"
            ))),
        }
    }

    /// The first change of this partition waits. After a while: for something that is gone?
    fn wait(&mut self, part: Part, needs: &Places) -> Result<(), Error> {
        let since = *self.waiting.entry(part).or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE {
            return Ok(());
        }
        self.waiting.remove(&part);
        let Some((noun, number, offset)) = closed_by(needs, &self.seen, (&self.reads[part.0].name, part.1)) else {
            return Ok(());
        };
        let place = (noun.to_owned(), number);
        let from = self.next.get(&place).copied().unwrap_or_default();
        // What can't be found out now is looked up again.
        if is_at_end(self.log, &format!("{}{noun}", self.log.topic_prefix), number, from).unwrap_or(false) {
            tracing::warn!(noun, part = number, offset, "a change doesn't wait for a record that is gone");
            self.seen.insert(place, offset + 1);
        }
        Ok(())
    }

    /// Writes records and offsets: all of it or nothing. Where a row is refused, one by one, and that one aside.
    fn write(&mut self, batches: &[(Part, Vec<Record>)]) -> Result<(), Error> {
        if batches.is_empty() {
            return Ok(());
        }
        match self.store(batches, None) {
            Err(error) if error.is_of_the_data() => {}
            done => return done,
        }
        for (part, records) in batches {
            for record in records {
                let one = [(*part, vec![record.clone()])];
                match self.store(&one, None) {
                    Err(error) if error.is_of_the_data() => self.store(&one, Some(&error.to_string()))?,
                    done => done?,
                }
            }
        }
        Ok(())
    }

    /// One transaction; with a reason why not, the records go aside.
    fn store(&mut self, batches: &[(Part, Vec<Record>)], why_not: Option<&str>) -> Result<(), Error> {
        let mut moved = Vec::new();
        let mut transaction = self.client.transaction()?;
        for ((noun, part), records) in batches {
            let (statement, read) = (&self.statements[*noun], self.reads[*noun]);
            let mut rows = Vec::new();
            for record in records {
                let row: Readable = match why_not {
                    Some(why) => Err(why.to_owned()),
                    None => readable(read, record),
                };
                match row {
                    Ok(row) => rows.push(row),
                    Err(why) => statement.aside(&mut transaction, *part, record, &why)?,
                }
            }
            statement.run(&mut transaction, &rows)?;
            let Some(last) = records.last() else { continue };
            let place = (read.name.clone(), *part);
            let from = self.next.get(&place).copied().unwrap_or_default();
            move_offset(&mut transaction, &place, from, last.offset + 1)?;
            moved.push((place, last.offset + 1));
        }
        transaction.commit()?;
        for (place, next) in moved {
            let seen = self.seen.entry(place.clone()).or_default();
            *seen = (*seen).max(next);
            self.next.insert(place, next);
        }
        Ok(())
    }

    /// Where many changes wait at the gate, the rows that they wait for go first.
    fn pause_and_resume(&mut self) -> Result<(), Error> {
        for (part, queue) in &self.queues {
            let (many, few) = (queue.len() >= WAITING, queue.len() < WAITING / 10);
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topics[part.0], part.1);
            if many && self.paused.insert(*part) {
                self.consumer.pause(&list)?;
            } else if few && self.paused.remove(part) {
                self.consumer.resume(&list)?;
            }
        }
        Ok(())
    }
}
