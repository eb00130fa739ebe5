//! Reading what was just written, where copies are fed from a log: the parts of the log are asked until all have it.

use std::collections::BTreeMap;
use std::time::Duration;

use behaviour::Client;

/// Longer than a part waits by itself.
const WITHIN: Duration = Duration::from_secs(40);

/// The last record of each partition of each noun.
type Places = BTreeMap<String, BTreeMap<i32, i64>>;

/// A client after whose writes everybody has what was written; the same client where nothing is copied.
#[must_use]
pub fn settling(client: Client, parts: &BTreeMap<String, String>) -> Client {
    if parts.is_empty() {
        return client;
    }
    let of = |kind: &str| parts.iter().filter(|(name, _)| name.ends_with(kind)).map(|(_, url)| url.clone()).collect();
    let (relays, ingesters): (Vec<String>, Vec<String>) = (of("-relay"), of("-ingester"));
    let agent = ureq::Agent::config_builder().timeout_global(Some(WITHIN)).build().new_agent();
    client.settling(move || {
        // A part that is away isn't waited for: then what comes next shows it.
        let told =
            |url: &String| agent.get(format!("{url}/settled")).call().ok()?.body_mut().read_json::<Places>().ok();
        let all: Places = each(&relays, told).into_iter().flatten().flatten().collect();
        each(&ingesters, |url| drop(agent.post(format!("{url}/settled")).send_json(&all)));
    })
}

/// All at once.
fn each<T: Send>(urls: &[String], ask: impl Fn(&String) -> T + Sync) -> Vec<T> {
    let ask = &ask;
    std::thread::scope(|scope| {
        let asked: Vec<_> = urls.iter().map(|url| scope.spawn(move || ask(url))).collect();
        asked.into_iter().filter_map(|one| one.join().ok()).collect()
    })
}
