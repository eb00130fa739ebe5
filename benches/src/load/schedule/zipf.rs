//! Skew: few organisations get most of the requests.

/// Ranks 0..n with probability ∝ 1/(rank+1)^exponent (Zipf's law; 0.99 is YCSB's customary exponent), by inversion of
/// the exact cumulative distribution.
#[derive(Clone, Debug)]
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over `n` ranks (at least one).
    #[must_use]
    pub fn new(n: usize, exponent: f64) -> Self {
        let mut total = 0.0;
        let mut cumulative: Vec<f64> = (1..=n.max(1))
            .map(|rank| {
                total += (rank as f64).powf(-exponent);
                total
            })
            .collect();
        cumulative.iter_mut().for_each(|value| *value /= total);
        Self { cumulative }
    }

    /// The rank for a uniform random number in [0, 1).
    #[must_use]
    pub fn rank(&self, uniform: f64) -> u32 {
        let index = self.cumulative.partition_point(|&value| value <= uniform);
        index.min(self.cumulative.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Zipf;

    /// With exponent 1 over three ranks the shares are 6/11, 3/11, 2/11.
    #[test]
    fn shares_follow_the_law() {
        let zipf = Zipf::new(3, 1.0);
        let n = 11_000;
        let mut counts = [0; 3];
        (0..n).for_each(|i| counts[zipf.rank(f64::from(i) / f64::from(n)) as usize] += 1);
        for (count, exact) in counts.iter().zip([6000_i32, 3000, 2000]) {
            assert!((count - exact).abs() <= 1, "{counts:?}");
        }
        assert_eq!(zipf.rank(0.999_999_999), 2);
        assert_eq!(Zipf::new(0, 1.0).rank(0.5), 0);
    }
}
