//! What is compared, and how it is computed from the blocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arm::{Block, MeasuredArm};
use crate::result::{CENSORED_US, CellResult, Delay};
use crate::stats::{Estimate, Histogram, MalformedHistogram, Median, holm, paired_ratio};
use crate::system::services;

/// One figure of every architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figure {
    /// Its name in files.
    pub id: String,
    /// As people call it.
    pub title: String,
    /// Of its values.
    pub unit: String,
    /// Whether it is one of the few that decide.
    pub decides: bool,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// In the order of the columns.
    pub arms: Vec<ArmFigure>,
    /// Each two of them, where blocks can be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
}

/// One architecture's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArmFigure {
    /// Which.
    pub architecture: String,
    /// Median of the blocks', or a count; null where nothing was measured.
    pub value: Option<f64>,
    /// The median's 95 % interval; all blocks where they are fewer than six; null for a count.
    pub interval: Option<[f64; 2]>,
    /// Blocks, or what a count is of.
    pub n: u64,
}

/// Two architectures compared, block by block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pair {
    /// Numerator.
    pub of: String,
    /// Denominator.
    pub than: String,
    /// `of ÷ than`; null where the blocks give none.
    pub estimate: Option<Estimate>,
    /// Its p-value, adjusted after Holm for all pairs of all figures.
    pub adjusted_p: Option<f64>,
}

impl Pair {
    /// Whether both differ beyond what chance allows.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.adjusted_p.is_some_and(|p| p <= 0.05)
    }
}

impl Figure {
    /// The pair of two architectures, turned so that `of` is above.
    #[must_use]
    pub fn pair(&self, of: &str, than: &str) -> Option<Pair> {
        self.pairs.iter().find_map(|pair| match (pair.of == of, pair.than == of) {
            (true, _) if pair.than == than => Some(pair.clone()),
            (_, true) if pair.of == than => {
                let turned =
                    |e: Estimate| Estimate { ratio: e.ratio.recip(), low: e.high.recip(), high: e.low.recip(), ..e };
                Some(Pair {
                    of: of.to_owned(),
                    than: than.to_owned(),
                    estimate: pair.estimate.map(turned),
                    adjusted_p: pair.adjusted_p,
                })
            }
            _ => None,
        })
    }

    /// The architecture that is better than each other one beyond what chance allows.
    #[must_use]
    pub fn best(&self) -> Option<&str> {
        self.first(true)
    }

    /// The one that is worse than each other one.
    #[must_use]
    pub fn worst(&self) -> Option<&str> {
        self.first(false)
    }

    fn first(&self, best: bool) -> Option<&str> {
        // Above 1 is more; whether that is good depends on the figure.
        let wanted = |estimate: Estimate| (estimate.ratio > 1.0) == (self.more_is_better == best);
        let beats = |one: &str, other: &str| {
            self.pair(one, other).is_some_and(|pair| pair.differs() && pair.estimate.is_some_and(wanted))
        };
        let names = || self.arms.iter().map(|arm| arm.architecture.as_str());
        names().find(|one| names().filter(|other| other != one).all(|other| beats(one, other)) && self.arms.len() > 1)
    }
}

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
fn responses(cell: &CellResult, of: Option<&str>) -> Result<Histogram, MalformedHistogram> {
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
fn per_request(of: impl Fn(&crate::result::RoleCost) -> f64 + 'static) -> Value {
    Box::new(move |cell, _| {
        let driven: u64 = cell.services.iter().map(|service| service.driven).sum();
        let sum: f64 = cell.roles.iter().filter(|(role, _)| !is_ours(role)).map(|(_, cost)| of(cost)).sum();
        Ok((driven > 0).then(|| sum / driven as f64))
    })
}

/// The lab asks as superuser; nobody else does.
fn is_ours(role: &str) -> bool {
    role == crate::result::DRIVER || role == "postgres"
}

fn beside(of: impl Fn(&Block) -> Option<f64> + 'static) -> Value {
    Box::new(move |_, block| Ok(of(block)))
}

fn all_wanted() -> Vec<Wanted> {
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
        let title = crate::result::text::capital(name);
        all.push(wanted(format!("p50-{name}"), format!("{title}'s median"), "ms", false, latency(Some(name), 0.5)));
        all.push(wanted(format!("p95-{name}"), format!("{title}'s 1 in 20"), "ms", false, latency(Some(name), 0.95)));
    }
    all
}

