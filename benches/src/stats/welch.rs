//! Welch's t-test on logarithms: for replicates of two runs that had nothing to do with each other.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Estimate;

/// The ratio `second / first` of two runs' replicates, from the difference of the means of their logarithms with Welch's
/// variance and the Welch–Satterthwaite degrees of freedom (Biometrika 34, 1947).
///
/// Values that are not positive and finite are left out; with fewer than two left on a side there is no interval,
/// nor where neither side varies and they differ (see [`paired_ratio`](super::paired_ratio)).
/// `replicates` is the smaller side's.
#[must_use]
pub fn welch_ratio(first: &[f64], second: &[f64]) -> Option<Estimate> {
    let (one, other) = (logs(first)?, logs(second)?);
    let difference = other.mean - one.mean;
    let variance = one.error + other.error;
    let error = variance.sqrt();
    let (p, half) = if error > 0.0 {
        let freedom = variance.powi(2) / (one.error.powi(2) / (one.n - 1.0) + other.error.powi(2) / (other.n - 1.0));
        let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
        (2.0 * student.sf((difference / error).abs()), student.inverse_cdf(0.975) * error)
    } else if difference == 0.0 {
        (1.0, 0.0)
    } else {
        return None;
    };
    Some(Estimate {
        ratio: difference.exp(),
        low: (difference - half).exp(),
        high: (difference + half).exp(),
        p,
        replicates: one.n.min(other.n) as usize,
    })
}

/// Of one side's logarithms: how many, their mean, and the mean's squared standard error.
struct Logs {
    n: f64,
    mean: f64,
    error: f64,
}

fn logs(values: &[f64]) -> Option<Logs> {
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).filter(|log| log.is_finite()).collect();
    if logs.len() < 2 {
        return None;
    }
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(Logs { n, mean, error: variance / n })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the formulae: means 1.1 and 2, variances 0.02/3 and 0.25 of four and three logarithms.
    #[test]
    fn agrees_with_the_textbook() {
        let first: Vec<f64> = [1.0_f64, 1.1, 1.2, 1.1].map(f64::exp).into();
        let second: Vec<f64> = [2.5_f64, 2.0, 1.5].map(f64::exp).into();
        let found = welch_ratio(&first, &second).unwrap();
        let error = (0.25 / 3.0 + 0.02 / 3.0 / 4.0_f64).sqrt();
        assert!((found.ratio.ln() - 0.9).abs() < 1e-12);
        let freedom = error.powi(4) / ((0.25_f64 / 3.0).powi(2) / 2.0 + (0.02_f64 / 12.0).powi(2) / 3.0);
        let t = StudentsT::new(0.0, 1.0, freedom).unwrap().inverse_cdf(0.975);
        assert!((found.high.ln() - 0.9 - t * error).abs() < 1e-9);
        assert!((2.0..2.2).contains(&freedom) && found.low < 1.0, "{freedom} {found:?}");
        assert_eq!(found.replicates, 3);
    }

    #[test]
    fn one_replicate_is_no_interval() {
        assert_eq!(welch_ratio(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(welch_ratio(&[1.0, 0.0], &[2.0, 3.0]), None);
        let same = welch_ratio(&[2.0, 2.0], &[2.0, 2.0]).unwrap();
        assert_eq!((same.ratio, same.p), (1.0, 1.0));
    }
}
