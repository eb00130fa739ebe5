//! The interference matrix: how much slower each service gets while another one is under load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cell::CellResult;
use super::closure::{Closure, closures};
use super::combination::{AGAIN, ALONE, UNWATCHED, others_run, while_running};
use super::disturbance::{Disturbances, disturbances};
use super::growth::{Growth, growths};
use super::metric::{CENSORED_US, Metric};
use super::verdict::Verdict;
use crate::design::Cell;
use crate::stats::{Estimate, Histogram, MalformedHistogram, holm, minimum_detectable_effect, paired_ratio};

/// One ordered pair and metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Whose answers.
    #[serde(alias = "victim")]
    pub service: String,
    /// What else was under load: a service, or `all`.
    #[serde(alias = "aggressor")]
    pub while_running: String,
    /// What of them.
    pub metric: Metric,
    /// The ratio with its interval; null where there are fewer than two replicates of both arms.
    pub estimate: Option<Estimate>,
    /// Holm-adjusted over the ordered pairs of this metric.
    pub p_adjusted: Option<f64>,
    /// Whether there is enough data to say anything of the ratio.
    #[serde(alias = "resolved")]
    pub enough_data: bool,
    /// Requests of the tail, pooled, in the smaller arm.
    pub tail_n: u64,
    /// Replicates left out: something else can have changed one of their two measurements by more than the effect asked for.
    #[serde(default)]
    pub left_out: usize,
}

/// The whole matrix with the line below which nothing can be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matrix {
    /// Every ordered pair, by metric.
    pub entries: Vec<Entry>,
    /// Identical systems compared: each service's null cell against its alone cell.
    pub nulls: Vec<Entry>,
    /// The same service unobserved ÷ observed: below 1 is what observing costs. Long presets alone.
    pub unwatched: Vec<Entry>,
    /// Minimum detectable effect of each metric, as a ratio, from `nulls`.
    pub detectable: BTreeMap<Metric, f64>,
    /// Whether the ledger accounts for what was measured, of every service in every combination.
    #[serde(default)]
    pub closures: Vec<Closure>,
    /// How fast unanswered requests pile up.
    #[serde(default)]
    pub growth: Vec<Growth>,
    /// Measurements that don't count for the share of requests above the own p95: something else can have changed them by more
    /// than the effect asked for. The others' disturbances are bounded in the intervals.
    #[serde(default)]
    pub suspect: Vec<Suspect>,
}

/// A measurement that doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suspect {
    /// Which arrangement.
    pub cell: Cell,
    /// Of which replicate, from 0.
    pub replicate: usize,
}

impl Matrix {
    /// The entry of one combination and metric.
    #[must_use]
    pub fn entry(&self, service: &str, while_running: &str, metric: Metric) -> Option<&Entry> {
        let is = |of: &&Entry| of.service == service && of.while_running == while_running && of.metric == metric;
        self.entries.iter().find(is)
    }

    /// What can be said of an entry.
    #[must_use]
    pub fn verdict(&self, entry: &Entry) -> Verdict {
        let p = entry.p_adjusted.or(entry.estimate.map(|of| of.p)).unwrap_or(1.0);
        Verdict::in_run(entry.estimate.filter(|_| entry.enough_data), p, &self.nulls_of(entry.metric))
    }

    /// What identical systems, compared by this metric, gave.
    #[must_use]
    pub fn nulls_of(&self, metric: Metric) -> Vec<Estimate> {
        self.nulls.iter().filter(|null| null.metric == metric).filter_map(|null| null.estimate).collect()
    }

    /// Whether there is enough data for any entry of this metric.
    #[must_use]
    pub fn has(&self, metric: Metric) -> bool {
        self.entries.iter().any(|entry| entry.metric == metric && entry.enough_data)
    }

    /// What the ledger says of one combination.
    #[must_use]
    pub fn closure(&self, service: &str, while_running: &str) -> Option<&Closure> {
        self.closures.iter().find(|of| of.service == service && of.while_running == while_running)
    }
}

/// Response times of one service in one arm, by replicate.
pub(crate) type Arm = BTreeMap<usize, Histogram>;
/// All of them, by service and by what ran meanwhile.
pub(crate) type Arms = BTreeMap<(String, String), Arm>;

