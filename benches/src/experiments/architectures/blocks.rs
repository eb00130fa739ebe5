//! Figures of which each block is an observation.

use std::collections::BTreeMap;

use super::circumstance::{Circumstance, Varied};
use super::figures::{ArmFigure, Figure, Pair};
use super::kept::Block;
use super::measured::MeasuredArm;
use crate::result::{CENSORED_US, CellResult, DRIVER, Delay, RoleCost, text::capital};
use crate::stats::{Difference, Histogram, MalformedHistogram, Median, holm, paired_difference, paired_ratio};
use crate::system::services;

/// A value of one block; none where it wasn't measured.
type Value = Box<dyn Fn(&CellResult, &Block) -> Result<Option<f64>, MalformedHistogram>>;

/// What a figure is, before it is computed.
struct Wanted {
    id: String,
    title: String,
    unit: &'static str,
    decides: bool,
    value: Value,
}

fn wanted(id: impl Into<String>, title: impl Into<String>, unit: &'static str, decides: bool, value: Value) -> Wanted {
    Wanted { id: id.into(), title: title.into(), unit, decides, value }
}

/// Response times of these services in a cell; failures stand in them at the time-out.
pub(super) fn responses(cell: &CellResult, of: Option<&str>) -> Result<Histogram, MalformedHistogram> {
    let mut all = Histogram::new();
    for service in cell.services.iter().filter(|service| of.is_none_or(|name| service.name == name)) {
        all.add(&service.responses(CENSORED_US)?);
    }
    Ok(all)
}

fn latency(of: Option<&'static str>, q: f64) -> Value {
    Box::new(move |cell, _| Ok(responses(cell, of)?.quantile_us(q).map(|us| us as f64 / 1000.0)))
}

/// A sum over all roles and processes but the lab's own, per request.
fn per_request(of: impl Fn(&RoleCost) -> f64 + 'static) -> Value {
    Box::new(move |cell, _| {
        let driven: u64 = cell.services.iter().map(|service| service.driven).sum();
        let sum: f64 = cell.roles.iter().filter(|(role, _)| !is_ours(role)).map(|(_, cost)| of(cost)).sum();
        Ok((driven > 0).then(|| sum / driven as f64))
    })
}

/// The lab asks as superuser, which nobody else does; and its control workload is no part of what is compared.
fn is_ours(role: &str) -> bool {
    role == DRIVER || role == "postgres" || role.starts_with("lab_")
}

fn beside(of: impl Fn(&Block) -> Option<f64> + 'static) -> Value {
    Box::new(move |_, block| Ok(of(block)))
}

fn all_wanted(circumstances: &[Circumstance]) -> Vec<Wanted> {
    let rename = |of: fn(&Delay) -> f64| beside(move |block| block.freshness.rename.as_ref().map(of));
    let freeze = |of: fn(&Delay) -> f64| beside(move |block| block.freshness.freeze.as_ref().map(of));
    let mut all = vec![
        wanted("p50", "median response time of all requests", "ms", true, latency(None, 0.5)),
        wanted("p95", "response time that 1 request in 20 exceeds", "ms", true, latency(None, 0.95)),
        wanted(
            "rename-p50",
            "time until Registry shows a person's new name (median)",
            "ms",
            true,
            rename(|of| of.p50_ms),
        ),
        wanted(
            "freeze-p50",
            "time until Registry refuses a frozen organisation (median)",
            "ms",
            true,
            freeze(|of| of.p50_ms),
        ),
        wanted("rename-worst", "the same, slowest try of a block: name", "ms", false, rename(|of| of.p99_ms)),
        wanted("freeze-worst", "the same, slowest try of a block: freeze", "ms", false, freeze(|of| of.p99_ms)),
        wanted(
            "cpu",
            "processor time per request",
            "ms",
            true,
            per_request(|of| (of.cpu_s + of.process_cpu_s) * 1000.0),
        ),
        wanted("wal", "write-ahead log per request", "kB", false, per_request(|of| of.wal_bytes / 1000.0)),
        wanted("memory", "memory of the services and the log", "MiB", true, beside(|block| Some(block.memory_mib))),
        wanted(
            "connections",
            "connections to the databases",
            "",
            false,
            beside(|block| Some(block.connections as f64)),
        ),
        wanted("stored", "bytes in the databases and the log", "MiB", false, beside(|block| Some(block.stored_mib))),
    ];
    for name in services::names() {
        let title = capital(name);
        all.push(wanted(format!("p50-{name}"), format!("{title}'s median"), "ms", false, latency(Some(name), 0.5)));
        all.push(wanted(format!("p95-{name}"), format!("{title}'s 1 in 20"), "ms", false, latency(Some(name), 0.95)));
    }
    for circumstance in circumstances {
        let of = |value: fn(&Varied) -> f64| {
            let id = circumstance.id();
            beside(move |block| block.varied.iter().find(|one| one.circumstance == id && !one.left_out).map(value))
        };
        let (id, title) = (circumstance.id(), circumstance.title());
        all.push(wanted(format!("p50-{id}"), format!("median {title}"), "ms", false, of(|of| of.p50_ms)));
        all.push(wanted(format!("p95-{id}"), format!("1 in 20 {title}"), "ms", false, of(|of| of.p95_ms)));
    }
    all
}

