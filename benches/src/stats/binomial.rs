//! How large a share may really be, given how often something was seen.

use statrs::distribution::{Beta, ContinuousCDF};

/// Upper end of the one-sided 95 % interval of a share seen `hits` times in `trials` (Clopper & Pearson, Biometrika 26, 1934):
/// the 0.95 quantile of Beta(hits + 1, trials − hits). 1 where everything hit, or nothing was tried.
#[must_use]
pub fn share_at_most(hits: u64, trials: u64) -> f64 {
    let missed = trials.saturating_sub(hits);
    if missed == 0 {
        return 1.0;
    }
    Beta::new(hits as f64 + 1.0, missed as f64).map_or(1.0, |beta| beta.inverse_cdf(0.95))
}

#[cfg(test)]
mod tests {
    use super::share_at_most;

    /// R: `binom.test(k, n, alternative = "less")$conf.int[2]`.
    #[test]
    fn agrees_with_r() {
        for (hits, trials, bound) in [(0, 200, 0.014_867), (10, 200, 0.083_373), (5, 10, 0.777_559)] {
            let ours = share_at_most(hits, trials);
            assert!((ours - bound).abs() < 2e-4, "{hits} of {trials}: {ours}");
        }
        assert_eq!(share_at_most(3, 3), 1.0);
    }
}
