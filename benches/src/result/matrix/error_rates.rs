//! How often the analysis is wrong, on recorded measurements of identical systems: blocks of the reference in which a service ran
//! alone. `cargo test -p lab --lib -- --nocapture error_rates` prints the numbers, and how much they can bear.

use std::path::Path;

use rand::seq::{IndexedRandom, SliceRandom};

use super::*;
use rand_chacha::ChaCha12Rng as Stream;

use crate::load::schedule::stream;
use crate::result::ResultFile;
use crate::stats::share_at_most;

/// As many as the demo measures.
const REPLICATES: usize = 7;
const TRIALS: u64 = 2000;

/// The reference's null blocks by service: alone, and alone again.
fn blocks() -> Vec<Vec<Histogram>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let result = ResultFile::read(&file).unwrap();
    let names = result.service_names();
    let of = |name: &String| {
        let alone = result.counted().filter(|cell| matches!(cell.cell, Cell::Alone { .. } | Cell::Null { .. }));
        let services = alone.flat_map(|cell| &cell.services).filter(|of| of.name == *name);
        services.map(|of| of.responses(CENSORED_US).unwrap()).collect::<Vec<_>>()
    };
    names.iter().map(of).collect()
}

/// Replicates of two arms that are the same system: each a random pair of one service's blocks, in random order. `planted` is what
/// the second arm's times are multiplied by.
fn arms(blocks: &[Vec<Histogram>], planted: f64, random: &mut Stream) -> (Arm, Arm) {
    // One service in each trial, as in a real comparison: its threshold is its own.
    let of = blocks.choose(random).unwrap();
    let pair = |replicate: usize, random: &mut Stream| {
        let mut two: Vec<&Histogram> = of.choose_multiple(random, 2).collect();
        two.shuffle(random);
        ((replicate, two[0].clone()), (replicate, two[1].scaled(planted)))
    };
    (0..REPLICATES).map(|replicate| pair(replicate, random)).unzip()
}

struct Found {
    trials: u64,
    significant: u64,
    mean_log: f64,
}

fn trials(metric: Metric, planted: f64) -> Found {
    let blocks = blocks();
    let mut random = stream(1, "permutations");
    let mut found = Found { trials: 0, significant: 0, mean_log: 0.0 };
    for _ in 0..TRIALS {
        let (alone, together) = arms(&blocks, planted, &mut random);
        let Some(of) = estimate(&alone, &together, metric) else {
            continue;
        };
        found.trials += 1;
        found.significant += u64::from(of.excludes_one());
        found.mean_log += of.ratio.ln();
    }
    found.mean_log /= found.trials as f64;
    found
}

/// At most 5 % of comparisons of a system with itself alarm; with so many trials the bound is below 6.5 %.
#[test]
fn recorded_null_blocks_rarely_alarm() {
    let blocks: usize = blocks().iter().map(Vec::len).sum();
    for metric in [Metric::P50, Metric::OneIn20] {
        let Found { trials, significant, .. } = trials(metric, 1.0);
        let bound = share_at_most(significant, trials);
        eprintln!(
            "{metric:?}: {significant} alarms in {trials} permutations of {blocks} recorded null blocks, {:.1} %; with 95 % confidence at most \
             {:.1} %",
            significant as f64 / trials as f64 * 100.0,
            bound * 100.0
        );
        assert!(
            trials >= 1000 && significant * 20 <= trials && bound <= 0.065,
            "{metric:?}: {significant} of {trials}"
        );
        assert!(significant > 0, "an analysis that never alarms at 5 % isn't tested");
    }
}

/// Effects planted in the same blocks are recovered within 10 %, and found in four of five comparisons or more.
#[test]
fn planted_effects_are_recovered_and_found() {
    for planted in [1.2, 1.5] {
        let Found { trials, significant, mean_log } = trials(Metric::P50, planted);
        let recovered = mean_log.exp() / planted;
        let missed = share_at_most(trials - significant, trials);
        eprintln!(
            "+{:.0} % planted: found in {significant} of {trials} comparisons (with 95 % confidence at least {:.1} %), recovered as {:.3} of it",
            (planted - 1.0) * 100.0,
            (1.0 - missed) * 100.0,
            recovered
        );
        assert!((0.9..1.1).contains(&recovered), "{planted}: {recovered}");
        assert!(1.0 - missed >= 0.8, "{planted}: {significant} of {trials}");
    }
}
