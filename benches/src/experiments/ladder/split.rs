//! How a ladder's slowdown is split: ratios between levels, formed inside each replicate.

use schema::blame::Cause;

use super::isolation::Isolation;
use super::outcome::{LadderResult, LevelResult, StepResult};
use crate::experiments::scenario::{LadderPlan, Played, Scenario};
use crate::measure::sessions::Actor;
use crate::observe::service_of;
use crate::stats::{Estimate, Histogram, holm, paired_ratio};

/// Name, lower level, higher level. The first four are the split, the others answer what isolation would gain.
const STEPS: [(&str, Isolation, Isolation); 6] = [
    ("machine", Isolation::Alone, Isolation::OtherCluster),
    ("engine", Isolation::OtherCluster, Isolation::OtherDatabase),
    ("database", Isolation::OtherDatabase, Isolation::OtherOrganisations),
    ("data", Isolation::OtherOrganisations, Isolation::Same),
    ("a database per service", Isolation::OtherDatabase, Isolation::Same),
    ("a cluster per service", Isolation::OtherCluster, Isolation::Same),
];

/// Steps that are the split.
const SPLIT: usize = 4;

/// What one level of one replicate gave.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    p50_ms: f64,
    p95_ms: f64,
    failed: f64,
    row_waits: f64,
}

pub fn result(scenario: &Scenario, plan: &LadderPlan, replicates: &[Vec<(Isolation, Played)>]) -> LadderResult {
    let actors = scenario.arm(&plan.arm).map_or(&[][..], |arm| &arm.actors);
    let points: Vec<Vec<(Isolation, Point)>> = replicates
        .iter()
        .map(|of| of.iter().map(|(level, played)| (*level, point(actors, plan, played))).collect())
        .collect();
    let steps: Vec<StepResult> = STEPS.iter().map(|step| self::step(step, &points)).collect();
    let results: Vec<LevelResult> = Isolation::ALL.iter().map(|level| self::level(*level, &points)).collect();
    LadderResult {
        title: plan.title.clone(),
        scenario: scenario.id.clone(),
        arm: plan.arm.clone(),
        replicates: replicates.len(),
        monotone: monotone(&steps),
        no_row_waits_across: results.iter().all(|of| of.level != Isolation::OtherDatabase || of.row_waits == 0.0),
        levels: results,
        steps,
    }
}

fn point(actors: &[Actor], plan: &LadderPlan, played: &Played) -> Point {
    let party = |actor: &Actor| {
        let name = actor.role.as_deref().or(actor.service.as_deref());
        service_of(name.unwrap_or_default()).to_owned()
    };
    let (slowed, others): (Vec<&Actor>, Vec<&Actor>) =
        actors.iter().partition(|actor| plan.slowed.contains(&actor.name));
    let is_of = |side: &[&Actor], role: &String| side.iter().any(|actor| party(actor) == *role);
    let mut times = Histogram::new();
    let (mut good, mut bad) = (0, 0);
    for rounds in slowed.iter().filter_map(|actor| played.rounds.get(&actor.name)) {
        times.add(&rounds.times);
        good += rounds.good;
        bad += rounds.failed();
    }
    let waits = played.seen.ledger.entries.iter().filter(|entry| {
        matches!(entry.cause, Cause::Row | Cause::TupleQueue)
            && is_of(&slowed, &entry.waiting)
            && is_of(&others, &entry.root)
    });
    let ms = |q: f64| times.quantile_us(q).unwrap_or(0) as f64 / 1000.0;
    Point {
        p50_ms: ms(0.5),
        p95_ms: ms(0.95),
        failed: bad as f64 / (good + bad).max(1) as f64,
        // The sum of nothing is -0.
        row_waits: waits.map(|entry| entry.seconds).sum::<f64>().abs() / played.seconds.max(1e-9),
    }
}

fn at(of: &[(Isolation, Point)], level: Isolation) -> Option<Point> {
    of.iter().find(|(is, _)| *is == level).map(|(_, point)| *point)
}

