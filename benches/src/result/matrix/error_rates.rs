//! How often the analysis is wrong, on recorded measurements of identical systems: blocks of the reference in which a service ran
//! alone. `cargo test -p lab --lib -- --nocapture error_rates` prints the numbers, and how much they can bear.

use std::path::Path;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::load::schedule::stream;
use crate::result::ResultFile;
use crate::stats::share_at_most;

/// As many as the demo measures.
const REPLICATES: usize = 8;
const TRIALS: u64 = 5000;

/// One figure of each of the reference's null blocks, by service: alone, and alone again. Slow is what lies above the p95 of all
/// of a service's blocks.
fn blocks(metric: Metric) -> Vec<Vec<f64>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let result = ResultFile::read(&file).unwrap();
    let of = |name: &String| {
        let alone = result.counted().filter(|cell| matches!(cell.cell, Cell::Alone { .. } | Cell::Null { .. }));
        let services = alone.flat_map(|cell| &cell.services).filter(|of| of.name == *name);
        let times: Vec<Histogram> = services.map(|of| of.responses(CENSORED_US).unwrap()).collect();
        let mut all = Histogram::new();
        times.iter().for_each(|one| all.add(one));
        let threshold = all.quantile_us(0.95).unwrap();
        times.iter().map(|one| metric.value(one, threshold).unwrap()).collect()
    };
    result.service_names().iter().map(of).collect()
}

/// A comparison of one service with itself: replicates of two of its blocks each, the second one's figure multiplied.
fn compared(blocks: &[f64], planted: f64, random: &mut ChaCha12Rng) -> Estimate {
    let pairs: Vec<(f64, f64)> = (0..REPLICATES)
        .map(|_| {
            let two: Vec<f64> = blocks.choose_multiple(random, 2).copied().collect();
            (two[0], two[1] * planted)
        })
        .collect();
    paired_ratio(&pairs).unwrap()
}

/// A whole demo on identical systems, judged as the report judges it: five services, and a null cell for the noise.
fn claims(blocks: &[Vec<f64>], random: &mut ChaCha12Rng) -> usize {
    let all: Vec<Estimate> = blocks.iter().map(|of| compared(of, 1.0, random)).collect();
    let p: Vec<f64> = all.iter().map(|of| of.p).collect();
    let nulls = [compared(blocks.last().unwrap(), 1.0, random)];
    all.iter().zip(holm(&p)).filter(|(of, p)| Verdict::in_run(Some(**of), *p, &nulls).is_significant()).count()
}

/// At most 5 % of runs on identical systems claim anything.
#[test]
fn recorded_null_blocks_rarely_alarm() {
    for metric in [Metric::P50, Metric::OneIn20] {
        let blocks = blocks(metric);
        let mut random = stream(1, "permutations");
        let alarms = (0..TRIALS).filter(|_| claims(&blocks, &mut random) > 0).count() as u64;
        let bound = share_at_most(alarms, TRIALS);
        eprintln!(
            "{metric:?}: {alarms} of {TRIALS} runs made of {} recorded null blocks claim a difference, {:.1} %; with 95 % confidence at most \
             {:.1} %",
            blocks.iter().map(Vec::len).sum::<usize>(),
            alarms as f64 / TRIALS as f64 * 100.0,
            bound * 100.0
        );
        assert!(alarms * 20 <= TRIALS, "{metric:?}: {alarms} of {TRIALS}");
        assert!(alarms > 0, "an analysis that never alarms isn't tested");
    }
}

/// Effects planted in the same blocks are recovered within 10 %, and found in four of five comparisons or more.
#[test]
fn planted_effects_are_recovered_and_found() {
    let blocks = blocks(Metric::P50);
    for planted in [1.2, 1.5] {
        let mut random = stream(2, "planted");
        let found: Vec<Estimate> =
            (0..TRIALS).map(|_| compared(blocks.choose(&mut random).unwrap(), planted, &mut random)).collect();
        let significant = found.iter().filter(|of| of.low > 1.0).count() as u64;
        let recovered = (found.iter().map(|of| of.ratio.ln()).sum::<f64>() / TRIALS as f64).exp() / planted;
        let least = 1.0 - share_at_most(TRIALS - significant, TRIALS);
        eprintln!(
            "+{:.0} % planted: found in {significant} of {TRIALS} comparisons (with 95 % confidence in at least {:.1} %), recovered as {recovered:.3} \
             of it",
            (planted - 1.0) * 100.0,
            least * 100.0,
        );
        assert!((0.9..1.1).contains(&recovered), "{planted}: {recovered}");
        assert!(least >= 0.8, "{planted}: {significant} of {TRIALS}");
    }
}
