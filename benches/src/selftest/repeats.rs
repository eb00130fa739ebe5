//! V10: the same experiment twice gives the same result. V12: so it does in reversed order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::shared::{outcome, stopped};
use crate::Failure;
use crate::data::Size;
use crate::design::{Cell, Preset, cells, order};
use crate::measure::plan::{Options, blank_of_ours, read_workload};
use crate::measure::{calibrate, cell};
use crate::result::{Entry, Matrix, Metric, ResultFile, SelfTest, analyse};
use crate::stats::{Estimate, holm, spearman};
use crate::system::{Deployment, Layout};

/// As many as the lab's smallest claim needs.
const REPLICATES: usize = 4;
/// Part of the cells whose intervals must overlap.
const OVERLAP_MIN: f64 = 0.9;
/// How alike the cells must be ordered.
const SPEARMAN_MIN: f64 = 0.8;

/// Runs the matrix two or three times, each about three minutes, and compares the medians.
pub fn run(
    optimised: bool,
    wants: &dyn Fn(&'static str) -> bool,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<SelfTest>, Failure> {
    let mut repeatable = Repeatable::start(optimised, stop)?;
    let first = repeatable.matrix(REPLICATES, false, stop)?;
    let mut tests = Vec::new();
    if wants("V10") {
        let again = repeatable.matrix(REPLICATES, false, stop)?;
        tests.push(repeated(&pairs(&first, &again)));
    }
    if wants("V12") {
        let reversed = repeatable.matrix(REPLICATES, true, stop)?;
        let detectable = |matrix: &Matrix| matrix.detectable.get(&Metric::P50).copied();
        let mde = detectable(&first).into_iter().chain(detectable(&reversed));
        tests.push(turned_round(&pairs(&first, &reversed), mde.fold(1.0, f64::max)));
    }
    Ok(tests)
}

/// The system, and the rates it is driven at.
struct Repeatable {
    deployment: Deployment,
    /// Its `cells` are those of the experiment under way.
    result: ResultFile,
    options: Options,
}

impl Repeatable {
    /// Starts the system and finds the rates.
    fn start(optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        // Smoke's cells are the shortest; its services are two, so those are chosen here.
        let options = Options {
            layout: Layout::default(),
            preset: Preset::Smoke,
            seed: 1,
            results: PathBuf::new(),
            workload: None,
            utilisation: Preset::Smoke.utilisation(),
            size: Size::SMALL,
            optimised,
            rates_from: None,
        };
        let workload = read_workload(&options)?;
        let mut deployment = Deployment::filled(options.size, options.seed, optimised, stop)?;
        let mut services = deployment.services();
        services.retain(|name| workload.services.contains_key(name));
        let long = Options { preset: Preset::Quick, ..options.clone() };
        let infos = calibrate::rates(&mut deployment, &workload, &services, &long)?;
        let result = blank_of_ours(&options, &deployment, infos, workload, Path::new(""))?;
        Ok(Self { deployment, result, options })
    }

    /// The matrix of all pairs with a null cell of Registry, `replicates` times, in the order of the seed or the reverse of it.
    fn matrix(&mut self, replicates: usize, reversed: bool, stop: &AtomicBool) -> Result<Matrix, Failure> {
        let names = self.result.service_names();
        let mut all = cells(&names, &["registry".to_owned()], &[]);
        all.retain(|cell| *cell != Cell::All);
        let mut done = Vec::new();
        for replicate in 0..replicates {
            self.deployment.reset()?;
            let mut ordered = order(&all, self.options.seed, replicate);
            if reversed {
                ordered.reverse();
            }
            for (place, one) in ordered.iter().enumerate() {
                stopped(stop)?;
                let workload = self.result.run.workload.clone();
                let (measured, _) = cell::run(
                    &mut self.deployment,
                    &mut self.result,
                    &workload,
                    one,
                    (replicate, place),
                    (&self.options).into(),
                )?;
                done.push(measured);
            }
        }
        Ok(analyse(&done, self.result.machine.cpus)?)
    }
}

/// Both estimates of every ordered pair's median.
fn pairs(first: &Matrix, second: &Matrix) -> Vec<(Estimate, Estimate)> {
    let same = |one: &Entry, other: &Entry| {
        one.service == other.service && one.while_running == other.while_running && one.metric == other.metric
    };
    let of = first.entries.iter().filter(|entry| entry.metric == Metric::P50);
    of.filter_map(|entry| {
        let other = second.entries.iter().find(|other| same(entry, other))?;
        Some((entry.estimate?, other.estimate?))
    })
    .collect()
}

/// Standard error of an estimate's logarithm, from its interval; and its degrees of freedom.
fn error(estimate: &Estimate) -> (f64, f64) {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    let freedom = estimate.replicates as f64 - 1.0;
    let t = StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(0.975));
    ((estimate.high / estimate.low).ln() / (2.0 * t), freedom)
}

