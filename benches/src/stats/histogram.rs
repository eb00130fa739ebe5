//! Latencies as HDR histograms: they are stored, not summarised, so that any quantile can be recomputed later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// Latencies in microseconds, 1 µs to 60 s, three significant digits (each value off by at most 0.1 %).
#[derive(Clone, Debug)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

/// A stored histogram that can't be read back.
#[derive(Debug, thiserror::Error)]
#[error("a stored histogram can't be read: {0}")]
pub struct MalformedHistogram(String);

/// It stands in a file that the lab was given: bad input.
impl From<MalformedHistogram> for crate::Failure {
    fn from(error: MalformedHistogram) -> Self {
        Self::usage(format!("{error}."))
    }
}

const HIGHEST_US: u64 = 60_000_000;

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty one.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that hdrhistogram accepts: 1 ≤ low, 2·low ≤ high, 0..=5 digits"
    )]
    pub fn new() -> Self {
        Self(hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_US, 3).expect("constant bounds"))
    }

    /// Adds one latency; beyond 60 s it counts as 60 s, below 1 µs as 1 µs.
    pub fn record_us(&mut self, latency_us: u64) {
        self.0.saturating_record(latency_us.clamp(1, HIGHEST_US));
    }

    /// Adds all of another.
    pub fn add(&mut self, other: &Self) {
        // Equal bounds, so this can't fail; were it ever to, the counts would show it.
        let _ = self.0.add(&other.0);
    }

    /// Adds all of another, none of them as faster than `least_us`.
    pub fn add_at_least(&mut self, other: &Self, least_us: u64) {
        for value in other.0.iter_recorded() {
            let at = value.value_iterated_to().max(least_us).min(HIGHEST_US);
            self.0.saturating_record_n(at, value.count_since_last_iteration());
        }
    }

    /// How many latencies it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at quantile `q` (0..=1) in microseconds, or `None` when empty.
    #[must_use]
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(q))
    }

    /// Mean in microseconds, or `None` when empty.
    #[must_use]
    pub fn mean_us(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean())
    }

    /// How many latencies are greater than `threshold_us` (to the histogram's resolution).
    #[must_use]
    pub fn count_beyond(&self, threshold_us: u64) -> u64 {
        let within = self.0.count_between(0, threshold_us);
        self.0.len() - within.min(self.0.len())
    }

    /// HDR's V2 format, deflated, as base64: what result files hold, and what any HDR tool reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to a Vec can't fail, and the counts of one cell stay far below the format's limit.
        let _ = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// The reverse of [`Self::encode`].
    ///
    /// # Errors
    /// [`MalformedHistogram`] when it is no base64 or no histogram.
    pub fn decode(text: &str) -> Result<Self, MalformedHistogram> {
        let bytes = STANDARD.decode(text).map_err(|error| MalformedHistogram(error.to_string()))?;
        let inner: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| MalformedHistogram(error.to_string()))?;
        Ok(Self(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to(n: u64) -> Histogram {
        let mut histogram = Histogram::new();
        (1..=n).for_each(|us| histogram.record_us(us));
        histogram
    }

    #[test]
    fn what_is_added_is_at_least_as_slow() {
        let mut all = one_to(10);
        all.add_at_least(&one_to(20), 15);
        assert_eq!((all.count(), all.count_beyond(14)), (30, 20));
        assert_eq!(all.quantile_us(1.0), Some(20));
    }

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let histogram = one_to(100_000);
        for (q, exact) in [(0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let value = histogram.quantile_us(q).expect("not empty") as f64;
            assert!((value / exact - 1.0).abs() < 0.001, "{q}: {value}");
        }
        assert_eq!(Histogram::new().quantile_us(0.5), None);
    }

    #[test]
    fn counts_what_lies_beyond() {
        let histogram = one_to(1000);
        assert_eq!(histogram.count_beyond(990), 10);
        assert_eq!(histogram.count_beyond(1), 999);
        assert_eq!(histogram.count_beyond(5000), 0);
    }

    #[test]
    fn survives_being_stored() {
        let histogram = one_to(5000);
        let back = Histogram::decode(&histogram.encode()).expect("our own format");
        assert_eq!(back.count(), 5000);
        assert_eq!(back.quantile_us(0.99), histogram.quantile_us(0.99));
        let broken = crate::Failure::from(Histogram::decode("no histogram").expect_err("it is none"));
        assert_eq!(broken.exit_code(), std::process::ExitCode::from(2), "bad input");
    }
}