/// Every figure of these architectures.
pub(super) fn figures(arms: &[MeasuredArm<'_>]) -> Result<Vec<Figure>, MalformedHistogram> {
    let mut all = Vec::new();
    for wanted in all_wanted() {
        let values: Vec<BTreeMap<usize, f64>> =
            arms.iter().map(|arm| by_round(arm, &wanted.value)).collect::<Result<_, _>>()?;
        all.push(of_blocks(wanted, arms, &values));
    }
    adjust(&mut all);
    all.extend(stops(arms));
    all.extend(wrong_answers(arms));
    all.extend(NOT_RUN.map(|(id, title, why)| Figure {
        id: id.into(),
        title: title.into(),
        unit: String::new(),
        decides: false,
        more_is_better: false,
        not_run: Some(why.into()),
        arms: Vec::new(),
        pairs: Vec::new(),
    }));
    Ok(all)
}

/// What a whole comparison has and this run doesn't.
const NOT_RUN: [(&str, &str, &str); 5] = [
    ("delay", "the same with 0.5 and 2 ms between processes", "all run on one machine, over its loopback"),
    ("mix", "the same with other shares of writes", "one mix of requests"),
    ("engines", "the same with a database server for each service", "all databases are on one server"),
    ("rebuild", "time to rebuild copies from the log", "see `lab log replay`"),
    ("change", "what a change of the schema takes", "see `lab changes`: two of three are estimates"),
];

fn by_round(arm: &MeasuredArm<'_>, value: &Value) -> Result<BTreeMap<usize, f64>, MalformedHistogram> {
    let mut found = BTreeMap::new();
    for block in arm.blocks {
        let cell = arm.cells.iter().find(|cell| cell.replicate == block.round);
        if let Some(value) = cell.map(|cell| value(cell, block)).transpose()?.flatten() {
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

/// Good answers of the others while a service was stopped: one stop each, so nothing is compared beyond their number.
fn stops(arms: &[MeasuredArm<'_>]) -> Vec<Figure> {
    let of = |stopped: &'static str| {
        let arms = arms.iter().map(|arm| {
            let row = arm.stops.iter().find(|row| row.broken == stopped);
            let others = row.into_iter().flat_map(|row| row.services.iter().filter(|(name, _)| *name != stopped));
            let (good, all) = others.fold((0, 0), |(good, all), (_, of)| (good + of.good, all + of.all));
            let value = (all > 0).then(|| 100.0 * good as f64 / all as f64);
            ArmFigure { architecture: arm.name.to_owned(), value, interval: None, n: all }
        });
        Figure {
            id: format!("good-without-{stopped}"),
            title: format!("good answers of the other four while {} is stopped", crate::result::text::capital(stopped)),
            unit: "%".into(),
            decides: false,
            more_is_better: true,
            not_run: arms.clone().all(|arm| arm.value.is_none()).then(|| NO_STOPS.to_owned()),
            arms: arms.collect(),
            pairs: Vec::new(),
        }
    };
    services::names().map(of).collect()
}

const NO_STOPS: &str = "no service was stopped in this run";

/// Of one row: how often something was wrong, of how many.
type Counted = fn(&crate::experiments::wrong_answers::Row) -> (u64, u64);

/// What was answered wrongly while services were stopped: counts.
fn wrong_answers(arms: &[MeasuredArm<'_>]) -> Vec<Figure> {
    let counts: [(&str, &str, Counted); 6] = [
        ("wrong-freeze", "answers of Registry to an organisation that was frozen before", |row| {
            (row.frozen.wrong, row.frozen.caused)
        }),
        ("wrong-plan", "domains made above a plan that was chosen before", |row| {
            (row.above_plan.wrong, row.above_plan.caused)
        }),
        ("wrong-owner", "APIs made for a person who was deleted before", |row| (row.gone.wrong, row.gone.caused)),
        ("wrong-told", "changes that somebody was not told of, or told twice", |row| {
            (row.told_wrongly.unsigned_abs(), row.mails)
        }),
        ("wrong-mails", "mails lost or sent twice", |row| (row.mails_lost + row.mails_twice, row.mails)),
        ("wrong-charges", "wrong charges", |row| (row.wrong_charges, row.charges)),
    ];
    counts
        .into_iter()
        .map(|(id, title, count)| {
            let arms = arms.iter().map(|arm| {
                let (value, n) = arm.wrong.map(count).map_or((None, 0), |(wrong, of)| (Some(wrong as f64), of));
                ArmFigure { architecture: arm.name.to_owned(), value, interval: None, n }
            });
            Figure {
                id: id.into(),
                title: title.into(),
                unit: "of".into(),
                decides: false,
                more_is_better: false,
                not_run: arms.clone().all(|arm| arm.value.is_none()).then(|| NO_STOPS.to_owned()),
                arms: arms.collect(),
                pairs: Vec::new(),
            }
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A figure of three architectures, whose blocks are these.
    pub(crate) fn figure(id: &str, values: [[f64; 6]; 3]) -> Figure {
        let names = ["shared-database", "api-centric", "self-contained"];
        let cells: [CellResult; 0] = [];
        let correctness = BTreeMap::new();
        let arms = names.map(|name| MeasuredArm::empty(name, &cells, &correctness));
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
