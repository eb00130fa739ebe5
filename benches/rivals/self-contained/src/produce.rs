//! Putting records on the log: all of a transaction or none, by one relay of a service at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use schema::Noun;

use crate::record::{Places, Position, headers};
use crate::topics::{Partitions, place};
use crate::{Error, Log};

/// How long the broker may take for a step.
const WITHIN: Duration = Duration::from_secs(10);
/// How often it looks for acknowledgements.
const TICK: Duration = Duration::from_millis(1);

/// What was acknowledged since it was last asked for, by topic; and the first refusal.
#[derive(Default)]
struct Acknowledged(Mutex<(Places, Option<KafkaError>)>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(message) => {
                let parts = state.0.entry(message.topic().to_owned()).or_default();
                let last = parts.entry(message.partition()).or_default();
                *last = (*last).max(message.offset());
            }
            Err((error, _)) => drop(state.1.get_or_insert_with(|| error.clone())),
        }
    }
}

/// A producer that has fenced off the one before it.
pub struct Producer {
    inner: BaseProducer<Acknowledged>,
    log: Log,
    /// As they were when it took over.
    partitions: Partitions,
}

impl Producer {
    /// Of a service; from now on no other producer of it gets anything acknowledged.
    pub fn take_over(log: &Log, service: &str) -> Result<Self, Error> {
        let mut config = log.client(&format!("{service}-relay"));
        config.set("transactional.id", format!("{}{service}-relay", log.topic_prefix));
        config.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "0");
        let inner: BaseProducer<Acknowledged> = config.create_with_context(Acknowledged::default())?;
        inner.init_transactions(WITHIN)?;
        let partitions = Partitions::now(inner.client(), log, WITHIN)?;
        Ok(Self { inner, log: log.clone(), partitions })
    }

    /// How many partitions the topic of a noun had.
    pub fn partitions(&self, noun: &Noun) -> Result<i32, Error> {
        self.partitions.of(&self.log, noun)
    }

    /// Whether topics have more partitions than when it took over. False where nobody can say.
    pub fn has_grown(&self, within: Duration) -> bool {
        Partitions::now(self.inner.client(), &self.log, within).is_ok_and(|now| now.has_more_than(&self.partitions))
    }

    /// Begins a transaction.
    pub fn begin(&self) -> Result<(), Error> {
        Ok(self.inner.begin_transaction()?)
    }

    /// Adds a record; no value: a tombstone.
    pub fn send(
        &self,
        noun: &Noun,
        key: &str,
        value: Option<&str>,
        position: Position,
        needs: Option<&str>,
    ) -> Result<(), Error> {
        let (topic, part) = (self.log.topic(noun), place(key, self.partitions(noun)?));
        let mut record = BaseRecord::to(&topic).key(key).partition(part).headers(headers(position, needs));
        record.payload = value;
        self.queue(record)
    }

    /// Adds a tombstone to a partition that the key isn't in any more. It is older than every row: consumers drop it, compaction doesn't.
    pub fn clear(&self, noun: &Noun, key: &str, part: i32) -> Result<(), Error> {
        let topic = self.log.topic(noun);
        self.queue(
            BaseRecord::<str, str>::to(&topic).key(key).partition(part).headers(headers(Position::default(), None)),
        )
    }

    fn queue(&self, mut record: BaseRecord<'_, str, str>) -> Result<(), Error> {
        loop {
            match self.inner.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    self.inner.poll(Duration::from_millis(10));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until all that was added is acknowledged; where the last record of each partition stands, by noun.
    pub fn acknowledged(&self) -> Result<Places, Error> {
        let began = Instant::now();
        // Not `flush`: that looks each tenth of a second.
        while self.inner.in_flight_count() > 0 {
            if began.elapsed() > WITHIN {
                return Err(Error::Failed(format!("Kafka acknowledges nothing for {} s", WITHIN.as_secs())));
            }
            self.inner.poll(TICK);
        }
        let mut state = self.inner.context().0.lock().unwrap_or_else(PoisonError::into_inner);
        let (topics, refused) = std::mem::take(&mut *state);
        if let Some(error) = refused {
            return Err(error.into());
        }
        let noun = |topic: String| topic.strip_prefix(&self.log.topic_prefix).unwrap_or(&topic).to_owned();
        Ok(topics.into_iter().map(|(topic, parts)| (noun(topic), parts)).collect())
    }

    /// Ends the transaction: consumers see all of it.
    pub fn commit(&self) -> Result<(), Error> {
        Ok(self.inner.commit_transaction(WITHIN)?)
    }
}
