//! Each figure of two results side by side, and what can be said of it.

use std::collections::BTreeMap;

use super::outcome::{Line, What};
use crate::result::{ALONE, Arm, Metric, ResultFile, Verdict, arms, others_run, pooled, tail_count};
use crate::stats::{MalformedHistogram, holm, welch_ratio};

pub(super) fn lines(base: &ResultFile, other: &ResultFile) -> Result<Vec<Line>, MalformedHistogram> {
    let (one, two) = (arms(&base.cells)?, arms(&other.cells)?);
    let mut lines = Vec::new();
    for ((service, arm), first) in &one {
        let key = |arm: &str| (service.clone(), arm.to_owned());
        let Some(second) = two.get(&key(arm)) else {
            continue;
        };
        let what = match arm.as_str() {
            ALONE => What::Alone,
            "all" => What::Together,
            _ => What::Interference,
        };
        if what != What::Interference {
            for metric in [Metric::P50, Metric::P95, Metric::P99] {
                lines.push(speed(what, service, metric, first, second));
            }
        }
        if let (true, Some(alone), Some(others)) = (others_run(arm), one.get(&key(ALONE)), two.get(&key(ALONE))) {
            for metric in [Metric::OneIn20, Metric::P50] {
                lines.push(interference((service, arm), metric, [alone, first], [others, second]));
            }
        }
    }
    let detectable = |metric: Metric| {
        let of = |result: &ResultFile| result.matrix.as_ref()?.detectable.get(&metric).copied();
        of(base).into_iter().chain(of(other)).fold(1.0, f64::max)
    };
    judge(&mut lines, &detectable);
    lines.sort_by(|a, b| (a.what, a.metric, &a.service).cmp(&(b.what, b.metric, &b.service)));
    Ok(lines)
}

fn geometric(values: &[f64]) -> Option<f64> {
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).filter(|log| log.is_finite()).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// Whether both sides carry the metric at all; judged further once all lines are known.
fn line(
    (what, service, others): (What, &str, Option<&str>),
    metric: Metric,
    values: [Vec<f64>; 2],
    tail_n: u64,
) -> Line {
    let estimate = welch_ratio(&values[0], &values[1]);
    let (replicates, tail) = metric.needs();
    let carried = tail_n >= tail && estimate.is_some_and(|of| of.replicates >= replicates);
    Line {
        what,
        service: service.into(),
        while_running: others.map(str::to_owned),
        metric,
        values: [geometric(&values[0]), geometric(&values[1])],
        estimate,
        p_adjusted: None,
        verdict: if carried { Verdict::Inconclusive } else { Verdict::InsufficientData },
    }
}

pub(super) fn speed(what: What, service: &str, metric: Metric, first: &Arm, second: &Arm) -> Line {
    let of = |arm: &Arm| -> Vec<f64> {
        let values = arm.values().filter_map(|histogram| metric.value(histogram, 0));
        values.map(|us| us / 1000.0).collect()
    };
    let tail_n = tail_count(first, metric).min(tail_count(second, metric));
    line((what, service, None), metric, [of(first), of(second)], tail_n)
}

/// Each run's own ratios, formed inside its replicates, against its own threshold.
pub(super) fn interference((service, others): (&str, &str), metric: Metric, base: [&Arm; 2], other: [&Arm; 2]) -> Line {
    let of = |[alone, together]: [&Arm; 2]| -> Vec<f64> {
        let threshold = pooled(alone).quantile_us(1.0 - metric.tail()).unwrap_or(0);
        let value = |arm: &Arm, replicate| metric.value(arm.get(replicate)?, threshold);
        let ratios = alone.keys().filter_map(|replicate| Some(value(together, replicate)? / value(alone, replicate)?));
        ratios.collect()
    };
    let arms = [base[0], base[1], other[0], other[1]];
    let tail_n = arms.map(|arm| tail_count(arm, metric)).into_iter().min().unwrap_or(0);
    let about = (What::Interference, service, Some(others));
    line(about, metric, [of(base), of(other)], tail_n)
}

/// Adjusts each family of lines, then says what can be said.
pub(super) fn judge(lines: &mut [Line], detectable: &dyn Fn(Metric) -> f64) {
    let mut families: BTreeMap<(What, Metric), Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        if line.verdict != Verdict::InsufficientData {
            families.entry((line.what, line.metric)).or_default().push(index);
        }
    }
    for ((_, metric), members) in families {
        let p: Vec<f64> = members.iter().filter_map(|index| lines[*index].estimate.map(|of| of.p)).collect();
        for (index, p) in members.into_iter().zip(holm(&p)) {
            let line = &mut lines[index];
            line.p_adjusted = Some(p);
            line.verdict = Verdict::of(line.estimate, p, Some(detectable(metric)));
        }
    }
}
