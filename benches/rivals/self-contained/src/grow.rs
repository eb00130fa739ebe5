//! More partitions for the topics, while everything is at work.
//!
//! The key decides the partition, so most keys move. Copies don't mind: a row's position decides, not the order of partitions; and a change waits for those
//! of the other partitions that were told before it. What compaction would leave behind is cleared: each owner tells all its rows again, into
//! where they belong now, and puts an end to them where they were.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::types::RDKafkaErrorCode;

use crate::read::partitions;
use crate::relay::{self, Keys, tell_again};
use crate::sent::latest;
use crate::{Error, Log, topics};

/// How long the broker may take until it shows them, and each owner until it has told all.
const WITHIN: Duration = Duration::from_secs(30);

/// Settings of growing.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// Each owner's own database, as its relay's login: `account=postgresql://…,profile=…`
    #[arg(long, env = "RELAY_DATABASE_URLS", hide_env_values = true, value_delimiter = ',', value_parser = crate::verify::named, required = true)]
    pub relay_database_urls: Vec<(String, String)>,
    /// How many each topic shall have; they never become fewer
    #[arg(long)]
    pub partitions: usize,
}

/// Adds the partitions that are missing, and moves what has moved.
///
/// # Errors
/// [`Error::Usage`]: a topic has more already. Else something is away.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let (log, wanted) = (&settings.log, settings.partitions);
    let consumer: BaseConsumer = log.consumer_config("grow").create()?;
    let names: Vec<String> = topics::all().map(|noun| log.topic(noun)).collect();
    let mut new = Vec::new();
    for name in &names {
        match partitions(&consumer, name)?.len() {
            more if more > wanted => {
                return Err(Error::Usage(format!(
                    "{name} has {more} partitions: expected --partitions {more} or more"
                )));
            }
            same if same == wanted => {}
            _ => new.push(NewPartitions::new(name, wanted)),
        }
    }
    let admin: AdminClient<DefaultClientContext> = log.client("grow").create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for made in runtime.block_on(admin.create_partitions(&new, &AdminOptions::new()))? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
            Err((topic, code)) => return Err(Error::Failed(format!("{topic} doesn't grow: {code}"))),
        }
    }
    let began = Instant::now();
    for name in &names {
        while partitions(&consumer, name)?.len() < wanted {
            if began.elapsed() > WITHIN {
                return Err(Error::Failed(format!("{name} hasn't grown after {} s", WITHIN.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    for (service, url) in &settings.relay_database_urls {
        let of = relay::Settings::new(service, url, log);
        // The second time finds what stands twice now.
        for all in [true, false] {
            let began = Instant::now();
            // A new partition has no leader for a moment, and the relay at work may be faster.
            while let Err(error) = again(&of, all) {
                if began.elapsed() > WITHIN {
                    return Err(error);
                }
                tracing::warn!(service, %error, "telling begins again");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
    Ok(())
}

/// Takes over, and tells all rows again.
fn again(of: &relay::Settings, all: bool) -> Result<(), Error> {
    let mut keys = Keys::new();
    for noun in topics::of_owner(&of.service).into_iter().filter(|noun| all && !noun.is_feed()) {
        keys.insert(&noun.name, latest(&of.log, noun, |_| ())?.0.into_keys().collect());
    }
    tell_again(of, &keys)
}
