//! How long a run would have to be to say more than this one.

use crate::result::text::ratio;
use crate::result::{Metric, ResultFile, Verdict};

/// Runs beyond this are not proposed.
const MINUTES_MAX: f64 = 24.0 * 60.0;

/// How long a run would resolve what this one left open; none where nothing is open.
pub fn sentence(result: &ResultFile) -> Option<String> {
    let matrix = result.matrix.as_ref()?;
    let asked = Metric::OneIn20.asked();
    let open = matrix.entries.iter().filter(|entry| entry.metric == Metric::OneIn20);
    let open: Vec<_> = open.filter(|entry| matrix.verdict(entry) == Verdict::Inconclusive).collect();
    // An interval is as much narrower as the square root of the replicates is larger.
    let factor = |high: f64, low: f64| ((high / low).ln() / 2.0 / asked.ln()).powi(2);
    let widest = open.iter().filter_map(|entry| entry.estimate).map(|of| factor(of.high, of.low)).fold(0.0, f64::max);
    let minutes = (result.run.duration_s / 60.0 * widest.max(1.0)).ceil();
    let long = if minutes > MINUTES_MAX { "more than a day".into() } else { format!("about {minutes:.0} minutes") };
    let of_all = (!open.is_empty()).then(|| {
        let some = match open.len() {
            1 => "1 combination is".to_owned(),
            more => format!("{more} combinations are"),
        };
        format!(
            "{some} inconclusive: to tell an effect of {} from none there, a run with the same cells would take {long}.",
            ratio(asked)
        )
    });
    let pairs = (!result.run.preset.pairs() && result.run.preset.claims_ratios())
        .then(|| "Which single service slows which: --preset quick (13 minutes) measures the 20 pairs.".to_owned());
    let said = [of_all, pairs].into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!said.is_empty()).then_some(said)
}

/// Why a metric's matrix isn't printed: which run has enough data for it.
pub fn missing(metric: Metric) -> &'static str {
    match metric {
        Metric::P50 | Metric::OneIn20 => "--preset quick (13 minutes) or demo",
        Metric::P95 | Metric::OneIn100 => "--preset standard (2.5 hours)",
        Metric::P99 => "--preset full (overnight)",
    }
}
