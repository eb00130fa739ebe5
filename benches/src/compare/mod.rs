//! `lab compare`: two or more results side by side. The first one is the base.
//!
//! The replicates of two runs have nothing to do with each other, so their logarithms are compared by Welch's test; inside a
//! run the interference of a replicate stays paired. What asked for other things, at other rates or of other data is not
//! compared at all.

mod page;
mod refuse;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::Failure;
use crate::result::{
    ALONE, Arm, Freshness, Metric, ResultFile, arms, is_company, pooled, tail_count,
};
use crate::stats::{Estimate, holm, welch_ratio};
pub use refuse::refusals;

/// What can be said of a difference. Less is better everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The other one is better, beyond chance.
    Better,
    /// The other one is worse, beyond chance.
    Worse,
    /// Within what identical systems differed by in these runs: not "no difference".
    NothingShown,
    /// The interval allows for a difference and for none.
    Open,
    /// This much data can't carry it.
    NotResolved,
}

/// What of a service is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Its response time when it is alone.
    Alone,
    /// Its response time when all are at work.
    Together,
    /// How much it suffers beside one other service, or all: together ÷ alone.
    Harm,
}

/// One line of a comparison: the other ÷ the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What of it.
    pub what: What,
    /// The service.
    pub service: String,
    /// Beside whom, where that matters.
    pub beside: Option<String>,
    /// By which measure.
    pub metric: Metric,
    /// Geometric means of the base's replicates and the other's: milliseconds, shares of answers, or ratios.
    pub values: [Option<f64>; 2],
    /// With its 95 % interval.
    pub estimate: Option<Estimate>,
    /// Adjusted after Holm over the lines of the same kind and measure.
    pub p_adjusted: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// One result beside its speed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// What its team calls it.
    pub label: String,
    /// The run.
    pub run: String,
    /// Violations of what must always hold; speed bought with one of them is none.
    pub violations: BTreeMap<String, i64>,
    /// Whether there are any.
    pub disqualified: bool,
    /// How soon changes are seen elsewhere.
    pub freshness: Option<Freshness>,
    /// Good answers of all offered, by service, all at work (alone, where there is no such cell).
    pub good: BTreeMap<String, f64>,
    /// Operations that were left out, for it doesn't have them.
    pub missing: Vec<String>,
}

/// The base beside one other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Beside {
    /// Index into the subjects.
    pub other: usize,
    /// What can be compared.
    pub lines: Vec<Line>,
    /// What to keep in mind: other machines, doubted blocks.
    pub notes: Vec<String>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The base first.
    pub subjects: Vec<Subject>,
    /// Each other one.
    pub besides: Vec<Beside>,
}

/// Compares results, in the order given.
///
/// # Errors
/// A sentence that names everything in which two of them can't be compared, or a broken histogram.
pub fn compare(results: &[ResultFile]) -> Result<Comparison, Failure> {
    let [base, others @ ..] = results else {
        return Err(Failure::usage("There is nothing to compare."));
    };
    let mut besides = Vec::new();
    for (index, other) in others.iter().enumerate() {
        let reasons = refusals(base, other);
        if !reasons.is_empty() {
            return Err(Failure::usage(format!(
                "{} and {} can't be compared: {}.",
                base.run.id,
                other.run.id,
                reasons.join("; ")
            )));
        }
        besides.push(Beside {
            other: index + 1,
            lines: lines(base, other)?,
            notes: notes(base, other),
        });
    }
    Ok(Comparison {
        subjects: results.iter().map(subject).collect::<Result<_, _>>()?,
        besides,
    })
}

fn broken(error: crate::stats::MalformedHistogram) -> Failure {
    Failure::usage(format!("{error}."))
}

fn subject(result: &ResultFile) -> Result<Subject, Failure> {
    let together = result
        .counted()
        .any(|cell| cell.cell == crate::experiment::Cell::All);
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for cell in result.counted() {
        use crate::experiment::Cell;
        let wanted = match cell.cell {
            Cell::All => together,
            Cell::Alone { .. } => !together,
            _ => false,
        };
        for of in cell.services.iter().filter(|_| wanted) {
            let sum = sums.entry(of.name.clone()).or_default();
            sum.0 += of.good().map_err(broken)?;
            sum.1 += of.offered;
        }
    }
    let share = |(good, all): (u64, u64)| good as f64 / all.max(1) as f64;
    let target = result.target.as_ref();
    Ok(Subject {
        label: target.map_or_else(|| "shared database".into(), |of| of.label.clone()),
        run: result.run.id.clone(),
        disqualified: result.correctness.values().any(|count| *count > 0),
        violations: result.correctness.clone(),
        freshness: result.freshness.clone(),
        good: sums
            .into_iter()
            .map(|(name, sum)| (name, share(sum)))
            .collect(),
        missing: target.map(|of| of.missing.clone()).unwrap_or_default(),
    })
}

fn notes(base: &ResultFile, other: &ResultFile) -> Vec<String> {
    let mut notes = Vec::new();
    let (one, two) = (&base.machine, &other.machine);
    if (one.cpus, &one.model, one.memory_bytes) != (two.cpus, &two.model, two.memory_bytes) {
        notes.push("they ran on different machines: compare harm, not milliseconds".into());
    }
    for of in [base, other] {
        let doubted = of.counted().filter(|cell| !cell.doubts.is_empty()).count();
        if doubted > 0 {
            let all = of.counted().count();
            notes.push(format!(
                "{doubted} of {all} blocks of {} are doubted",
                of.run.id
            ));
        }
        if let Some(target) = of
            .target
            .as_ref()
            .filter(|target| !target.missing.is_empty())
        {
            notes.push(format!(
                "{} was measured without {}",
                target.label,
                target.missing.join(", ")
            ));
        }
    }
    notes
}

