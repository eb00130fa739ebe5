//! What is told where the share of slow requests shows nothing: the strongest other effect that was measured.

use super::{Finding, because, p_value};
use crate::report::labels;
use crate::result::text::{capital, interval, key_figure, others};
use crate::result::{Entry, Matrix, Metric, Verdict};

/// Times, which need fewer requests than the share.
const TIMES: [Metric; 3] = [Metric::P50, Metric::P95, Metric::P99];

/// The strongest significant slowdown of a time; none where the share of slow requests tells of one already, unless that has too little data in
/// the same combination.
pub fn strongest(matrix: &Matrix) -> Option<Finding> {
    // Who looks at several metrics finds more by chance: Bonferroni over them, Holm over the combinations of each.
    let looked_at = [Metric::OneIn20].iter().chain(&TIMES).filter(|metric| matrix.has(**metric)).count() as f64;
    let p = |entry: &Entry| entry.p_adjusted.map(|p| p * looked_at);
    let share = |entry: &Entry| {
        let of = matrix.entry(&entry.service, &entry.while_running, Metric::OneIn20);
        of.map_or(Verdict::InsufficientData, |of| matrix.verdict(of))
    };
    let told = matrix.entries.iter().any(|of| of.metric == Metric::OneIn20 && matrix.verdict(of) == Verdict::Worse);
    let verdict = |of: &Entry| {
        let estimate = of.estimate.filter(|_| of.enough_data);
        Verdict::in_run(estimate, p(of).unwrap_or(1.0), &matrix.nulls_of(of.metric))
    };
    let slower = matrix.entries.iter().filter(|of| TIMES.contains(&of.metric) && verdict(of) == Verdict::Worse);
    let untold = slower.filter(|of| !told || share(of) == Verdict::InsufficientData);
    let (entry, of) = untold
        .filter_map(|entry| Some((entry, entry.estimate?)))
        .max_by(|(_, a), (_, b)| a.ratio.total_cmp(&b.ratio))?;
    let (service, by) = (capital(&entry.service), others(&entry.while_running));
    let verb = if entry.while_running == "all" { "slow" } else { "slows" };
    let (_, needed) = Metric::OneIn20.needs();
    let share = match share(entry) {
        Verdict::InsufficientData => {
            let had = matrix.entry(&entry.service, &entry.while_running, Metric::OneIn20).map_or(0, |of| of.tail_n);
            format!("too few requests to say which share of them is slower (slow ones needed: {needed}, had: {had})")
        }
        _ => "the share of slow requests shows no slowdown".to_owned(),
    };
    let text = format!(
        "{by} {verb} {service} most: {service}'s {} is {} of that alone, {}; {share}. {}",
        labels::metric(entry.metric).0,
        key_figure(&interval(of)),
        p_value(p(entry)),
        because(matrix.closure(&entry.service, &entry.while_running))
    );
    Some(Finding::new("Slower", text))
}

/// Of a run without enough requests for any share: what its medians say.
pub fn nothing(matrix: &Matrix) -> Finding {
    let text = if matrix.has(Metric::P50) {
        "there are too few requests to say which share of them is slower, and no service's median is shown to be slowed. A longer run, or a \
         higher rate, shows smaller effects."
    } else if matrix.entries.iter().any(|of| of.metric == Metric::P50 && of.left_out > 0) {
        "so many measurements were disturbed, and left out, that too few are left to say which service slows which. Run it again while the \
         machine has nothing else to do."
    } else {
        "this run is too short to say which service slows which. It shows that everything runs."
    };
    Finding::new("Insufficient data", text)
}
