//! A median with its interval, as every bench prints it.

use serde::Serialize;

/// A median over rounds, and between what the true one lies (95 %, or all rounds where they are fewer than six).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Spread {
    /// Of one value per round.
    ///
    /// The interval are order statistics: the `k`-th lowest and highest with P(Binomial(n, ½) < k) ≤ 2.5 %.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
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

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn an_interval_needs_six_rounds_to_be_narrower_than_all() {
        let of = |n: usize| Spread::of(&(1..=n).map(|value| value as f64).collect::<Vec<_>>());
        assert_eq!(of(5), Spread { median: 3.0, low: 1.0, high: 5.0 });
        // P(Binomial(8, ½) < 1) = 0.4 %, < 2: 3.5 %.
        assert_eq!(of(8), Spread { median: 4.5, low: 1.0, high: 8.0 });
        // P(Binomial(20, ½) < 6) = 2.07 %.
        assert_eq!(of(20), Spread { median: 10.5, low: 6.0, high: 15.0 });
        assert_eq!(of(0), Spread::default());
    }
}