/// Computes the matrix from the cells alone, so that an old file gives the same numbers again. Cells marked invalid are
/// left out; what disturbed the others on a machine with `cpus` processors widens their intervals.
///
/// # Errors
/// [`MalformedHistogram`] when a cell holds a broken one.
pub fn analyse(cells: &[CellResult], cpus: usize) -> Result<Matrix, MalformedHistogram> {
    let measured = Measured { arms: arms(cells)?, disturbances: disturbances(cells, cpus)? };
    let mut matrix = Matrix { closures: closures(cells)?, growth: growths(cells), ..Matrix::default() };
    matrix.suspect = measured.suspect(cells);
    for metric in Metric::ALL {
        let mut entries = compare(&measured, metric, others_run);
        adjust(&mut entries);
        let nulls = compare(&measured, metric, |arm| arm == AGAIN);
        let estimates: Vec<Estimate> = nulls.iter().filter_map(|null| null.estimate).collect();
        if let Some(effect) = minimum_detectable_effect(&estimates) {
            matrix.detectable.insert(metric, effect);
        }
        matrix.entries.extend(entries);
        matrix.nulls.extend(nulls);
        let unwatched = compare(&measured, metric, |arm| arm == UNWATCHED);
        matrix.unwatched.extend(unwatched);
    }
    Ok(matrix)
}

/// Response times by service and by what ran meanwhile; cells marked invalid are left out.
pub(crate) fn arms(cells: &[CellResult]) -> Result<Arms, MalformedHistogram> {
    let mut arms = Arms::new();
    for cell in cells.iter().filter(|cell| cell.valid) {
        for service in &cell.services {
            let histogram = service.responses(CENSORED_US)?;
            arms.entry((service.name.clone(), while_running(&cell.cell, &service.name)))
                .or_default()
                .insert(cell.replicate, histogram);
        }
    }
    Ok(arms)
}

/// What is compared.
struct Measured {
    arms: Arms,
    disturbances: Disturbances,
}

fn compare(measured: &Measured, metric: Metric, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let combinations = measured.arms.iter().filter(|((_, others), _)| wanted(others));
    combinations
        .filter_map(|((service, others), together)| {
            let alone = measured.arms.get(&(service.clone(), ALONE.to_owned()))?;
            Some(measured.entry((service, others), metric, in_pairs(alone, together)))
        })
        .collect()
}

impl Measured {
    fn entry(&self, (service, others): (&str, &str), metric: Metric, (mut alone, mut together): (Arm, Arm)) -> Entry {
        let bounds = self.bounds((service, others), metric, &alone, &together);
        let kept =
            |replicate: &usize| bounds.get(replicate).is_none_or(|both| both.iter().all(|of| *of <= metric.asked()));
        let all = alone.len();
        alone.retain(|replicate, _| kept(replicate));
        together.retain(|replicate, _| kept(replicate));
        let mean_log = |side: usize| {
            let of = bounds.iter().filter(|(replicate, _)| kept(replicate));
            of.map(|(_, both)| both[side].ln()).sum::<f64>() / alone.len().max(1) as f64
        };
        // What disturbed it alone can have hidden an effect, what disturbed it together can have made one.
        let estimate = estimate(&alone, &together, metric).map(|of| of.widened(mean_log(1), mean_log(0)));
        let tail_n = tail_count(&alone, metric).min(tail_count(&together, metric));
        let (replicates, tail) = metric.needs();
        Entry {
            service: service.to_owned(),
            while_running: others.to_owned(),
            metric,
            estimate,
            p_adjusted: None,
            enough_data: tail_n >= tail && estimate.is_some_and(|estimate| estimate.replicates >= replicates),
            tail_n,
            left_out: all - alone.len(),
        }
    }

