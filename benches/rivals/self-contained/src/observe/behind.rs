//! What is missing: looked at in the database and on the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postgres::{Client, Statement};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use schema::Noun;

use super::lags::Found;
use crate::gate::is_at_end;
use crate::record::Places;
use crate::relay::connect;
use crate::{Error, Log, ingest, relay, topics};

/// How long the broker may take to say where its topics end.
const WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked, unless somebody asks: alerts and whoever waits for readiness need it no sooner.
pub(super) const EVERY: Duration = Duration::from_millis(500);
/// A partition that has been as it is for so long is looked into.
const STAYS: Duration = Duration::from_secs(1);
/// More changes than this aren't counted.
const COUNTED: i64 = 10_000;

/// Looks once.
pub(super) trait Look {
    /// What is missing; and the last record of each partition that was told or stored.
    fn look(&mut self) -> Result<(Vec<Found>, Places), Error>;
}

/// A place on the log: topic and partition.
type Place = (String, i32);

/// What a service's copies lack.
pub(super) struct Copies {
    client: Client,
    stored: Statement,
    aside: Statement,
    consumer: BaseConsumer,
    reads: Vec<&'static Noun>,
    log: Log,
    /// What was stored, and where the partition ended, at the last look; and since when.
    before: HashMap<Place, (i64, i64, Instant)>,
    /// When it was looked where the log ends.
    looked: Option<Instant>,
    /// The same, where there was found to be no record between them.
    empty: HashMap<Place, (i64, i64)>,
}

impl Copies {
    pub(super) fn open(settings: &ingest::Settings) -> Result<Self, Error> {
        let mut client = connect(&settings.copier_database_url, "lag")?;
        Ok(Self {
            stored: client.prepare("select topic, part, next from published.log_offsets where part >= 0")?,
            aside: client.prepare("select topic, count(*) from published.log_aside group by topic")?,
            client,
            consumer: settings.log.consumer_config(&format!("{}-lag", settings.service)).create()?,
            reads: topics::of_consumer(&settings.service)?,
            log: settings.log.clone(),
            before: HashMap::new(),
            looked: None,
            empty: HashMap::new(),
        })
    }

    /// Where each partition ends: for all of them one question.
    fn ends(&self) -> Result<HashMap<Place, i64>, Error> {
        let metadata = self.consumer.fetch_metadata(None, WITHIN)?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics() {
            if self.reads.iter().any(|noun| self.log.topic(noun) == topic.name()) {
                for part in topic.partitions() {
                    list.add_partition_offset(topic.name(), part.id(), Offset::End)?;
                }
            }
        }
        let ends = self.consumer.offsets_for_times(list, WITHIN)?;
        let mut found = HashMap::new();
        for end in ends.elements() {
            end.error()?;
            if let Offset::Offset(offset) = end.offset() {
                found.insert((end.topic().to_owned(), end.partition()), offset);
            }
        }
        Ok(found)
    }

    /// Each transaction ends with a mark that is no record, and aborted ones leave records that nobody reads: so a partition that stays as it
    /// is may end beyond what is stored, and nothing is missing.
    fn missing(&mut self, place: &Place, next: i64, end: i64) -> Result<i64, Error> {
        let before = self.before.entry(place.clone()).or_insert((next, end, Instant::now()));
        if (before.0, before.1) != (next, end) {
            *before = (next, end, Instant::now());
        }
        let stays = before.2.elapsed() > STAYS;
        if end - next <= 1 || self.empty.get(place) == Some(&(next, end)) {
            return Ok(0);
        }
        if stays && is_at_end(&self.log, &place.0, place.1, next)? {
            self.empty.insert(place.clone(), (next, end));
            return Ok(0);
        }
        Ok(end - next)
    }
}

impl Look for Copies {
    fn look(&mut self) -> Result<(Vec<Found>, Places), Error> {
        let stored = self.client.query(&self.stored, &[])?;
        let stored: HashMap<Place, i64> = stored.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
        let mut places = Places::new();
        for ((noun, part), next) in &stored {
            places.entry(noun.clone()).or_default().insert(*part, next - 1);
        }
        // Whoever waits for what is stored asks more often than anybody must know where the log ends.
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return Ok((Vec::new(), places));
        }
        self.looked = Some(Instant::now());
        let aside = self.client.query(&self.aside, &[])?;
        let aside: HashMap<String, i64> = aside.iter().map(|row| (row.get(0), row.get(1))).collect();
        let ends = self.ends()?;
        let mut all = Vec::new();
        for noun in self.reads.clone() {
            let topic = self.log.topic(noun);
            let parts: Vec<_> = ends.iter().filter(|((of, _), _)| *of == topic).collect();
            if parts.is_empty() {
                return Err(Error::Failed(format!("there is no topic {topic}: `self-contained topics` makes it")));
            }
            let mut behind = 0;
            for (place, end) in parts {
                let next = stored.get(&(noun.name.clone(), place.1)).copied().unwrap_or_default();
                behind += self.missing(place, next, *end)?;
            }
            let aside = aside.get(&noun.name).copied().unwrap_or_default();
            all.push(Found { noun: noun.name.clone(), behind, aside });
        }
        Ok((all, places))
    }
}

/// Changes that a relay hasn't told. Of a service without a feed nobody knows any: its nouns are compared, again and again.
pub(super) struct Changes {
    client: Client,
    statement: Statement,
    /// What is said to be behind.
    of: &'static Noun,
    service: String,
}

impl Changes {
    pub(super) fn open(settings: &relay::Settings) -> Result<Self, Error> {
        let of = topics::of_owner(&settings.service).pop();
        let of = of.ok_or_else(|| Error::Usage(format!("{} shows nothing", settings.service)))?;
        let mut client = connect(&settings.relay_database_url, "lag")?;
        let untold = match of.is_feed() {
            true => format!(
                "(select count(*) from (select from published.{} c where (c.xid, c.id) > (l.xid, l.id) limit {COUNTED}) c)",
                of.name
            ),
            false => "0::int8".to_owned(),
        };
        let text = format!("select {untold}, l.sent::text from published.log_cursor l where l.feed = $1");
        let statement = client.prepare(&text)?;
        Ok(Self { client, statement, of, service: settings.service.clone() })
    }
}

impl Look for Changes {
    fn look(&mut self) -> Result<(Vec<Found>, Places), Error> {
        let row = self.client.query_one(&self.statement, &[&self.service])?;
        let places = serde_json::from_str(row.get(1))?;
        Ok((vec![Found { noun: self.of.name.clone(), behind: row.get(0), aside: 0 }], places))
    }
}
