//! What a page inherits from the calls that it is made of.

/// Probability that at least one of `calls` is hit by what hits each with probability `p`, when each call takes part in a
/// common fate with probability `correlation` and is on its own otherwise: 0 as "API Series Part 7: Inter-Service Communication
/// Overview" (Jack Vanlightly) assumes, 1 as behind one database.
///
/// With q = 1-p and c the correlation, nobody is hit with probability `(q(1-c))^k + q·((c + q(1-c))^k - (q(1-c))^k)`: none
/// takes part, or some do and share one fate.
#[must_use]
pub fn any_of(calls: u32, p: f64, correlation: f64) -> f64 {
    let q = 1.0 - p;
    let k = calls as f64;
    let own = (q * (1.0 - correlation)).powf(k);
    1.0 - own - q * ((correlation + q * (1.0 - correlation)).powf(k) - own)
}

#[cfg(test)]
mod tests {
    use super::any_of;

    /// The table of `docs/COMPARE.md`: 98.51 % and 130.7 h, 97.04 % and 259.5 h; 1/33.7 and 1/17.1; 77.9 % and 13.9 % of 50 pages.
    #[test]
    fn the_articles_figures_exactly() {
        for (calls, wanted) in [(3, 33.7), (6, 17.1), (10, 10.5)] {
            assert!((1.0 / any_of(calls, 0.01, 0.0) - wanted).abs() < 0.05, "{calls}");
        }
        for (calls, up, down_h) in [(3, 98.5075, 130.7), (6, 97.04, 259.5)] {
            let down = any_of(calls, 0.005, 0.0);
            assert!((100.0 * (1.0 - down) - up).abs() < 5e-3 && (down * 8760.0 - down_h).abs() < 0.1, "{calls}");
        }
        assert!((any_of(150, 0.01, 0.0) - 0.779).abs() < 5e-4);
        assert!((any_of(150, 0.001, 0.0) - 0.139).abs() < 5e-4);
    }

    #[test]
    fn a_common_fate_is_one_calls_fate() {
        assert!((any_of(6, 0.01, 1.0) - 0.01).abs() < 1e-12);
        let half = any_of(2, 0.01, 0.5);
        // Both take part in a quarter of the cases: then p; else 1-q².
        let wanted = 0.25 * 0.01 + 0.75 * (1.0 - 0.99 * 0.99);
        assert!((half - wanted).abs() < 1e-12, "{half} {wanted}");
    }
}
