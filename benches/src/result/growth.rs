//! How fast unanswered requests pile up: the only measure above capacity, where no percentile means anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cell::CellResult;
use super::combination::while_running;

/// One service in one combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Growth {
    /// Whose requests.
    pub service: String,
    /// What else was under load: `alone`, a service, or `all`.
    #[serde(alias = "beside")]
    pub while_running: String,
    /// Unanswered requests that are added in a second, mean over the replicates. About 0 below capacity.
    pub per_s: f64,
    /// Least and most over the replicates.
    pub range_per_s: [f64; 2],
    /// Replicates.
    pub replicates: usize,
}

/// Every service in every arm whose cells last two seconds or more.
pub fn growths(cells: &[CellResult]) -> Vec<Growth> {
    let mut slopes: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.valid) {
        for of in &cell.services {
            if let Some(slope) = slope(&of.backlog) {
                let arm = (of.name.clone(), while_running(&cell.cell, &of.name));
                slopes.entry(arm).or_default().push(slope);
            }
        }
    }
    slopes
        .into_iter()
        .map(|((service, while_running), slopes)| Growth {
            service,
            while_running,
            per_s: slopes.iter().sum::<f64>() / slopes.len() as f64,
            range_per_s: [
                slopes.iter().copied().fold(f64::INFINITY, f64::min),
                slopes.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ],
            replicates: slopes.len(),
        })
        .collect()
}

/// Slope of the least-squares line through one value a second; none below two of them.
fn slope(backlog: &[u64]) -> Option<f64> {
    let n = backlog.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = backlog.iter().sum::<u64>() as f64 / n;
    let (mut up, mut across) = (0.0, 0.0);
    for (second, value) in backlog.iter().enumerate() {
        let x = second as f64 - middle;
        up += x * (*value as f64 - mean);
        across += x * x;
    }
    (across > 0.0).then(|| up / across)
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn the_slope_is_the_textbooks() {
        assert_eq!(slope(&[5, 5, 5]), Some(0.0));
        assert_eq!(slope(&[0, 30, 60, 90]), Some(30.0));
        // Residuals of 1, −2, 1 around 10 + 20 x don't tilt it.
        assert_eq!(slope(&[11, 28, 51]), Some(20.0));
        assert_eq!((slope(&[7]), slope(&[])), (None, None));
    }
}
