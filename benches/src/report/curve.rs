//! How much each quantile of a service's response time grows in company, with the band of the replicates.

use std::fmt::Write;

use crate::result::Arm;
use crate::stats::{Estimate, Histogram, paired_ratio};

/// Quantiles that are asked for; the high ones only where enough requests lie beyond them.
const QUANTILES: [f64; 14] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];
/// Requests beyond a quantile, pooled over the smaller arm, below which it isn't drawn.
const BEYOND_MIN: f64 = 100.0;
/// The scale ends here: an eighth and eightfold.
const SCALE: f64 = 3.0;

/// (quantile, ratio together ÷ alone) as far as the data carries it.
pub fn ratios(alone: &Arm, together: &Arm) -> Vec<(f64, Estimate)> {
    let requests = |arm: &Arm| arm.values().map(Histogram::count).sum::<u64>() as f64;
    let least = requests(alone).min(requests(together));
    let pairs = |q: f64| -> Vec<(f64, f64)> {
        let value = |histogram: &Histogram| Some(histogram.quantile_us(q)? as f64);
        let pair = |(replicate, before)| Some((value(before)?, value(together.get(replicate)?)?));
        alone.iter().filter_map(pair).collect()
    };
    QUANTILES
        .into_iter()
        .filter(|q| least * (1.0 - q) >= BEYOND_MIN)
        .filter_map(|q| Some((q, paired_ratio(&pairs(q))?)))
        .collect()
}

/// The picture: quantiles evenly spaced, ratios on a logarithmic scale around 1.
pub fn draw(ratios: &[(f64, Estimate)]) -> String {
    if ratios.len() < 2 {
        return "<p class=\"legend\">Too few requests for a curve.</p>".into();
    }
    let x = |index: usize| 34.0 + index as f64 * 156.0 / (ratios.len() - 1) as f64;
    let y = |ratio: f64| 60.0 - ratio.log2().clamp(-SCALE, SCALE) / SCALE * 50.0;
    let mut out = String::from("<svg viewBox=\"0 0 200 130\" role=\"img\">");
    for (ratio, label) in [(4.0, "×4"), (2.0, "×2"), (1.0, "×1"), (0.5, "×½")] {
        let _ = write!(
            out,
            "<line x1=\"30\" x2=\"194\" y1=\"{0:.1}\" y2=\"{0:.1}\" class=\"axis\"/><text x=\"26\" y=\"{1:.1}\" text-anchor=\"end\">{label}</text>",
            y(ratio),
            y(ratio) + 3.0
        );
    }
    let there = ratios.iter().enumerate().map(|(i, (_, of))| (x(i), y(of.high)));
    let back = ratios.iter().enumerate().rev().map(|(i, (_, of))| (x(i), y(of.low)));
    let band: Vec<String> = there.chain(back).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let line: Vec<String> =
        ratios.iter().enumerate().map(|(i, (_, of))| format!("{:.1},{:.1}", x(i), y(of.ratio))).collect();
    let _ = write!(
        out,
        "<polygon points=\"{}\" class=\"band\"/><polyline points=\"{}\" class=\"curve\"/>",
        band.join(" "),
        line.join(" ")
    );
    for (index, (q, of)) in ratios.iter().enumerate() {
        // Not every label has room.
        let named = [0.05, 0.5, 0.9, 0.99, 0.999].contains(q);
        let _ = write!(
            out,
            "<circle cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"2\"><title>p{2}: ×{3:.2} ({4:.2}–{5:.2})</title></circle>",
            x(index),
            y(of.ratio),
            q * 100.0,
            of.ratio,
            of.low,
            of.high
        );
        if named {
            let _ = write!(out, "<text x=\"{:.1}\" y=\"126\" text-anchor=\"middle\">p{}</text>", x(index), q * 100.0);
        }
    }
    out + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two replicates, the second one slower by `drift` thousandths.
    fn arm(us: u64, drift: u64) -> Arm {
        let of = |thousandths: u64| {
            let mut histogram = Histogram::new();
            (1..=1000).for_each(|n| histogram.record_us(us * n * thousandths / 1000));
            histogram
        };
        [(0, of(1000)), (1, of(1000 + drift))].into()
    }

    #[test]
    fn a_doubled_arm_is_a_flat_line_at_two() {
        let found = ratios(&arm(100, 0), &arm(200, 4));
        assert!(found.iter().all(|(_, of)| (of.ratio - 2.0).abs() < 0.01), "{found:?}");
        // A thousandth of two thousand requests is two: not drawn.
        assert_eq!(found.last().map(|(q, _)| *q), Some(0.95));
        assert!(draw(&found).contains("polyline") && draw(&[]).contains("Too few"));
    }
}