/// Every figure of these architectures.
pub(super) fn figures(
    arms: &[MeasuredArm<'_>],
    circumstances: &[Circumstance],
) -> Result<Vec<Figure>, MalformedHistogram> {
    let mut all = Vec::new();
    for wanted in all_wanted(circumstances) {
        let values: Vec<BTreeMap<usize, f64>> =
            arms.iter().map(|arm| by_round(arm, &wanted.value)).collect::<Result<_, _>>()?;
        all.push(of_blocks(wanted, arms, &values));
    }
    adjust(&mut all);
    Ok(all)
}

/// By how much a figure of the second one is more than that of the first, block by block, in the figure's unit.
pub(super) fn difference(
    than: &MeasuredArm<'_>,
    of: &MeasuredArm<'_>,
    id: &str,
) -> Result<Option<Difference>, MalformedHistogram> {
    let Some(wanted) = all_wanted(&[]).into_iter().find(|wanted| wanted.id == id) else { return Ok(None) };
    let [than, of] = [by_round(than, &wanted.value)?, by_round(of, &wanted.value)?];
    let both: Vec<(f64, f64)> = than.iter().filter_map(|(round, than)| Some((*than, *of.get(round)?))).collect();
    Ok(paired_difference(&both))
}

fn by_round(arm: &MeasuredArm<'_>, value: &Value) -> Result<BTreeMap<usize, f64>, MalformedHistogram> {
    let mut found = BTreeMap::new();
    for (block, cell) in arm.counted() {
        if let Some(value) = value(cell, block)? {
            found.insert(block.round, value);
        }
    }
    Ok(found)
}

fn of_blocks(wanted: Wanted, arms: &[MeasuredArm<'_>], values: &[BTreeMap<usize, f64>]) -> Figure {
    let arm_figures = arms.iter().zip(values).map(|(arm, values)| {
        let middle = Median::of(values.values().copied());
        let some = !values.is_empty();
        ArmFigure {
            architecture: arm.name.to_owned(),
            value: some.then_some(middle.median),
            interval: some.then_some([middle.low, middle.high]),
            n: values.len() as u64,
        }
    });
    let mut pairs = Vec::new();
    for (second, of) in arms.iter().enumerate() {
        for (first, than) in arms.iter().enumerate().take(second) {
            let both = values[first].iter().filter_map(|(round, than)| Some((*than, *values[second].get(round)?)));
            let estimate = paired_ratio(&both.collect::<Vec<_>>());
            pairs.push(Pair { of: of.name.to_owned(), than: than.name.to_owned(), estimate, adjusted_p: None });
        }
    }
    Figure {
        id: wanted.id,
        title: wanted.title,
        unit: wanted.unit.into(),
        decides: wanted.decides,
        more_is_better: false,
        not_run: None,
        arms: arm_figures.collect(),
        pairs,
    }
}

/// One family: whoever looks at the page looks at all of it.
fn adjust(figures: &mut [Figure]) {
    let mut pairs: Vec<(&mut Pair, f64)> = figures
        .iter_mut()
        .flat_map(|figure| &mut figure.pairs)
        .filter_map(|pair| pair.estimate.map(|estimate| (pair, estimate.p)))
        .collect();
    let adjusted = holm(&pairs.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    for ((pair, _), p) in pairs.iter_mut().zip(adjusted) {
        pair.adjusted_p = Some(p);
    }
}

#[cfg(test)]
mod error_rates;
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A figure of three architectures, whose blocks are these.
    pub(crate) fn figure(id: &str, values: [[f64; 6]; 3]) -> Figure {
        let names = ["shared-database", "api-centric", "self-contained"];
        let correctness = BTreeMap::new();
        let arms = names.map(|name| MeasuredArm::empty(name, &correctness));
        let by_round = values.map(|of| of.into_iter().enumerate().collect());
        let value: Value = Box::new(|_, _| Ok(None));
        let mut all = [of_blocks(wanted(id, id, "ms", true, value), &arms, &by_round)];
        adjust(&mut all);
        let [one] = all;
        one
    }

    const NOISE: [f64; 6] = [1.0, 1.02, 0.99, 1.01, 0.98, 1.0];

    fn times(of: f64, shift: usize) -> [f64; 6] {
        std::array::from_fn(|place| NOISE[(place + shift) % 6] * of)
    }

    #[test]
    fn the_best_is_better_than_each_other_one() {
        let of = figure("p50", [times(1.0, 0), times(2.0, 1), times(1.5, 2)]);
        assert_eq!((of.best(), of.worst()), (Some("shared-database"), Some("api-centric")));
        let turned = of.pair("shared-database", "api-centric").and_then(|pair| pair.estimate).unwrap();
        assert!(
            (turned.ratio - 0.5).abs() < 0.02 && turned.low < turned.ratio && turned.ratio < turned.high,
            "{turned:?}"
        );
        assert_eq!(of.arms[1].value.map(f64::round), Some(2.0));
        let more = Figure { more_is_better: true, ..of };
        assert_eq!((more.best(), more.worst()), (Some("api-centric"), Some("shared-database")));
    }

    #[test]
    fn nobody_is_best_where_two_are_alike() {
        let of = figure("p50", [times(1.0, 0), times(1.0, 1), times(1.5, 2)]);
        assert_eq!((of.best(), of.worst()), (None, Some("self-contained")));
    }
}
