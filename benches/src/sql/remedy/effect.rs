//! What a remedy changes: the same cells with it and without it, in the same replicates.

use serde::{Deserialize, Serialize};

use crate::result::text::{capital, others, p_value, ratio};
use crate::result::{
    ALONE, Arm, CellResult, Metric, ResultFile, Suspect, Table, Verdict, arms, estimate, others_run, tail_count,
};
use crate::stats::{Estimate, MalformedHistogram, holm};

/// Lines of a table at the most, beside the significant ones.
const LINES: usize = 24;

/// A remedy and its effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tried {
    /// Name of its file.
    pub remedy: String,
    /// Of every service in every combination.
    pub effects: Vec<Effect>,
}

/// One service's times with the remedy ÷ those without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Effect {
    /// Whose.
    pub service: String,
    /// What else ran: `alone`, a service, or `all`.
    pub while_running: String,
    /// Which figure of its times.
    pub metric: Metric,
    /// Without it, milliseconds: geometric mean of the replicates.
    pub without_ms: f64,
    /// With it, likewise.
    pub with_ms: f64,
    /// With ÷ without.
    pub estimate: Option<Estimate>,
    /// Adjusted after Holm over the lines of the same figure.
    pub p_adjusted: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// Both results must hold the same cells.
///
/// # Errors
/// [`MalformedHistogram`].
pub fn effects(without: &ResultFile, with: &ResultFile) -> Result<Vec<Effect>, MalformedHistogram> {
    let [before, after] = [arms(&kept(without))?, arms(&kept(with))?];
    let mut found = Vec::new();
    for metric in [Metric::P50, Metric::P95, Metric::P99] {
        let from = found.len();
        for (key @ (service, while_running), one) in &before {
            let Some(other) = after.get(key).filter(|_| while_running == ALONE || others_run(while_running)) else {
                continue;
            };
            found.extend(effect((service, while_running), metric, one, other));
        }
        judge(&mut found[from..], metric, [without, with]);
    }
    Ok(found)
}

/// The cells that count, without those that something else can have changed too much.
fn kept(result: &ResultFile) -> Vec<CellResult> {
    let suspect = |cell: &CellResult| {
        let of = Suspect { cell: cell.cell.clone(), replicate: cell.replicate };
        result.matrix.as_ref().is_some_and(|matrix| matrix.suspect.contains(&of))
    };
    result.counted().filter(|cell| !suspect(cell)).cloned().collect()
}

fn effect((service, while_running): (&str, &str), metric: Metric, without: &Arm, with: &Arm) -> Option<Effect> {
    let pairs = without.iter().filter_map(|(replicate, one)| {
        let of = |histogram| metric.value(histogram, 0).map(|us| us / 1000.0);
        Some((of(one)?, of(with.get(replicate)?)?))
    });
    let (logs, count) = pairs.fold(((0.0, 0.0), 0.0), |(sum, count), (one, other)| {
        ((sum.0 + f64::ln(one), sum.1 + f64::ln(other)), count + 1.0)
    });
    let estimate = estimate(without, with, metric);
    let (replicates, tail) = metric.needs();
    let enough = tail_count(without, metric).min(tail_count(with, metric)) >= tail
        && estimate.is_some_and(|of| of.replicates >= replicates);
    (count > 0.0).then(|| Effect {
        service: service.to_owned(),
        while_running: while_running.to_owned(),
        metric,
        without_ms: (logs.0 / count).exp(),
        with_ms: (logs.1 / count).exp(),
        estimate,
        p_adjusted: None,
        verdict: if enough { Verdict::Inconclusive } else { Verdict::InsufficientData },
    })
}

fn judge(all: &mut [Effect], metric: Metric, results: [&ResultFile; 2]) {
    let nulls: Vec<Estimate> =
        results.iter().filter_map(|of| of.matrix.as_ref()).flat_map(|matrix| matrix.nulls_of(metric)).collect();
    let mut enough: Vec<&mut Effect> = all.iter_mut().filter(|of| of.verdict == Verdict::Inconclusive).collect();
    let p: Vec<f64> = enough.iter().filter_map(|of| of.estimate.map(|estimate| estimate.p)).collect();
    for (of, p) in enough.iter_mut().zip(holm(&p)) {
        of.p_adjusted = Some(p);
        of.verdict = Verdict::in_run(of.estimate, p, &nulls);
    }
}

impl Effect {
    /// `p95 of Pay while Rep runs: 5.9 → 2.1 ms (−64 %, 57–70 %)`.
    fn sentence(&self) -> Option<String> {
        let of = self.estimate?;
        let (name, service) = (figure(self.metric), capital(&self.service));
        let while_running = match self.while_running.as_str() {
            ALONE => "alone".to_owned(),
            "all" => "while all others run".to_owned(),
            other => format!("while {} runs", capital(other)),
        };
        let change = if of.ratio <= 1.0 {
            let [part, most, least] = [of.ratio, of.low, of.high].map(|ratio| (1.0 - ratio) * 100.0);
            format!("−{part:.0} %, {least:.0}–{most:.0} %")
        } else {
            format!("{}, {}–{}", ratio(of.ratio), ratio(of.low), ratio(of.high))
        };
        Some(format!(
            "{name} of {service} {while_running}: **{:.1} → {:.1} ms** ({change})",
            self.without_ms, self.with_ms
        ))
    }
}

fn figure(metric: Metric) -> &'static str {
    match metric {
        Metric::P50 => "median",
        Metric::P95 => "p95",
        _ => "p99",
    }
}

