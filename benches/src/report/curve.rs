//! How much each quantile of a service's response time grows while another one runs, with the band of the replicates.

use maud::{Markup, html};

use super::html::{points, px};
use crate::result::Arm;
use crate::result::text::interval;
use crate::stats::{Estimate, Histogram, paired_ratio};

/// Quantiles that are asked for; the high ones only where enough requests lie beyond them.
const QUANTILES: [f64; 14] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];
/// Not every label has room.
const LABELLED: [f64; 5] = [0.05, 0.5, 0.9, 0.99, 0.999];
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
pub fn draw(ratios: &[(f64, Estimate)]) -> Markup {
    if ratios.len() < 2 {
        return html! { p.legend { "Too few requests for a curve." } };
    }
    let x = |place: usize| 34.0 + place as f64 * 156.0 / (ratios.len() - 1) as f64;
    let y = |ratio: f64| 60.0 - ratio.log2().clamp(-SCALE, SCALE) / SCALE * 50.0;
    let line = |of: fn(&Estimate) -> f64| ratios.iter().enumerate().map(move |(i, (_, at))| (x(i), y(of(at))));
    let band = line(|of| of.high).chain(line(|of| of.low).rev());
    html! {
        svg viewBox="0 0 200 130" role="img" {
            @for (ratio, label) in [(4.0, "×4"), (2.0, "×2"), (1.0, "×1"), (0.5, "×½")] {
                line.axis x1="30" x2="194" y1=(px(y(ratio))) y2=(px(y(ratio))) {}
                text x="26" y=(px(y(ratio) + 3.0)) text-anchor="end" { (label) }
            }
            polygon.band points=(points(band)) {}
            polyline.curve points=(points(line(|of| of.ratio))) {}
            @for (place, (q, of)) in ratios.iter().enumerate() {
                circle cx=(px(x(place))) cy=(px(y(of.ratio))) r="2" { title { "p" (q * 100.0) ": " (interval(*of)) } }
                @if LABELLED.contains(q) {
                    text x=(px(x(place))) y="126" text-anchor="middle" { "p" (q * 100.0) }
                }
            }
        }
    }
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
        assert!(draw(&found).into_string().contains("polyline") && draw(&[]).into_string().contains("Too few"));
    }
}
