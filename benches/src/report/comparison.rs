//! A comparison in a terminal, and as one HTML page without network.

use maud::{Markup, html};

use super::heatmap::{grid, legend};
use super::html::{page as frame, section, table};
use super::labels::metric as label;
use crate::compare::{Comparison, Line, Subject, Versus, What};
use crate::result::text::{capital, interval_or_none};
use crate::result::{Metric, ResultFile, Table, Verdict};

const STYLE: &str = "main { max-width: 96rem; } .heat :is(td, th) { min-width: 4.4rem; padding: .3rem .35rem; }";

/// The comparison for a terminal.
pub fn text(of: &Comparison) -> String {
    let tables: Vec<String> = [subjects(of)]
        .into_iter()
        .chain(of.others.iter().flat_map(|versus| lines(of, versus)))
        .map(|table| table.to_string())
        .collect();
    tables.join("\n")
        + "\nLess is better. Each ratio is the other ÷ the base with its 95 % interval (Welch on the replicates' logarithms, adjusted after Holm).\n"
}

/// The page; `results` are the comparison's own, in its order.
pub fn page(of: &Comparison, results: &[ResultFile]) -> String {
    let labels: Vec<&str> = of.subjects.iter().map(|one| one.label.as_str()).collect();
    let body = html! {
        h1 { (labels.join(" compared with ")) }
        p {
            "The same contract, rates, data and preset. Less is better everywhere; each ratio is the other ÷ the first with its 95 % \
             interval (Welch on the replicates' logarithms, adjusted after Holm)."
        }
        (section("correctness", "Correctness and freshness", &table(&subjects(of))))
        (heatmaps(of, results))
        @for versus in &of.others {
            @let title = title(of, versus);
            (section("versus", &title, &html! { @for one in lines(of, versus) { (table(&one)) } }))
        }
    };
    frame("Comparison", STYLE, &body)
}

/// What other architectures trade for speed: correctness and freshness.
fn subjects(of: &Comparison) -> Table {
    let row = |one: &Subject| {
        let [rename, freeze] = freshness(one);
        let worst = one.good.iter().min_by(|a, b| a.1.total_cmp(b.1));
        let good = worst.map_or_else(String::new, |(name, share)| {
            format!("{:.2} % or more (least: {})", share * 100.0, capital(name))
        });
        [one.label.clone(), one.run.clone(), correctness(one), rename, freeze, good]
    };
    let head = ["system", "run", "correctness", "rename seen after", "freeze seen after", "good answers"];
    let times = "Seen after: median / p99 from the change in one service until another one shows it.";
    Table::new(&head, &[], &[]).rows(of.subjects.iter().map(row)).note(times)
}

/// Correctness of one subject in a few words.
fn correctness(of: &Subject) -> String {
    let broken: Vec<String> =
        of.violations.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    match (of.violations.is_empty(), broken.is_empty()) {
        (true, _) => "not audited".into(),
        (_, true) => "no violation".into(),
        _ => format!("DISQUALIFIED: {}", broken.join(", ")),
    }
}

/// Time until a change is seen elsewhere: median and 99th percentile.
fn freshness(of: &Subject) -> [String; 2] {
    let of = of.freshness.as_ref();
    [of.and_then(|of| of.rename), of.and_then(|of| of.freeze)].map(|delay| {
        delay.map_or_else(|| "not measured".into(), |delay| format!("{:.1} / {:.1} ms", delay.p50_ms, delay.p99_ms))
    })
}

/// Each result's own matrix, by every metric that one of them has enough data for.
fn heatmaps(of: &Comparison, results: &[ResultFile]) -> Markup {
    let has = |metric: &Metric| results.iter().any(|result| result.matrix.as_ref().is_some_and(|of| of.has(*metric)));
    let body = html! {
        p { "The slowdown of the row while the column runs, each system compared with itself when the service is alone." }
        @for metric in Metric::ALL.into_iter().filter(has) {
            h3 { (label(metric).0) }
            div.dots {
                @for (subject, result) in of.subjects.iter().zip(results) {
                    @if let Some(matrix) = &result.matrix {
                        div { p { (subject.label) } (grid(result, matrix, metric)) }
                    }
                }
            }
        }
        (legend())
    };
    section("matrix", "Who slows whom", &body)
}

fn title(of: &Comparison, versus: &Versus) -> String {
    format!("{} compared with {}", of.subjects[0].label, of.subjects[versus.other].label)
}

/// A table for each kind of line.
fn lines(of: &Comparison, versus: &Versus) -> Vec<Table> {
    let kinds = [
        (What::Alone, "Response time alone, milliseconds"),
        (What::Together, "Response time with all services under load, milliseconds"),
        (What::Interference, "Interference: together ÷ alone"),
    ];
    let (base, other) = (&of.subjects[0].label, &of.subjects[versus.other].label);
    let mut tables: Vec<Table> = kinds
        .into_iter()
        .filter(|(what, _)| versus.lines.iter().any(|line| line.what == *what))
        .map(|(what, heading)| {
            Table::new(&["service", "metric"], &[base, other, "ratio"], &["verdict"])
                .titled(heading)
                .rows(versus.lines.iter().filter(|line| line.what == what).map(row))
        })
        .collect();
    if let Some(last) = tables.last_mut() {
        last.notes.extend(versus.notes.iter().map(|note| format!("Note: {note}.")));
    }
    tables
}

fn row(line: &Line) -> [String; 6] {
    let service = match line.while_running.as_deref() {
        Some("all") => format!("{} while all others run", capital(&line.service)),
        Some(other) => format!("{} while {} runs", capital(&line.service), capital(other)),
        None => capital(&line.service),
    };
    let enough = line.verdict != Verdict::InsufficientData;
    // What was measured is printed also where it is too little for a ratio.
    let value = |place: usize| line.values[place].map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    let ratio = interval_or_none(line.estimate.filter(|_| enough));
    [service, label(line.metric).0.to_owned(), value(0), value(1), ratio, line.verdict.to_string()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_broken_result_is_named_and_the_page_needs_no_network() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
        let base = ResultFile::read(&file).unwrap();
        let mut broken = base.clone();
        broken.correctness.insert("plan limits exceeded".into(), 3);
        let both = [base, broken];
        let found = crate::compare::compare(&both).unwrap();
        let text = text(&found);
        assert!(text.contains("DISQUALIFIED: 3 plan limits exceeded"), "{text}");
        let page = page(&found, &both);
        // Above own p95 and the median, each once a result.
        assert_eq!(page.matches("<table class=\"heat\">").count(), 4);
        assert!(page.ends_with("</html>\n") && !page.contains("http"), "no network");
    }

    #[test]
    fn short_runs_print_their_milliseconds() {
        let mut short = crate::report::testing::reference();
        short.cells.retain(|cell| cell.replicate < 2);
        let found = crate::compare::compare(&[short.clone(), short]).unwrap();
        let text = text(&found);
        let line = text.lines().find(|line| line.contains("Registry") && line.contains("median")).unwrap();
        let numbers = line.split_whitespace().filter(|word| word.parse::<f64>().is_ok_and(|ms| ms > 0.1)).count();
        assert!(numbers == 2 && line.contains("insufficient data"), "{line}");
    }
}
