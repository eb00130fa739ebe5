//! Waiting until every copy has what was written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use schema::SERVICES;
use self_contained::{OWNERS, topics};

type Places = BTreeMap<String, BTreeMap<i32, i64>>;

/// The machine may be busy: what is promised is for the median.
const PATIENCE: Duration = Duration::from_secs(120);

/// What changes without a change in a feed: whose, and who reads it.
const UNTOLD: [(&str, &str, &[&str]); 2] =
    [("billing", "standings", &["account", "registry"]), ("notification", "accepted_invitations", &["account"])];

/// Looks at all five databases as their superuser.
#[derive(Clone)]
pub struct Freshness {
    clients: Arc<Mutex<BTreeMap<&'static str, Client>>>,
    took: Arc<Mutex<Vec<Duration>>>,
}

impl Freshness {
    pub fn new(url: impl Fn(&str) -> String) -> Self {
        let clients = SERVICES.iter().map(|service| (*service, Client::connect(&url(service), NoTls).unwrap()));
        Self { clients: Arc::new(Mutex::new(clients.collect())), took: Arc::default() }
    }

    /// Waits until what is committed now is on the log, and what is on the log is in the copies.
    pub fn settle(&self) {
        let mut clients = self.clients.lock().unwrap();
        let began = Instant::now();
        let last: Vec<_> = OWNERS.iter().map(|owner| (*owner, last(clients.get_mut(owner).unwrap(), owner))).collect();
        for (owner, last) in last {
            wait(&format!("what {owner} has changed is on the log"), began, || {
                reached(clients.get_mut(owner).unwrap(), owner, last.as_ref())
            });
        }
        for (owner, noun, readers) in UNTOLD {
            for reader in readers {
                let mut now = |of: &str| whole(clients.get_mut(of).unwrap(), noun);
                // Of both: meanwhile somebody else may have changed it.
                wait(&format!("{reader} has the {noun} of {owner}"), began, || {
                    (now(owner) == now(reader)).then_some(())
                });
            }
        }
        let sent: Vec<Places> = OWNERS.iter().map(|owner| sent(clients.get_mut(owner).unwrap())).collect();
        for consumer in SERVICES {
            let reads: Vec<_> = topics::of_consumer(consumer).unwrap().iter().map(|noun| noun.name.as_str()).collect();
            wait(&format!("{consumer} has read what is on the log"), began, || {
                let next = next(clients.get_mut(consumer).unwrap());
                let mut all = sent.iter().flatten().filter(|(noun, _)| reads.contains(&noun.as_str()));
                let read = |noun: &String, part: &i32, offset: &i64| {
                    next.get(noun).and_then(|parts| parts.get(part)).is_some_and(|next| next > offset)
                };
                all.all(|(noun, parts)| parts.iter().all(|(part, offset)| read(noun, part, offset))).then_some(())
            });
        }
        self.took.lock().unwrap().push(began.elapsed());
    }

    /// How often it was waited, and how long.
    pub fn took(&self) -> String {
        let mut took = self.took.lock().unwrap().clone();
        took.sort();
        let (count, [median, longest]) = (took.len(), [took.len() / 2, took.len() - 1].map(|at| took[at]));
        let all: Duration = took.iter().sum();
        format!("{count} writes were everywhere after {median:?} in the median, {longest:?} at most, {all:?} together")
    }
}

fn wait(what: &str, began: Instant, mut done: impl FnMut() -> Option<()>) {
    while done().is_none() {
        assert!(began.elapsed() < PATIENCE, "not within two minutes: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn last(client: &mut Client, owner: &str) -> Option<(String, i64)> {
    topics::of_owner(owner).last().filter(|noun| noun.is_feed())?;
    let text = format!("select c.xid::text, c.id from {owner}.changes c order by c.xid desc, c.id desc limit 1");
    client.query_opt(&text, &[]).unwrap().map(|row| (row.get(0), row.get(1)))
}

fn reached(client: &mut Client, owner: &str, last: Option<&(String, i64)>) -> Option<()> {
    let Some((xid, id)) = last else { return Some(()) };
    let text = "select from published.log_cursor c where c.feed = $1 and (c.xid, c.id) >= ($2::text::xid8, $3)";
    client.query_opt(text, &[&owner, xid, id]).unwrap().map(drop)
}

fn whole(client: &mut Client, noun: &str) -> String {
    let text = format!("select coalesce(jsonb_agg(x order by x), '[]')::text from published.{noun} x");
    client.query_one(&text, &[]).unwrap().get(0)
}

fn sent(client: &mut Client) -> Places {
    let row = client.query_opt("select c.sent::text from published.log_cursor c", &[]).unwrap();
    row.map(|row| serde_json::from_str(row.get(0)).unwrap()).unwrap_or_default()
}

fn next(client: &mut Client) -> Places {
    let mut next = Places::new();
    for row in client.query("select topic, part, next from published.log_offsets where part >= 0", &[]).unwrap() {
        next.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
    }
    next
}
