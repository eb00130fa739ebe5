//! What was found, and what follows from it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};

use crate::record::Places;

/// How often somebody who waits looks for what the last look found.
const AGAIN: Duration = Duration::from_millis(2);
/// How long somebody waits at most.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// What one look says of a noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) noun: String,
    /// Places on the log, or changes, that aren't stored yet.
    pub(super) behind: i64,
    /// Records kept aside.
    pub(super) aside: i64,
}

/// Of a noun.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    /// None: it isn't known.
    pub(super) behind: Option<i64>,
    aside: i64,
    /// When nothing was missing; none: never yet.
    fresh: Option<Instant>,
}

/// How far behind a part is.
pub(super) struct Lags {
    part: &'static str,
    service: String,
    ready_within: Option<Duration>,
    told: Arc<AtomicBool>,
    began: Instant,
    wake: SyncSender<()>,
    state: Mutex<State>,
}

/// What was found last.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) of: BTreeMap<String, Lag>,
    /// The last record of each partition, told or stored.
    pub(super) places: Places,
    /// How many looks have begun, and which one found this.
    pub(super) begun: u64,
    found_by: u64,
}

impl Lags {
    pub(super) fn new(
        part: &'static str,
        service: &str,
        ready_lag_ms: Option<u64>,
        told: Arc<AtomicBool>,
        wake: SyncSender<()>,
    ) -> Self {
        let ready_within = ready_lag_ms.map(Duration::from_millis);
        let (service, began) = (service.to_owned(), Instant::now());
        Self { part, service, ready_within, told, began, wake, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> BTreeMap<String, Lag> {
        self.state().of.clone()
    }

    pub(super) fn found(&self, found: &[Found], places: Places) {
        let mut state = self.state();
        for Found { noun, behind, aside } in found {
            let before = state.of.get(noun).and_then(|lag| lag.fresh);
            let fresh = if *behind == 0 { Some(Instant::now()) } else { before };
            state.of.insert(noun.clone(), Lag { behind: Some(*behind), aside: *aside, fresh });
        }
        state.places = places;
        state.found_by = state.begun;
    }

    pub(super) fn unknown(&self) {
        self.state().of.values_mut().for_each(|lag| lag.behind = None);
    }

    /// Waits until a look that began after this call finds that it is so.
    pub(super) async fn until<T>(&self, so: impl Fn(&State) -> Option<T>) -> Option<T> {
        let (began, before) = (Instant::now(), self.state().begun);
        while began.elapsed() < WITHIN {
            // Full: a look is on its way.
            let _ = self.wake.try_send(());
            rt::time::sleep(AGAIN).await;
            let state = self.state();
            if let Some(found) = (state.found_by > before).then(|| so(&state)).flatten() {
                return Some(found);
            }
        }
        None
    }

    fn age(&self, lag: &Lag) -> Duration {
        match lag.behind {
            Some(0) => Duration::ZERO,
            _ => lag.fresh.unwrap_or(self.began).elapsed(),
        }
    }

    /// Why it isn't ready.
    pub(super) fn not_ready(&self) -> Option<String> {
        let now = self.now();
        if now.is_empty() || !self.told.load(Ordering::SeqCst) {
            return Some("it has just begun".to_owned());
        }
        let late = now.iter().find(|(_, lag)| match self.ready_within {
            _ if lag.fresh.is_none() => true,
            Some(within) => self.age(lag) > within,
            None => false,
        });
        late.map(|(noun, lag)| format!("{noun} is {:.1} s behind", self.age(lag).as_secs_f64()))
    }

    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| {
            let of = Opts::new(name, help).const_label("part", self.part).const_label("service", &self.service);
            let gauge = GaugeVec::new(of, &["noun"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let seconds = gauge("log_lag_seconds", "Time since nothing was missing; 0: nothing is.")?;
        let records = gauge("log_lag_records", "Records (ends of transactions count, too) that aren't stored yet.")?;
        let aside = gauge("log_records_aside", "Records that can't be a row, kept in published.log_aside.")?;
        for (noun, lag) in self.now() {
            seconds.with_label_values(&[&noun]).set(self.age(&lag).as_secs_f64());
            if let Some(behind) = lag.behind {
                records.with_label_values(&[&noun]).set(behind as f64);
            }
            aside.with_label_values(&[&noun]).set(lag.aside as f64);
        }
        TextEncoder::new().encode_to_string(&registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn found(noun: &str, behind: i64) -> Found {
        Found { noun: noun.to_owned(), behind, aside: 0 }
    }

    fn lags(ready_lag_ms: Option<u64>) -> Lags {
        let told = Arc::new(AtomicBool::new(true));
        Lags::new("ingester", "registry", ready_lag_ms, told, sync_channel(1).0)
    }

    #[test]
    fn ready_once_all_had_caught_up_and_by_the_switch_while_they_are_fresh() {
        let (once, always) = (lags(None), lags(Some(0)));
        for lags in [&once, &always] {
            assert!(lags.not_ready().is_some(), "nothing is known");
            lags.found(&[found("persons", 0), found("plans", 3)], Places::new());
            assert!(lags.not_ready().is_some_and(|why| why.starts_with("plans")));
            lags.found(&[found("persons", 0), found("plans", 0)], Places::new());
            assert_eq!(lags.not_ready(), None);
            lags.found(&[found("persons", 2), found("plans", 0)], Places::new());
        }
        assert_eq!(once.not_ready(), None);
        assert!(always.not_ready().is_some_and(|why| why.starts_with("persons")));
        always.unknown();
        assert!(always.not_ready().is_some(), "what isn't known isn't fresh");
        once.told.store(false, Ordering::SeqCst);
        assert!(once.not_ready().is_some());
    }

    #[test]
    fn what_is_not_known_has_an_age_and_no_count() {
        let lags = lags(None);
        lags.found(&[found("persons", 0), found("plans", 3)], Places::new());
        let text = lags.text().unwrap();
        let line = |name: &str, noun: &str| format!(r#"{name}{{noun="{noun}",part="ingester",service="registry"}}"#);
        assert!(text.contains(&format!("{} 0\n", line("log_lag_seconds", "persons"))), "{text}");
        assert!(text.contains(&format!("{} 3\n", line("log_lag_records", "plans"))), "{text}");
        lags.unknown();
        let text = lags.text().unwrap();
        assert!(
            !text.contains("log_lag_records{")
                && !text.contains(&format!("{} 0\n", line("log_lag_seconds", "persons")))
        );
    }
}
