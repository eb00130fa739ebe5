//! The isolation ladder as a waterfall: what each level adds to the slowed service's time.

use maud::{Markup, html};

use crate::experiments::ladder::{LadderResult, Ladders, StepResult};
use crate::report::html::{details, plain_table, px};
use crate::result::text::{capital, ratio};
use crate::stats::Estimate;

/// From the left edge to where bars begin, and how wide they may be.
const LEFT: f64 = 200.0;
const WIDTH: f64 = 400.0;

/// All ladders.
pub fn ladders(of: &Ladders) -> Markup {
    html! {
        p {
            "The same requests of the same interfering service, moved away from the one that it slows: to other organisations, to another \
             database, to a second cluster on this machine. What each level adds is what is shared from there on."
        }
        @for ladder in &of.ladders {
            h3 { (ladder.title) }
            p { b { (ladder.answer()) } }
            (waterfall(ladder))
            p.legend { "95th percentile, logarithmic, " (ladder.replicates) " replicates. " (ladder.checks()) }
            (details("In numbers", &plain_table(&ladder.table())))
        }
    }
}

/// The waterfall of the ladder of these two services; nothing where none was measured.
pub fn of_pair(of: &Ladders, slowed: &str, by: &str) -> Option<Markup> {
    let pair = format!("{} → {}", capital(by), capital(slowed));
    let ladder = of.ladders.iter().find(|one| one.title.starts_with(&pair))?;
    Some(html! {
        p { "At each isolation level (" (ladder.title) ", 95th percentile): " (ladder.answer()) }
        (waterfall(ladder))
    })
}

/// One bar for each level, from the one below to its own value; the whiskers are the step's interval.
fn waterfall(ladder: &LadderResult) -> Markup {
    let values: Vec<f64> = ladder.levels.iter().map(|level| level.p95_ms.max(1e-3)).collect();
    let (least, most) =
        values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &value| (least.min(value), most.max(value)));
    let (low, high) = ((least / 1.5).ln(), (most * 1.5).ln());
    let x = |ms: f64| LEFT + (ms.ln() - low).clamp(0.0, high - low) / (high - low) * WIDTH;
    let bar = |place: usize| {
        let (level, value, y) = (ladder.levels[place].level, values[place], 6.0 + 25.0 * place as f64);
        let below = place.checked_sub(1).map_or(low.exp(), |below| values[below]);
        let (from, to) = (x(below.min(value)), x(below.max(value)));
        let class = match place {
            0 => "fill-own",
            _ if value >= below => "fill-lock",
            _ => "fill-cpu",
        };
        let step = place.checked_sub(1).and_then(|place| ladder.steps.get(place));
        html! {
            text x=(px(LEFT - 6.0)) y=(px(y + 10.0)) text-anchor="end" { (level.short()) " " (level.title()) }
            rect x=(px(from)) y=(px(y)) width=(px((to - from).max(1.0))) height="14" class=(class) {}
            @if let Some(of) = step.and_then(|step| step.p95) {
                line.axis y1=(px(y + 7.0)) y2=(px(y + 7.0))
                    x1=(px(x((below * of.low).max(1e-3)))) x2=(px(x(below * of.high.min(1e6)))) {}
            }
            text x=(px(to.max(x(value)) + 6.0)) y=(px(y + 10.0)) { (px(value)) " ms" (label(step)) }
        }
    };
    html! {
        div.scroll {
            svg.wide viewBox="0 0 740 130" role="img" { @for place in 0..values.len() { (bar(place)) } }
        }
    }
}

/// Such as `: engine ×1.20`.
fn label(step: Option<&StepResult>) -> String {
    let named = step.and_then(|step| Some((&step.name, step.p95?)));
    named.map_or_else(String::new, |(name, of): (&String, Estimate)| {
        let significant = if of.excludes_one() { "" } else { ", not significant" };
        format!(": {name} {}{significant}", ratio(of.ratio))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::ladder::{Isolation, LevelResult};

    #[test]
    fn a_bar_for_each_level_and_nothing_infinite() {
        let level = |(level, p95_ms): (&Isolation, f64)| LevelResult {
            level: *level,
            p50_ms: 1.0,
            p95_ms,
            failed: 0.0,
            row_waits: 0.0,
        };
        let wide = Estimate { ratio: 2.0, low: 0.0, high: f64::INFINITY, p: 0.9, replicates: 2 };
        let step = |name: &str, from, to| StepResult { name: name.into(), from, to, p50: None, p95: Some(wide) };
        let ladder = LadderResult {
            title: "Billing → Registry <b>".into(),
            scenario: "S2".into(),
            arm: "x".into(),
            replicates: 2,
            levels: Isolation::ALL.iter().zip([1.0, 2.0, 2.0, 0.0, 9.0]).map(level).collect(),
            steps: (0..4).map(|k| step("machine", Isolation::ALL[k], Isolation::ALL[k + 1])).collect(),
            monotone: true,
            no_row_waits_across: true,
        };
        let all = Ladders { ladders: vec![ladder] };
        assert!(of_pair(&all, "registry", "billing").is_some());
        assert!(of_pair(&all, "billing", "registry").is_none());
        let drawn = ladders(&all).into_string();
        assert_eq!(drawn.matches("<rect").count(), 5);
        assert!(drawn.contains("Registry &lt;b&gt;") && !drawn.contains("NaN") && !drawn.contains("inf"));
    }
}