fn step((name, from, to): &(&str, Isolation, Isolation), points: &[Vec<(Isolation, Point)>]) -> StepResult {
    let estimate = |value: fn(Point) -> f64| {
        let pairs: Vec<(f64, f64)> =
            points.iter().filter_map(|of| Some((value(at(of, *from)?), value(at(of, *to)?)))).collect();
        paired_ratio(&pairs)
    };
    StepResult {
        name: (*name).to_owned(),
        from: *from,
        to: *to,
        p50: estimate(|point| point.p50_ms),
        p95: estimate(|point| point.p95_ms),
    }
}

fn level(level: Isolation, points: &[Vec<(Isolation, Point)>]) -> LevelResult {
    let of: Vec<Point> = points.iter().filter_map(|of| at(of, level)).collect();
    let count = of.len().max(1) as f64;
    let mean = |value: fn(&Point) -> f64| of.iter().map(value).sum::<f64>() / count;
    LevelResult {
        level,
        p50_ms: mean(|point| point.p50_ms.max(1e-6).ln()).exp(),
        p95_ms: mean(|point| point.p95_ms.max(1e-6).ln()).exp(),
        failed: mean(|point| point.failed),
        row_waits: mean(|point| point.row_waits),
    }
}

/// Whether no step of the split is significantly below 1, in the median or in the 95th percentile: each family of four
/// adjusted after Holm.
fn monotone(steps: &[StepResult]) -> bool {
    let falls = |of: fn(&StepResult) -> Option<Estimate>| {
        let estimates: Vec<Estimate> = steps.iter().take(SPLIT).filter_map(of).collect();
        let adjusted = holm(&estimates.iter().map(|estimate| estimate.p).collect::<Vec<_>>());
        estimates.iter().zip(adjusted).any(|(estimate, p)| estimate.ratio < 1.0 && p < 0.05)
    };
    !falls(|step| step.p50) && !falls(|step| step.p95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[[f64; 5]]) -> Vec<Vec<(Isolation, Point)>> {
        let of = |values: &[f64; 5]| {
            let point =
                |(level, &p95_ms): (&Isolation, &f64)| (*level, Point { p50_ms: p95_ms, p95_ms, ..Point::default() });
            Isolation::ALL.iter().zip(values).map(point).collect()
        };
        values.iter().map(of).collect()
    }

    /// The steps multiply up to the whole, and the answer is the product of the last two.
    #[test]
    fn the_split_is_a_split() {
        let points = points(&[[1.0, 2.0, 3.0, 3.0, 12.0], [1.1, 2.2, 3.3, 3.4, 12.0], [0.9, 1.8, 2.6, 2.7, 11.0]]);
        let steps: Vec<StepResult> = STEPS.iter().map(|of| step(of, &points)).collect();
        let ratio = |name: &str| {
            let of = steps.iter().find(|step| step.name == name).and_then(|step| step.p95);
            of.expect("three replicates").ratio
        };
        let whole = (12.0_f64 * (12.0 / 1.1) * (11.0 / 0.9)).cbrt();
        let product: f64 = ["machine", "engine", "database", "data"].map(ratio).iter().product();
        assert!((product - whole).abs() < 1e-9, "{product} {whole}");
        let bought = ratio("database") * ratio("data");
        assert!((ratio("a database per service") - bought).abs() < 1e-9);
        assert!(monotone(&steps));
    }

    #[test]
    fn a_significant_step_down_is_not_monotone() {
        let down = points(&[
            [1.0, 2.0, 1.0, 1.0, 1.0],
            [1.0, 2.1, 1.04, 1.0, 1.0],
            [1.0, 1.9, 0.96, 1.0, 1.0],
            [1.0, 2.0, 1.0, 1.0, 1.0],
        ]);
        let steps: Vec<StepResult> = STEPS.iter().map(|of| step(of, &down)).collect();
        assert!(!monotone(&steps));
        let chance = points(&[[1.0, 2.0, 1.9, 2.0, 2.0], [1.0, 1.9, 2.0, 2.1, 2.0], [1.0, 2.0, 2.0, 1.9, 2.1]]);
        let steps: Vec<StepResult> = STEPS.iter().map(|of| step(of, &chance)).collect();
        assert!(monotone(&steps));
    }
}
