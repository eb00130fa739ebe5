//! Waiting until every copy has what was written.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls, Statement};
use schema::SERVICES;
use self_contained::{OWNERS, topics};

type Places = BTreeMap<String, BTreeMap<i32, i64>>;
/// In an owner's feed: transaction and id.
type Place = (u64, i64);

/// The machine may be busy: what is promised is for the median.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks: what is waited for needs the processor as well.
const AGAIN: Duration = Duration::from_millis(5);

/// What changes without a change in a feed: whose, and who reads it.
const UNTOLD: [(&str, &str, &[&str]); 2] =
    [("billing", "standings", &["account", "registry"]), ("notification", "accepted_invitations", &["account"])];

/// Looks at all five databases as their superuser. Its clones share the looks: who waits while another does is done with the next look.
#[derive(Clone)]
pub struct Freshness {
    looks: Arc<Mutex<Looks>>,
    begun: Arc<AtomicU64>,
}

struct Looks {
    services: Vec<Service>,
    /// The last round that found everything everywhere.
    settled: u64,
    took: Vec<Duration>,
}

/// A service's database, and the one question that is asked there.
struct Service {
    name: &'static str,
    client: Client,
    look: Statement,
    untold: Vec<&'static str>,
}

/// By service.
type Seen = BTreeMap<&'static str, Look>;

/// What stands in one database, at one moment.
#[derive(Clone)]
struct Look {
    /// The last change of the own feed.
    last: Option<Place>,
    /// Up to where the relay has told it.
    told: Option<Place>,
    /// What the relay has put on the log.
    sent: Places,
    /// What the ingester reads next.
    next: Places,
    /// The rows of each noun of [`UNTOLD`].
    rows: BTreeMap<&'static str, HashSet<String>>,
}

impl Service {
    fn connect(name: &'static str, url: &str) -> Self {
        let mut client = Client::connect(url, NoTls).unwrap();
        let has_feed = topics::of_owner(name).last().is_some_and(|noun| noun.is_feed());
        let last = match has_feed {
            true => format!(
                "(select jsonb_build_array(c.xid::text, c.id) from {name}.changes c order by c.xid desc, c.id desc limit 1)"
            ),
            false => "null::jsonb".to_owned(),
        };
        let untold: Vec<_> = UNTOLD
            .iter()
            .filter(|(owner, _, readers)| *owner == name || readers.contains(&name))
            .map(|of| of.1)
            .collect();
        let rows = untold.iter().map(|noun| format!(", array(select to_jsonb(x)::text from published.{noun} x)"));
        let text = format!(
            "select coalesce({last}, 'null')::text,
                coalesce((select jsonb_build_array(l.xid::text, l.id, l.sent) from published.log_cursor l where l.feed = '{name}'), 'null')::text,
                coalesce((select jsonb_agg(jsonb_build_array(o.topic, o.part, o.next)) from published.log_offsets o where o.part >= 0), '[]')::text
                {}",
            rows.collect::<String>()
        );
        let look = client.prepare(&text).unwrap();
        Self { name, client, look, untold }
    }

    fn look(&mut self) -> Look {
        let row = self.client.query_one(&self.look, &[]).unwrap();
        let last: Option<(String, i64)> = serde_json::from_str(row.get(0)).unwrap();
        let told: Option<(String, i64, Places)> = serde_json::from_str(row.get(1)).unwrap();
        let mut next = Places::new();
        for (noun, part, offset) in serde_json::from_str::<Vec<(String, i32, i64)>>(row.get(2)).unwrap() {
            next.entry(noun).or_default().insert(part, offset);
        }
        let rows = self.untold.iter().enumerate();
        let rows = rows.map(|(at, noun)| (*noun, row.get::<_, Vec<String>>(3 + at).into_iter().collect())).collect();
        Look {
            last: last.map(|(xid, id)| (xid.parse().unwrap(), id)),
            told: told.as_ref().map(|(xid, id, _)| (xid.parse().unwrap(), *id)),
            sent: told.map(|(_, _, sent)| sent).unwrap_or_default(),
            next,
            rows,
        }
    }
}

