//! The article's law of response times, and what follows from it on paper.
//!
//! It gives a mean of 100 ms, p95 250, p99 500 and p99.9 5000 ms. Between these points the law here is as plain as can be:
//! an offset exponential up to p95 (with the one offset that makes the mean 100), powers of the tail from there on, and
//! nothing beyond 5000 ms, of which the article doesn't speak.

/// Tail probabilities and the milliseconds reached there.
const P95: (f64, f64) = (0.05, 250.0);
const P99: (f64, f64) = (0.01, 500.0);
const P999: (f64, f64) = (0.001, 5000.0);
/// Milliseconds.
const MEAN: f64 = 100.0;
/// Hours of a year of 365 days, as the article counts.
pub const YEAR_H: f64 = 8760.0;

/// Milliseconds that a call takes whose rank from the top is `tail` in (0, 1]: the slowest part `tail` takes as long or longer.
#[must_use]
pub fn delay_ms(tail: f64) -> f64 {
    let power = |(u0, t0): (f64, f64), (u1, t1): (f64, f64)| t0 * (tail / u0).powf((t1 / t0).ln() / (u1 / u0).ln());
    if tail <= P999.0 {
        P999.1
    } else if tail <= P99.0 {
        power(P99, P999)
    } else if tail <= P95.0 {
        power(P95, P99)
    } else {
        let (offset, scale) = body();
        offset - scale * tail.ln()
    }
}

/// Offset and scale of the exponential below p95.
fn body() -> (f64, f64) {
    // What the tail adds to the mean: ∫ t du over each power, and 5000 ms for the last thousandth.
    let area = |(u0, t0): (f64, f64), (u1, t1): (f64, f64)| {
        let exponent = (t1 / t0).ln() / (u1 / u0).ln();
        let primitive = |u: f64| {
            // ∫ (u/u0)^e du; e = -1 is a logarithm.
            if (exponent + 1.0).abs() < 1e-12 {
                u0 * u.ln()
            } else {
                u0.powf(-exponent) * u.powf(exponent + 1.0) / (exponent + 1.0)
            }
        };
        t0 * (primitive(u0) - primitive(u1))
    };
    let rest = MEAN - area(P95, P99) - area(P99, P999) - P999.0 * P999.1;
    // offset·(1-u) + scale·∫(-ln u) = rest and offset - scale·ln u = 250 at u = 0.05.
    let (u, t) = P95;
    let logarithms = 1.0 - u + u * u.ln();
    let scale = (rest - t * (1.0 - u)) / (logarithms + u.ln() * (1.0 - u));
    (t + scale * u.ln(), scale)
}

/// Probability that at least one of `calls` is hit by what hits each with probability `p`, when each call takes part in a
/// common fate with probability `correlation` and is on its own otherwise.
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

/// Quantile of the slowest of `calls` independent calls, milliseconds.
#[must_use]
pub fn slowest_ms(calls: u32, quantile: f64) -> f64 {
    delay_ms(1.0 - quantile.powf(1.0 / f64::from(calls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_goes_through_the_articles_points() {
        for (tail, ms) in [(0.05, 250.0), (0.01, 500.0), (0.001, 5000.0), (1e-9, 5000.0)] {
            assert!((delay_ms(tail) / ms - 1.0).abs() < 1e-9, "{tail}");
        }
        // Continuous, falling, and above nothing.
        assert!((delay_ms(0.05 + 1e-9) / 250.0 - 1.0).abs() < 1e-6);
        assert!(delay_ms(1.0) > 0.0 && delay_ms(0.5) < delay_ms(0.1));
        let n = 2_000_000;
        let mean = (0..n).map(|i| delay_ms((f64::from(i) + 0.5) / f64::from(n))).sum::<f64>() / f64::from(n);
        assert!((mean - 100.0).abs() < 0.01, "{mean}");
    }

    /// The design's table: 1/33.7, 1/17.1, 1/10.5; 98.5075 %, 97.04 %; 77.9 % and 13.9 % of 50 pages.
    #[test]
    fn the_articles_figures_exactly() {
        let one_in = |p: f64| 1.0 / p;
        for (calls, wanted) in [(3, 33.7), (6, 17.1), (10, 10.5)] {
            assert!((one_in(any_of(calls, 0.01, 0.0)) - wanted).abs() < 0.05, "{calls}");
        }
        let up = |calls| 100.0 * (1.0 - any_of(calls, 0.005, 0.0));
        assert!((up(3) - 98.5075).abs() < 1e-3 && (up(6) - 97.04).abs() < 5e-3);
        let down_h = |calls| any_of(calls, 0.005, 0.0) * YEAR_H;
        assert!((down_h(3) - 130.7).abs() < 0.05 && (down_h(6) - 259.5).abs() < 0.1);
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

    #[test]
    fn the_slowest_of_one_is_the_law() {
        assert!((slowest_ms(1, 0.99) - 500.0).abs() < 1e-6);
        assert!(slowest_ms(3, 0.5) > slowest_ms(1, 0.5));
    }
}
