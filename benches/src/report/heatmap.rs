//! Victim × aggressor as a table whose cells are coloured on a logarithmic scale around 1.

use std::fmt::Write;

use super::{Verdict, capital, entry, escape, ratio, services, title, verdict};
use crate::result::{Entry, Matrix, Metric, ResultFile};

/// All metrics that have entries, one shown at a time; switched without script by radio buttons.
pub fn section(result: &ResultFile) -> String {
    let Some(matrix) = &result.matrix else {
        return String::new();
    };
    let present: Vec<Metric> =
        Metric::ALL.into_iter().filter(|metric| matrix.entries.iter().any(|entry| entry.metric == *metric)).collect();
    let mut out = String::from("<section class=\"tabs\"><h2>Who harms whom</h2>\n");
    // The first one that this much data can carry.
    let carried = |metric: &Metric| carries(matrix, *metric);
    let shown = present.iter().position(carried).unwrap_or(0);
    for (index, metric) in present.iter().enumerate() {
        let checked = if index == shown { " checked" } else { "" };
        let _ = write!(
            out,
            "<input type=\"radio\" name=\"metric\" id=\"m{index}\"{checked}><label for=\"m{index}\">{}</label>",
            title(*metric).0
        );
    }
    for metric in &present {
        out.push_str(&table(result, matrix, *metric));
    }
    out + LEGEND + "</section>\n"
}

/// What the cells' looks mean.
pub const LEGEND: &str = "<p class=\"legend\">Each cell: the ratio together ÷ alone with its 95 % interval. \
    <span class=\"key harmed\">beyond chance</span> <span class=\"key open\">open</span> may be harm, may be chance \
    <span class=\"key nothing\">nothing shown</span> no more than identical systems differ by \
    <span class=\"key unresolved\">not resolved</span> too little data</p>";

fn table(result: &ResultFile, matrix: &Matrix, metric: Metric) -> String {
    // On paper all tabs are shown; those that say nothing are not.
    let idle = if carries(matrix, metric) { "" } else { " idle" };
    format!(
        "<div class=\"tab{idle}\"><p>{}, together ÷ alone. Rows suffer, columns act.</p>{}</div>\n",
        escape(title(metric).1),
        grid(result, matrix, metric)
    )
}

/// Whether this much data can carry any of it.
pub fn carries(matrix: &Matrix, metric: Metric) -> bool {
    let of = |entry: &Entry| entry.metric == metric && entry.resolved;
    matrix.entries.iter().any(of)
}

/// The coloured table alone.
pub fn grid(result: &ResultFile, matrix: &Matrix, metric: Metric) -> String {
    let names = services(result);
    let all = matrix.entries.iter().any(|entry| entry.aggressor == "all");
    let columns: Vec<&str> = names.iter().copied().chain(all.then_some("all")).collect();
    let mut out = String::from("<div class=\"scroll\"><table class=\"heat\"><tr><th></th>");
    for column in &columns {
        let _ = write!(
            out,
            "<th scope=\"col\">{}</th>",
            escape(&capital(if *column == "all" { "everybody" } else { column }))
        );
    }
    out.push_str("</tr>\n");
    for victim in &names {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&capital(victim)));
        for aggressor in &columns {
            out.push_str(
                &entry(matrix, victim, aggressor, metric)
                    .map_or_else(|| "<td class=\"self\"></td>".to_owned(), |entry| cell(entry, matrix)),
            );
        }
        out.push_str("</tr>\n");
    }
    out + "</table></div>"
}

fn cell(entry: &Entry, matrix: &Matrix) -> String {
    let verdict = verdict(entry, matrix);
    let class = match verdict {
        Verdict::Harmed => "harmed",
        Verdict::Better => "better",
        Verdict::NothingShown => "nothing",
        Verdict::Open => "open",
        Verdict::NotResolved => "unresolved",
    };
    let Some(estimate) = entry.estimate.filter(|_| verdict != Verdict::NotResolved) else {
        return "<td class=\"unresolved\">not resolved</td>".into();
    };
    let adjusted = entry.p_adjusted.map_or(String::new(), |p| format!(", adjusted p {p:.3}"));
    format!(
        "<td class=\"{class}\" style=\"--tint:var(--{});--heat:{:.2}\" title=\"{} beside {}: {} ({}–{}), {} replicates{adjusted}\">{}<small>{}–{}</small></td>",
        if estimate.ratio < 1.0 { "cool" } else { "hot" },
        heat(estimate.ratio),
        escape(&entry.victim),
        escape(&entry.aggressor),
        ratio(estimate.ratio),
        ratio(estimate.low),
        ratio(estimate.high),
        estimate.replicates,
        ratio(estimate.ratio),
        ratio(estimate.low),
        ratio(estimate.high),
    )
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
