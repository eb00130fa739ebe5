//! The matrix as a table whose cells are coloured on a logarithmic scale around 1.

use maud::{Markup, html};

use super::html::{key, tabs, unbroken};
use super::labels::metric as label;
use super::resolve::missing;
use crate::result::text::{capital, interval, p_value, percent};
use crate::result::{Entry, Matrix, Metric, ResultFile, TargetInfo, Verdict};
use crate::stats::Estimate;

/// All metrics that have enough data, one shown at a time; which run has enough for the others.
pub fn heatmap(result: &ResultFile) -> Markup {
    let Some(matrix) = &result.matrix else {
        return Markup::default();
    };
    let has_entries = |metric: &Metric| matrix.entries.iter().any(|entry| entry.metric == *metric);
    let (shown, missing): (Vec<Metric>, Vec<Metric>) =
        Metric::ALL.into_iter().filter(has_entries).partition(|metric| is_printed(matrix, *metric));
    let tab = |metric: Metric| {
        let tab = html! {
            div.tab {
                p { "The slowdown of the row while the column runs: " (label(metric).1) ", together ÷ alone." @if metric.is_share() { " Below it the share itself: alone it is " (from(metric)) " by definition." } }
                (grid(result, matrix, metric))
            }
        };
        (label(metric).0, tab)
    };
    let all: Vec<(&str, Markup)> = shown.iter().map(|metric| tab(*metric)).collect();
    let below = html! {
        @if !shown.is_empty() { (legend()) }
        @if !missing.is_empty() {
            ul.legend {
                @for metric in missing { li { (label(metric).0) ": " (too_little(result, matrix, metric)) "." } }
            }
        }
    };
    tabs("matrix", "Who slows whom", 0, &all, &below)
}

/// Whether at least half of a metric's cells hold a figure, or one of them is a finding: a matrix that is mostly empty isn't printed otherwise.
fn is_printed(matrix: &Matrix, metric: Metric) -> bool {
    let of: Vec<&Entry> = matrix.entries.iter().filter(|entry| entry.metric == metric).collect();
    of.iter().filter(|entry| entry.enough_data).count() * 2 >= of.len().max(1)
        || of.iter().any(|entry| matrix.verdict(entry) == Verdict::Worse)
}

/// What there is of it in numbers, and which run has enough.
fn too_little(result: &ResultFile, matrix: &Matrix, metric: Metric) -> String {
    let of: Vec<&Entry> = matrix.entries.iter().filter(|entry| entry.metric == metric).collect();
    let replicates = of.iter().filter_map(|entry| entry.estimate).map(|of| of.replicates).max().unwrap_or(0);
    let least = of.iter().map(|entry| entry.tail_n).min().unwrap_or(0);
    let (wanted, tail) = metric.needs();
    let sql = result.target.as_ref().is_some_and(TargetInfo::is_sql);
    // How much a preset has of somebody's own scripts is a matter of their rates.
    let more = match sql {
        true => "A longer preset has more, and so has a higher rate".to_owned(),
        false => format!("Enough has {}", missing(metric)),
    };
    format!(
        "insufficient data in {} of {} combinations: needs {wanted} replicates and {tail} slow requests, has {replicates} and at the \
         least {least}. {more}",
        of.iter().filter(|entry| !entry.enough_data).count(),
        of.len(),
    )
}

/// What the cells' looks mean.
pub fn legend() -> Markup {
    html! {
        ul.legend.keys {
            li { (key("worse", "red")) "slower: significant, p < 0.05 after Holm; the stronger the colour, the larger the effect" }
            li { (key("better", "blue")) "faster, likewise" }
            li { (key("inconclusive", "pale")) "inconclusive: the interval allows for an effect and for none" }
            li { (key("within-noise", "grey")) "not claimed, also where p is small: the whole interval lies within what a service compared with itself leaves open (Noise, above)" }
            li { (key("insufficient-data", "hatched")) "not enough data for a claim, whatever the number is" }
        }
    }
}

/// The coloured table alone; what all others together do comes first, for that is where most is found.
pub fn grid(result: &ResultFile, matrix: &Matrix, metric: Metric) -> Markup {
    let names = result.service_names();
    let all = matrix.entries.iter().any(|entry| entry.while_running == "all").then(|| "all".to_owned());
    let pairs = matrix.entries.iter().any(|entry| entry.while_running != "all");
    let columns: Vec<String> = all.into_iter().chain(names.iter().filter(|_| pairs).cloned()).collect();
    html! {
        div.scroll {
            table.heat {
                tr {
                    th {}
                    @for column in &columns { th scope="col" { (capital(if column == "all" { "all others" } else { column })) } }
                }
                @for service in &names {
                    tr {
                        th scope="row" { (capital(service)) }
                        @for others in &columns {
                            @match matrix.entry(service, others, metric) {
                                Some(entry) => (cell(entry, matrix)),
                                None => td.self {},
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(entry: &Entry, matrix: &Matrix) -> Markup {
    let verdict = matrix.verdict(entry);
    let class = verdict.to_string().replace(' ', "-");
    let Some(of) = entry.estimate.filter(|_| verdict != Verdict::InsufficientData) else {
        let (replicates, tail) = entry.metric.needs();
        let have = entry.estimate.map_or(0, |of| of.replicates) as u64;
        let needs = [(replicates as u64, have, "replicates"), (tail, entry.tail_n, "slow requests")];
        return html! {
            td class=(class) {
                (verdict.to_string())
                @if let Some(of) = entry.estimate { small { (interval(of)) } }
                @for (need, has, what) in needs.iter().filter(|(need, has, _)| has < need) { small { "needs " (need) " " (what) ", has " (has) } }
            }
        };
    };
    let tint = if of.ratio < 1.0 { "cool" } else { "hot" };
    let (service, others) = (capital(&entry.service), capital(&entry.while_running));
    html! {
        td class=(class) style={ "--tint:var(--" (tint) ");--heat:" (format!("{:.2}", heat(of.ratio))) }
            title={ (service) " while " (others) " runs: " (verdict.to_string()) ", " (of.replicates) " replicates" } {
            @let (value, ends) = of_interval(of);
            (value) small { (ends) }
            @if entry.metric.is_share() { small { (from(entry.metric)) " → " (share(entry.metric, of)) } }
            small { (p_value(entry.p_adjusted)) }
        }
    }
}

/// A ratio, and its interval in parentheses.
fn of_interval(of: Estimate) -> (String, String) {
    let text = interval(of);
    text.split_once(' ')
        .map_or_else(|| (text.clone(), String::new()), |(value, ends)| (value.to_owned(), unbroken(ends)))
}

/// A share of slow requests alone.
fn from(metric: Metric) -> String {
    format!("{:.0} %", metric.tail() * 100.0)
}

/// The same together.
fn share(metric: Metric, of: Estimate) -> String {
    percent(of, metric.tail() * 100.0).split(" (").next().unwrap_or_default().to_owned()
}

/// 0 at no effect, 1 at eightfold and at an eighth and beyond, on a logarithmic scale; which of them, the tint says.
fn heat(ratio: f64) -> f64 {
    (ratio.log2().abs() / 3.0).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::heat;

    #[test]
    fn the_scale_is_logarithmic() {
        assert_eq!((heat(1.0), heat(8.0), heat(100.0), heat(0.0)), (0.0, 1.0, 1.0, 1.0));
        assert!((heat(2.0) - 1.0 / 3.0).abs() < 1e-12);
        assert!((heat(0.5) - heat(2.0)).abs() < 1e-12);
    }
}