fn lines(base: &ResultFile, other: &ResultFile) -> Result<Vec<Line>, Failure> {
    let arms = [base, other].map(|of| arms(&of.cells).map_err(broken));
    let [one, two] = arms;
    let (one, two) = (one?, two?);
    let mut lines = Vec::new();
    for ((service, arm), first) in &one {
        let key = |arm: &str| (service.clone(), arm.to_owned());
        let Some(second) = two.get(&key(arm)) else {
            continue;
        };
        let what = match arm.as_str() {
            ALONE => What::Alone,
            "all" => What::Together,
            _ => What::Harm,
        };
        if what != What::Harm {
            for metric in [Metric::P50, Metric::P95, Metric::P99] {
                lines.push(speed(what, service, metric, first, second));
            }
        }
        if let (true, Some(alone), Some(others)) =
            (is_company(arm), one.get(&key(ALONE)), two.get(&key(ALONE)))
        {
            for metric in [Metric::OneIn20, Metric::P50] {
                lines.push(harm(
                    (service, arm),
                    metric,
                    [alone, first],
                    [others, second],
                ));
            }
        }
    }
    let detectable = |metric: Metric| {
        let of = |result: &ResultFile| result.matrix.as_ref()?.detectable.get(&metric).copied();
        of(base).into_iter().chain(of(other)).fold(1.0, f64::max)
    };
    judge(&mut lines, &detectable);
    lines.sort_by(|a, b| (a.what, a.metric, &a.service).cmp(&(b.what, b.metric, &b.service)));
    Ok(lines)
}

fn geometric(values: &[f64]) -> Option<f64> {
    let logs: Vec<f64> = values
        .iter()
        .map(|value| value.ln())
        .filter(|log| log.is_finite())
        .collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// Whether both sides carry the metric at all; judged further once all lines are known.
fn line(
    (what, service, beside): (What, &str, Option<&str>),
    metric: Metric,
    values: [Vec<f64>; 2],
    tail_n: u64,
) -> Line {
    let estimate = welch_ratio(&values[0], &values[1]);
    let (replicates, tail) = metric.needs();
    let carried = tail_n >= tail && estimate.is_some_and(|of| of.replicates >= replicates);
    Line {
        what,
        service: service.into(),
        beside: beside.map(str::to_owned),
        metric,
        values: [geometric(&values[0]), geometric(&values[1])],
        estimate,
        p_adjusted: None,
        verdict: if carried {
            Verdict::Open
        } else {
            Verdict::NotResolved
        },
    }
}

fn speed(what: What, service: &str, metric: Metric, first: &Arm, second: &Arm) -> Line {
    let of = |arm: &Arm| -> Vec<f64> {
        let values = arm
            .values()
            .filter_map(|histogram| metric.value(histogram, 0));
        values.map(|us| us / 1000.0).collect()
    };
    let tail_n = tail_count(first, metric).min(tail_count(second, metric));
    line(
        (what, service, None),
        metric,
        [of(first), of(second)],
        tail_n,
    )
}

/// Each run's own ratios, formed inside its replicates, against its own threshold.
fn harm(
    (service, beside): (&str, &str),
    metric: Metric,
    base: [&Arm; 2],
    other: [&Arm; 2],
) -> Line {
    let of = |[alone, together]: [&Arm; 2]| -> Vec<f64> {
        let threshold = pooled(alone).quantile_us(1.0 - metric.tail()).unwrap_or(0);
        let value = |arm: &Arm, replicate| metric.value(arm.get(replicate)?, threshold);
        let ratios = alone
            .keys()
            .filter_map(|replicate| Some(value(together, replicate)? / value(alone, replicate)?));
        ratios.collect()
    };
    let arms = [base[0], base[1], other[0], other[1]];
    let tail_n = arms
        .map(|arm| tail_count(arm, metric))
        .into_iter()
        .min()
        .unwrap_or(0);
    let about = (What::Harm, service, Some(beside));
    line(about, metric, [of(base), of(other)], tail_n)
}

/// Adjusts each family of lines, then says what can be said.
fn judge(lines: &mut [Line], detectable: &dyn Fn(Metric) -> f64) {
    let mut families: BTreeMap<(What, Metric), Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        if line.verdict != Verdict::NotResolved {
            families
                .entry((line.what, line.metric))
                .or_default()
                .push(index);
        }
    }
    for ((_, metric), members) in families {
        let p: Vec<f64> = members
            .iter()
            .filter_map(|index| lines[*index].estimate.map(|of| of.p))
            .collect();
        for (index, p) in members.into_iter().zip(holm(&p)) {
            let line = &mut lines[index];
            line.p_adjusted = Some(p);
            if let Some(of) = line.estimate {
                let mde = detectable(metric);
                line.verdict = if of.low >= 1.0 / mde && of.high <= mde {
                    Verdict::NothingShown
                } else if p >= 0.05 {
                    Verdict::Open
                } else if of.ratio < 1.0 {
                    Verdict::Better
                } else {
                    Verdict::Worse
                };
            }
        }
    }
}

impl Comparison {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// One page without network; `results` are those that were compared, for their matrices.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_page(&self, results: &[ResultFile], file: &Path) -> Result<(), Failure> {
        std::fs::write(file, page::page(self, results)).map_err(|error| {
            Failure::could_not_run(format!("{} can't be written: {error}.", file.display()))
        })
    }
}

#[cfg(test)]
mod tests;