impl Freshness {
    pub fn new(url: impl Fn(&str) -> String) -> Self {
        let services = SERVICES.iter().map(|name| Service::connect(name, &url(name))).collect();
        let looks = Looks { services, settled: 0, took: Vec::new() };
        Self { looks: Arc::new(Mutex::new(looks)), begun: Arc::default() }
    }

    /// Waits until what is committed now is on the log, and what is on the log is in the copies.
    pub fn settle(&self) {
        let before = self.begun.load(Ordering::SeqCst);
        // Who has failed here says so itself.
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.settled > before {
            return;
        }
        let round = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        looks.settle();
        looks.settled = round;
    }

    /// How often it was waited, and how long.
    pub fn took(&self) -> String {
        let mut took = self.looks.lock().unwrap().took.clone();
        took.sort();
        let (count, [median, longest]) = (took.len(), [took.len() / 2, took.len() - 1].map(|at| took[at]));
        let all: Duration = took.iter().sum();
        format!(
            "{count} waits: all was everywhere after {median:?} in the median, {longest:?} at most, {all:?} together"
        )
    }
}

impl Looks {
    fn settle(&mut self) {
        let began = Instant::now();
        let first: Seen = self.services.iter_mut().map(|service| (service.name, service.look())).collect();
        let (mut now, mut needed) = (first.clone(), BTreeMap::new());
        loop {
            let late = late(&first, &now, &mut needed);
            if late.is_empty() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "not within two minutes: {late:#?}");
            thread::park_timeout(AGAIN);
            // Those alone that something is missing at.
            for service in self.services.iter_mut().filter(|service| late.contains_key(service.name)) {
                now.insert(service.name, service.look());
            }
        }
        self.took.push(began.elapsed());
    }
}

/// What isn't everywhere yet, by the service where that will be seen. `needed`: what each owner had put on the log when it had told
/// the last of the changes that there were at first.
fn late(first: &Seen, now: &Seen, needed: &mut BTreeMap<&'static str, Places>) -> BTreeMap<&'static str, String> {
    let mut late = BTreeMap::new();
    for owner in OWNERS {
        let told = first[owner].last.is_none_or(|last| now[owner].told >= Some(last));
        match told {
            true => drop(needed.entry(owner).or_insert_with(|| now[owner].sent.clone())),
            false => drop(late.insert(owner, "what it has changed isn't on the log".to_owned())),
        }
    }
    for consumer in SERVICES {
        let next = |noun: &str, part: &i32| now[consumer].next.get(noun).and_then(|parts| parts.get(part)).copied();
        let reads = topics::of_consumer(consumer).unwrap();
        let mut all =
            reads.iter().flat_map(|noun| needed.values().filter_map(move |sent| Some((noun, sent.get(&noun.name)?))));
        let unread =
            all.find(|(noun, parts)| parts.iter().any(|(part, offset)| next(&noun.name, part) <= Some(*offset)));
        if let Some((noun, _)) = unread {
            late.insert(consumer, format!("{} on the log isn't read", noun.name));
        }
    }
    for (owner, noun, readers) in UNTOLD {
        for reader in readers {
            if !is_there(&first[owner].rows[noun], &now[owner].rows[noun], &now[reader].rows[noun]) {
                late.extend(
                    [owner, *reader].map(|service| (service, format!("{reader} hasn't the {noun} of {owner}"))),
                );
            }
        }
    }
    late
}

/// Whether a copy has what its owner had at first, but for what somebody has changed since.
fn is_there(first: &HashSet<String>, now: &HashSet<String>, copy: &HashSet<String>) -> bool {
    first.iter().all(|row| copy.contains(row) || !now.contains(row))
        && copy.iter().all(|row| first.contains(row) || now.contains(row))
}
