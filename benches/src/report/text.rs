//! The matrix in a terminal.

use super::labels::metric as label;
use super::{Mark, control_workload, headline};
use crate::experiments::problems::Problems;
use crate::result::text::{capital, interval, others, ratio};
use crate::result::{Matrix, Metric, ResultFile, Table};

/// Findings and the matrices that have enough data.
#[must_use]
pub fn text(result: &ResultFile, problems: Option<&Problems>) -> String {
    let of = headline(result, problems);
    let findings: String = of.findings.iter().map(|finding| format!("{finding}\n")).collect();
    let marks: Vec<String> = of.marks.iter().map(Mark::to_string).collect();
    let mut parts = vec![findings, of.notes.join("\n") + "\n", marks.join("; ") + "\n"];
    if let Some(matrix) = &result.matrix {
        let present = Metric::ALL.into_iter().filter(|metric| matrix.has(*metric));
        parts.extend(present.map(|metric| table(result, matrix, metric).to_string()));
    }
    let claims = result.run.preset.claims_ratios();
    parts.extend(control_workload::sentence(result).filter(|_| claims).map(|sentence| sentence + "\n"));
    parts.join("\n")
}

fn table(result: &ResultFile, matrix: &Matrix, metric: Metric) -> Table {
    let names = result.service_names();
    let pairs = matrix.entries.iter().any(|entry| entry.while_running != "all");
    let columns: Vec<&str> = names.iter().filter(|_| pairs).map(String::as_str).chain(["all"]).collect();
    let head: Vec<String> = columns.iter().map(|name| others(name)).collect();
    let mut table =
        Table::new(&["slowdown of ↓ while → runs"], &head.iter().map(String::as_str).collect::<Vec<_>>(), &[])
            .titled(format!("{}, together ÷ alone; * significant", label(metric).1));
    for service in &names {
        let cell = |others: &&str| match matrix.entry(service, others, metric) {
            None => "·".to_owned(),
            Some(entry) => match entry.estimate.filter(|_| entry.enough_data) {
                None => "insufficient data".to_owned(),
                Some(of) => {
                    let mark = if matrix.verdict(entry).is_significant() { "* " } else { "" };
                    // Where there is room, with the interval.
                    format!("{mark}{}", if pairs { ratio(of.ratio) } else { interval(of) })
                }
            },
        };
        table.row([capital(service)].into_iter().chain(columns.iter().map(cell)));
    }
    table
}
