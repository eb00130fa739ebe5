//! More partitions for the topics, while everything is at work.
//!
//! The key decides the partition, so most keys move. Copies don't mind: a row's position decides, not the order of partitions; and a change waits for those
//! of the other partitions that were told before it. What compaction would leave behind is cleared by each relay: it sees that a topic has grown,
//! tells the rows that have moved again, into where they belong now, and puts an end to them where they were.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::sent::count_misplaced;
use crate::topics::Partitions;
use crate::{Error, Log, topics};

/// How long the broker may take until it shows them, and the relays until they have moved what has moved.
const WITHIN: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(200);

/// Settings of growing.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// How many each topic shall have; they never become fewer
    #[arg(long)]
    pub partitions: i32,
}

/// Adds the partitions that are missing, and waits until every row has its place.
///
/// # Errors
/// [`Error::Usage`]: a topic has more already. Else something is away.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let (log, wanted) = (&settings.log, settings.partitions);
    let admin: AdminClient<DefaultClientContext> = log.client("grow").create()?;
    let now = || Partitions::now(admin.inner(), log, ANSWER);
    let (before, mut new) = (now()?, Vec::new());
    let names: Vec<_> = topics::all().map(|noun| (noun, log.topic(noun))).collect();
    for (noun, name) in &names {
        match before.of(log, noun)? {
            more if more > wanted => {
                return Err(Error::Usage(format!(
                    "{name} has {more} partitions: expected --partitions {more} or more"
                )));
            }
            same if same == wanted => {}
            _ => new.push(NewPartitions::new(name, usize::try_from(wanted).unwrap_or_default())),
        }
    }
    if !new.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        for made in runtime.block_on(admin.create_partitions(&new, &AdminOptions::new()))? {
            match made {
                Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
                Err((topic, code)) => return Err(Error::Failed(format!("{topic} doesn't grow: {code}"))),
            }
        }
    }
    // A new partition has no leader for a moment.
    let whole = |now: &Partitions| topics::all().all(|noun| now.of(log, noun).is_ok_and(|count| count == wanted));
    within("not every topic has grown", || Ok(whole(&now()?)))?;
    for noun in topics::all().filter(|noun| !noun.is_feed()) {
        let what =
            format!("rows of {} stand where they have no place: is the relay of {} at work?", noun.name, noun.owner);
        within(&what, || Ok(count_misplaced(log, noun, wanted)? == 0))?;
    }
    Ok(())
}

/// Where a partition is new its leader may not know it for a moment: what fails is tried again, too.
fn within(what: &str, done: impl Fn() -> Result<bool, Error>) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        match done() {
            Ok(true) => return Ok(()),
            Ok(false) if began.elapsed() > WITHIN => {
                return Err(Error::Failed(format!("after {} s {what}", WITHIN.as_secs())));
            }
            Err(error) if began.elapsed() > WITHIN => return Err(error),
            Ok(false) | Err(_) => std::thread::sleep(AGAIN),
        }
    }
}
