//! The matrix as a table whose cells are coloured on a logarithmic scale around 1.

use maud::{Markup, html};

use super::html::{key, tabs};
use super::labels::metric as label;
use crate::result::text::{capital, interval, ratio};
use crate::result::{Entry, Matrix, Metric, ResultFile, Verdict};

/// All metrics that have entries, one shown at a time.
pub fn heatmap(result: &ResultFile) -> Markup {
    let Some(matrix) = &result.matrix else {
        return Markup::default();
    };
    let has_entries = |metric: &Metric| matrix.entries.iter().any(|entry| entry.metric == *metric);
    let present: Vec<Metric> = Metric::ALL.into_iter().filter(has_entries).collect();
    let shown = present.iter().position(|metric| matrix.has(*metric)).unwrap_or(0);
    let tab = |metric: Metric| {
        // On paper all tabs are shown; those without enough data are not.
        let idle = if matrix.has(metric) { "tab" } else { "tab idle" };
        let tab = html! {
            div class=(idle) {
                p { "The slowdown of the row while the column runs: " (label(metric).1) ", together ÷ alone." }
                (grid(result, matrix, metric))
            }
        };
        (label(metric).0, tab)
    };
    let all: Vec<(&str, Markup)> = present.iter().map(|metric| tab(*metric)).collect();
    tabs("matrix", "Who slows whom", shown, &all, &legend())
}

/// What the cells' looks mean.
pub fn legend() -> Markup {
    html! {
        p.legend {
            "Each cell: the ratio together ÷ alone with its 95 % interval. "
            (key("worse", "significant")) "p < 0.05 after Holm "
            (key("inconclusive", "inconclusive")) "an effect or none "
            (key("within-noise", "within noise")) "no more than identical systems differ by "
            (key("insufficient-data", "insufficient data"))
        }
    }
}

/// The coloured table alone.
pub fn grid(result: &ResultFile, matrix: &Matrix, metric: Metric) -> Markup {
    let names = result.service_names();
    let mut columns = names.clone();
    columns.extend(matrix.entries.iter().any(|entry| entry.while_running == "all").then(|| "all".to_owned()));
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
        return html! { td class=(class) { (verdict.to_string()) } };
    };
    let tint = if of.ratio < 1.0 { "cool" } else { "hot" };
    let adjusted = entry.p_adjusted.map_or(String::new(), |p| format!(", adjusted p {p:.3}"));
    let (service, others) = (capital(&entry.service), capital(&entry.while_running));
    html! {
        td class=(class) style={ "--tint:var(--" (tint) ");--heat:" (format!("{:.2}", heat(of.ratio))) }
            title={ (service) " while " (others) " runs: " (interval(of)) ", " (of.replicates) " replicates" (adjusted) } {
            (ratio(of.ratio)) small { (ratio(of.low)) "–" (ratio(of.high)) }
        }
    }
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
