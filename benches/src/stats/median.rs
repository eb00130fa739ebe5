//! A median with an interval that assumes nothing about the values' distribution.

use serde::{Deserialize, Serialize};

/// A median with its 95 % interval; from fewer than six values the interval is all of them. In the values' unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Median {
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Median {
    /// Of one value per round; values that aren't finite are left out, and of none everything is 0.
    ///
    /// The interval's ends are order statistics: the `k`-th lowest and highest with P(Binomial(n, ½) < k) ≤ 2.5 %.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        if n == 0 {
            return Self::default();
        }
        let (mut term, mut below, mut outside) = (0.5_f64.powi(n as i32), 0.0, 0);
        while below + term <= 0.025 {
            below += term;
            outside += 1;
            term *= (n + 1 - outside) as f64 / outside as f64;
        }
        let cut = usize::saturating_sub(outside, 1);
        Self { median: (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0, low: sorted[cut], high: sorted[n - 1 - cut] }
    }
}

/// `1.02 [0.98, 1.05]`; two digits unless a precision is given.
impl std::fmt::Display for Median {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(f, "{:.digits$} [{:.digits$}, {:.digits$}]", self.median, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::Median;

    #[test]
    fn an_interval_needs_six_values_to_be_narrower_than_all() {
        let of = |n: u32| Median::of((1..=n).map(f64::from));
        assert_eq!(of(5), Median { median: 3.0, low: 1.0, high: 5.0 });
        // P(Binomial(8, ½) < 1) = 0.4 %, < 2: 3.5 %.
        assert_eq!(of(8), Median { median: 4.5, low: 1.0, high: 8.0 });
        // P(Binomial(20, ½) < 6) = 2.07 %.
        assert_eq!(of(20), Median { median: 10.5, low: 6.0, high: 15.0 });
        assert_eq!(of(0), Median::default());
        assert_eq!((of(8).to_string(), format!("{:.0}", of(5))), ("4.50 [1.00, 8.00]".into(), "3 [1, 5]".into()));
    }
}