fn repeated(pairs: &[(Estimate, Estimate)]) -> SelfTest {
    let overlap = |(a, b): &&(Estimate, Estimate)| a.low <= b.high && b.low <= a.high;
    let share = pairs.iter().filter(overlap).count() as f64 / pairs.len().max(1) as f64;
    let logs: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (a.ratio.ln(), b.ratio.ln())).collect();
    let rank = spearman(&logs);
    let expected = reliability(pairs);
    let found = format!(
        "the same experiment twice: intervals of {:.0} % of {} cells overlap; Spearman {}, where this machine's noise lets {expected:.2} be expected",
        share * 100.0,
        pairs.len(),
        rank.map_or("–".into(), |rank| format!("{rank:.2}")),
    );
    // Where cells differ by less than noise, no two runs can order them alike.
    let ordered = (expected >= SPEARMAN_MIN).then(|| rank.is_some_and(|rank| rank >= SPEARMAN_MIN));
    let pass = match (share >= OVERLAP_MIN, ordered) {
        (false, _) | (_, Some(false)) => Some(false),
        (true, Some(true)) => Some(true),
        (true, None) => None,
    };
    outcome("V10", pass, found)
}

/// The correlation that two runs can have: the part of the variance between cells that isn't the estimates' own error.
fn reliability(pairs: &[(Estimate, Estimate)]) -> f64 {
    let n = pairs.len() as f64;
    let logs: Vec<f64> = pairs.iter().map(|(a, _)| a.ratio.ln()).collect();
    let mean = logs.iter().sum::<f64>() / n;
    let between = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let noise = pairs.iter().map(|(a, _)| error(a).0.powi(2)).sum::<f64>() / n;
    ((between - noise) / between).clamp(0.0, 1.0)
}

fn turned_round(pairs: &[(Estimate, Estimate)], mde: f64) -> SelfTest {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    let p: Vec<f64> = pairs
        .iter()
        .map(|(a, b)| {
            let ((ea, fa), (eb, fb)) = (error(a), error(b));
            let t = (a.ratio / b.ratio).ln() / ea.hypot(eb);
            StudentsT::new(0.0, 1.0, fa + fb).map_or(1.0, |student| 2.0 * student.sf(t.abs()))
        })
        .collect();
    let changed = holm(&p).into_iter().filter(|p| *p < 0.05).count();
    let most = pairs.iter().map(|(a, b)| (a.ratio / b.ratio).ln().abs().exp()).fold(1.0, f64::max);
    let found = format!(
        "the same cells in reversed order: {changed} of {} medians changed significantly (p < 0.05, Holm); the largest change ×{most:.2}, identical systems differ by up to ×{mde:.2}",
        pairs.len()
    );
    outcome("V12", Some(changed == 0), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four replicates: t(3, 0.975) = 3.182.
    fn estimate(ratio: f64, error: f64) -> Estimate {
        Estimate {
            ratio,
            low: ratio * (-3.182_446 * error).exp(),
            high: ratio * (3.182_446 * error).exp(),
            p: 1.0,
            replicates: 4,
        }
    }

    fn both(ratios: &[(f64, f64)], error: f64) -> Vec<(Estimate, Estimate)> {
        let of = |&(a, b): &(f64, f64)| (estimate(a, error), estimate(b, error));
        ratios.iter().map(of).collect()
    }

    #[test]
    fn runs_that_agree_pass_and_others_do_not() {
        let alike = [(1.0, 1.02), (1.5, 1.52), (2.0, 1.9), (3.0, 3.1), (4.0, 4.2)];
        assert_eq!(repeated(&both(&alike, 0.02)).pass, Some(true));
        assert_eq!(turned_round(&both(&alike, 0.05), 1.1).pass, Some(true));
        let unlike = alike.map(|(a, _)| (a, 4.5 - a));
        assert_eq!(repeated(&both(&unlike, 0.02)).pass, Some(false));
        assert_eq!(turned_round(&both(&unlike, 0.02), 1.1).pass, Some(false));
    }

    #[test]
    fn an_order_that_is_noise_is_not_asked_for() {
        let noise = [(1.0, 1.05), (1.02, 0.98), (1.04, 1.0), (0.98, 1.03)];
        assert_eq!(repeated(&both(&noise, 0.1)).pass, None);
    }
}
