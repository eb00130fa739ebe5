//! The isolation ladder as a waterfall: what each step adds to the victim's time.

use std::fmt::Write;

use crate::experiments::ladder::{LadderResult, Ladders, StepResult};
use crate::report::{capital, escape, ratio};
use crate::stats::Estimate;

/// From the left edge to where bars begin, and how wide they may be.
const LEFT: f64 = 200.0;
const WIDTH: f64 = 400.0;

/// All ladders.
pub fn section(of: &Ladders) -> String {
    let mut out = String::from(
        "<section id=\"ladder\"><h2>What would another architecture buy?</h2><p>The same requests of the same aggressor, moved away from its \
         victim: to other organisations, to another database, to a second cluster on this machine. What each step adds is \
         what is shared from there on.</p>\n",
    );
    for ladder in &of.ladders {
        let _ = writeln!(
            out,
            "<h3>{}</h3><p><b>{}</b></p>{}<p class=\"legend\">95th percentile, logarithmic, {} replicates. {}; {}.</p>",
            escape(&ladder.title),
            escape(&ladder.answer()),
            waterfall(ladder),
            ladder.replicates,
            if ladder.monotone {
                "No step makes the victim faster beyond chance"
            } else {
                "A step makes the victim faster beyond chance: don't trust it"
            },
            if ladder.no_row_waits_across {
                "nobody waited for rows across databases"
            } else {
                "somebody waited for rows across databases"
            }
        );
    }
    out + "</section>\n"
}

/// The waterfall of the ladder whose victim and aggressor these services are; nothing where none was climbed.
pub fn of_pair(of: &Ladders, victim: &str, aggressor: &str) -> Option<String> {
    let pair = format!("{} → {}", capital(aggressor), capital(victim));
    let ladder = of.ladders.iter().find(|one| one.title.starts_with(&pair))?;
    Some(format!(
        "<p>How far it is from each other ({}, 95th percentile): {}</p>{}",
        escape(&ladder.title),
        escape(&ladder.answer()),
        waterfall(ladder)
    ))
}

/// One bar for each rung, from the one below to its own value; the whiskers are the step's interval.
fn waterfall(ladder: &LadderResult) -> String {
    let values: Vec<f64> = ladder.rungs.iter().map(|rung| rung.p95_ms.max(1e-3)).collect();
    let (least, most) =
        values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &value| (least.min(value), most.max(value)));
    let (low, high) = ((least / 1.5).ln(), (most * 1.5).ln());
    let x = |ms: f64| LEFT + (ms.ln() - low).clamp(0.0, high - low) / (high - low) * WIDTH;
    let mut out = String::from("<div class=\"scroll\"><svg class=\"wide\" viewBox=\"0 0 740 130\" role=\"img\">");
    for (place, (rung, &value)) in ladder.rungs.iter().zip(&values).enumerate() {
        let y = 6.0 + 25.0 * place as f64;
        let below = place.checked_sub(1).map_or(low.exp(), |below| values[below]);
        let (from, to) = (x(below.min(value)), x(below.max(value)));
        let class = if value >= below { "lock" } else { "cpu" };
        let class = if place == 0 { "own" } else { class };
        let step = place.checked_sub(1).and_then(|place| ladder.steps.get(place));
        let _ = write!(
            out,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{} {}</text>\
             <rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"14\" class=\"fill-{class}\"/>{}\
             <text x=\"{:.1}\" y=\"{:.1}\">{value:.1} ms{}</text>",
            LEFT - 6.0,
            y + 10.0,
            rung.rung.short(),
            escape(rung.rung.title()),
            (to - from).max(1.0),
            whisker(step, below, y + 7.0, &x),
            to.max(x(value)) + 6.0,
            y + 10.0,
            words(step)
        );
    }
    out + "</svg></div>"
}

fn estimate(step: Option<&StepResult>) -> Option<Estimate> {
    step.and_then(|step| step.p95)
}

fn whisker(step: Option<&StepResult>, below: f64, y: f64, x: &dyn Fn(f64) -> f64) -> String {
    estimate(step).map_or_else(String::new, |of| {
        format!(
            "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" class=\"axis\"/>",
            x((below * of.low).max(1e-3)),
            x(below * of.high.min(1e6))
        )
    })
}

/// Such as `: engine ×1.20`.
fn words(step: Option<&StepResult>) -> String {
    let name = step.map(|step| step.name.as_str());
    name.zip(estimate(step)).map_or_else(String::new, |(name, of)| {
        let sure = if of.excludes_one() { "" } else { ", may be chance" };
        format!(": {name} {}{sure}", ratio(of.ratio))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::ladder::{Rung, RungResult};

    #[test]
    fn a_bar_for_each_rung_and_nothing_infinite() {
        let rung =
            |(rung, p95_ms): (&Rung, f64)| RungResult { rung: *rung, p50_ms: 1.0, p95_ms, failed: 0.0, row_waits: 0.0 };
        let wide = Estimate { ratio: 2.0, low: 0.0, high: f64::INFINITY, p: 0.9, replicates: 2 };
        let step = |name: &str, from, to| StepResult { name: name.into(), from, to, p50: None, p95: Some(wide) };
        let ladder = LadderResult {
            title: "Billing → Registry <b>".into(),
            scenario: "S2".into(),
            arm: "x".into(),
            replicates: 2,
            rungs: Rung::ALL.iter().zip([1.0, 2.0, 2.0, 0.0, 9.0]).map(rung).collect(),
            steps: (0..4).map(|k| step("machine", Rung::ALL[k], Rung::ALL[k + 1])).collect(),
            monotone: true,
            no_row_waits_across: true,
        };
        let ladders = Ladders { version: 1, ladders: vec![ladder] };
        assert!(of_pair(&ladders, "registry", "billing").is_some());
        assert!(of_pair(&ladders, "billing", "registry").is_none());
        let drawn = section(&ladders);
        assert_eq!(drawn.matches("<rect").count(), 5);
        assert!(drawn.contains("Registry &lt;b&gt;") && !drawn.contains("NaN") && !drawn.contains("inf\""));
    }
}