    /// Cells whose headline figure, of any of their services, can have been changed by more than the effect asked for.
    fn suspect(&self, cells: &[CellResult]) -> Vec<Suspect> {
        let metric = Metric::OneIn20;
        let too_much = |cell: &CellResult| {
            let counted = cell.services.iter().map(|of| (of.name.clone(), while_running(&cell.cell, &of.name)));
            counted.into_iter().any(|(service, others)| {
                let alone = self.arms.get(&(service.clone(), ALONE.to_owned())).map(pooled).unwrap_or_default();
                let threshold = alone.quantile_us(1.0 - metric.tail()).unwrap_or(0);
                let measured =
                    self.arms.get(&(service.clone(), others.clone())).and_then(|arm| arm.get(&cell.replicate));
                let disturbance = self.disturbances.get(&(service, others, cell.replicate));
                let factor = disturbance.zip(measured).map_or(1.0, |(of, by)| of.factor(metric, by, threshold));
                factor > metric.asked()
            })
        };
        let counted = cells.iter().filter(|cell| cell.valid && !cell.warnings.is_empty());
        counted
            .filter(|cell| too_much(cell))
            .map(|cell| Suspect { cell: cell.cell.clone(), replicate: cell.replicate })
            .collect()
    }

    /// By replicate, by what factor each of its two figures can be too high; those that nothing disturbed aren't there.
    fn bounds(
        &self,
        (service, others): (&str, &str),
        metric: Metric,
        alone: &Arm,
        together: &Arm,
    ) -> BTreeMap<usize, [f64; 2]> {
        let threshold = pooled(alone).quantile_us(1.0 - metric.tail()).unwrap_or(0);
        let factor = |arm: &Arm, combination: &str, replicate: usize| {
            let key = (service.to_owned(), combination.to_owned(), replicate);
            Some(self.disturbances.get(&key)?.factor(metric, arm.get(&replicate)?, threshold))
        };
        let both = |replicate: &usize| {
            let found = [factor(alone, ALONE, *replicate), factor(together, others, *replicate)];
            let some = found.iter().any(Option::is_some);
            some.then(|| (*replicate, found.map(|of| of.unwrap_or(1.0))))
        };
        alone.keys().filter_map(both).collect()
    }
}

/// Of each arm the replicates that the other one has, too: those left out as invalid leave no pair, and must neither move
/// a threshold nor count as data.
fn in_pairs(alone: &Arm, together: &Arm) -> (Arm, Arm) {
    let of = |arm: &Arm, other: &Arm| {
        let paired = arm.iter().filter(|(replicate, _)| other.contains_key(replicate));
        paired.map(|(replicate, one)| (*replicate, one.clone())).collect()
    };
    (of(alone, together), of(together, alone))
}

/// The ratio of two arms' replicates; thresholds are the first one's.
pub(crate) fn estimate(alone: &Arm, together: &Arm, metric: Metric) -> Option<Estimate> {
    let threshold = pooled(alone).quantile_us(1.0 - metric.tail())?;
    let value = |histogram: &Histogram| metric.value(histogram, threshold);
    let pairs: Vec<(f64, f64)> = alone
        .iter()
        .filter_map(|(replicate, histogram)| Some((value(histogram)?, value(together.get(replicate)?)?)))
        .collect();
    paired_ratio(&pairs)
}

/// All replicates in one.
pub(crate) fn pooled(arm: &Arm) -> Histogram {
    let mut all = Histogram::new();
    arm.values().for_each(|histogram| all.add(histogram));
    all
}

/// Requests of the metric's tail, over all replicates.
pub(crate) fn tail_count(arm: &Arm, metric: Metric) -> u64 {
    let requests: u64 = arm.values().map(Histogram::count).sum();
    (requests as f64 * metric.tail()) as u64
}

/// Holm over the ordered pairs, and by itself over the services while all others run: two questions, each with its own family.
fn adjust(entries: &mut [Entry]) {
    for all in [false, true] {
        let family = entries.iter_mut().filter(|entry| entry.enough_data && (entry.while_running == "all") == all);
        let mut family: Vec<&mut Entry> = family.collect();
        let p_values: Vec<f64> = family.iter().filter_map(|entry| entry.estimate.map(|estimate| estimate.p)).collect();
        for (entry, p) in family.iter_mut().zip(holm(&p_values)) {
            entry.p_adjusted = Some(p);
        }
    }
}

#[cfg(test)]
mod error_rates;
#[cfg(test)]
mod tests;