impl Tried {
    /// What it does best, and what it does worst: a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let by = |wanted: Verdict, sign: f64| {
            let of = self.effects.iter().filter(|of| of.verdict == wanted);
            // A tail says more than a median, where there is enough data for it.
            of.max_by_key(|of| {
                let log = of.estimate.map_or(0.0, |estimate| estimate.ratio.ln() * sign);
                (of.metric, (log * 1e6) as i64)
            })
            .and_then(Effect::sentence)
        };
        let name = &self.remedy;
        match (by(Verdict::Better, -1.0), by(Verdict::Worse, 1.0)) {
            (Some(better), Some(worse)) => format!("with {name}, {better}. It costs: {worse}."),
            (Some(better), None) => format!("with {name}, {better}. It makes no service significantly slower."),
            (None, Some(worse)) => format!("with {name} nothing is significantly faster, and {worse}."),
            (None, None) if self.effects.iter().any(|of| of.verdict != Verdict::InsufficientData) => {
                format!("with {name} nothing is significantly faster or slower.")
            }
            (None, None) => format!("with {name}, too little was measured to say what changes."),
        }
    }

    /// All effects for which there is enough data.
    #[must_use]
    pub fn table(&self) -> Table {
        let enough = |of: &&Effect| of.verdict != Verdict::InsufficientData;
        let mut shown: Vec<&Effect> = self.effects.iter().filter(enough).collect();
        let left_out = self.effects.len() - shown.len();
        shown.sort_by_key(|of| !of.verdict.is_significant());
        let significant = shown.iter().filter(|of| of.verdict.is_significant()).count();
        shown.truncate(LINES.max(significant));
        let rows = shown.into_iter().map(|of| {
            let interval = of.estimate.map_or_else(String::new, crate::result::text::interval);
            [
                figure(of.metric).to_owned(),
                capital(&of.service),
                others(&of.while_running),
                format!("{:.2}", of.without_ms),
                format!("{:.2}", of.with_ms),
                interval,
                p_value(of.p_adjusted),
                of.verdict.to_string(),
            ]
        });
        let words = ["figure", "service", "while running"];
        let mut table = Table::new(&words, &["without ms", "with ms"], &["with ÷ without", "p", ""])
            .titled(format!("What {} changes: the same cells without and with it, in the same replicates", self.remedy))
            .rows(rows);
        if left_out > 0 {
            table
                .notes
                .push(format!("For {left_out} figures there is too little data: a median needs 4 replicates, p95 needs 8, p99 needs 20."));
        }
        table.note("It was undone after each block, and what is defined was compared with before: equal.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    /// Replicates in which all transactions take so long.
    fn arm(times_us: [u64; 4]) -> Arm {
        let histogram = |us| {
            let mut histogram = Histogram::new();
            (0..1000).for_each(|_| histogram.record_us(us));
            histogram
        };
        times_us.into_iter().map(histogram).enumerate().collect()
    }

    fn tried(effects: impl IntoIterator<Item = Effect>) -> Tried {
        Tried { remedy: "index.sql".into(), effects: effects.into_iter().collect() }
    }

    #[test]
    fn an_effect_is_with_divided_by_without_in_the_same_replicate() {
        // The machine becomes slower; with it all takes about two fifths all the same.
        let (without, with) = (arm([1000, 2000, 3000, 4000]), arm([400, 805, 1200, 1590]));
        let of = |metric| effect(("pay", "rep"), metric, &without, &with).unwrap();
        let mut effects = [of(Metric::P50), of(Metric::P95)];
        assert_eq!(effects[1].verdict, Verdict::InsufficientData, "four replicates don't carry it");
        let blank = ResultFile::read(
            &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json"),
        );
        let blank = ResultFile { matrix: None, ..blank.unwrap() };
        judge(&mut effects, Metric::P50, [&blank, &blank]);
        assert_eq!(effects[0].verdict, Verdict::Better, "{:?}", effects[0]);
        let ratio = effects[0].estimate.unwrap().ratio;
        assert!((effects[0].with_ms / effects[0].without_ms / ratio - 1.0).abs() < 1e-9 && (ratio - 0.4).abs() < 0.01);
        let said = tried(effects).sentence();
        let wanted =
            "with index.sql, median of Pay while Rep runs: **2.2 → 0.9 ms** (−60 %, 60–60 %). It makes no service";
        assert!(said.starts_with(wanted), "{said}");
    }

    #[test]
    fn what_it_costs_is_said_too() {
        let (short, long) = (arm([1000, 2000, 3000, 4000]), arm([2000, 4010, 6000, 8020]));
        let of = |service, one, other, verdict| Effect {
            verdict,
            ..effect((service, ALONE), Metric::P50, one, other).unwrap()
        };
        let both = [of("pay", &long, &short, Verdict::Better), of("rep", &short, &long, Verdict::Worse)];
        let said = tried(both.clone()).sentence();
        assert!(said.contains("It costs: median of Rep alone: **2.2 → 4.4 ms** (×2.00, ×2.00–×2.01)."), "{said}");
        assert!(
            tried(both.clone().into_iter().skip(1))
                .sentence()
                .contains("nothing is significantly faster, and median of Rep")
        );
        let none = both.map(|of| Effect { verdict: Verdict::WithinNoise, ..of });
        assert!(tried(none.clone()).sentence().ends_with("nothing is significantly faster or slower."));
        let few = none.map(|of| Effect { verdict: Verdict::InsufficientData, ..of });
        assert!(tried(few).sentence().ends_with("too little was measured to say what changes."));
    }
}
