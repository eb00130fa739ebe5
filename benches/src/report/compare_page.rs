//! The comparison as one HTML page without network.

use std::fmt::Write;

use super::compare_text::{freshness, heading, measure, ratio, soundness, value, words};
use crate::compare::{Beside, Comparison, Line, Verdict, What};
use crate::report::{LEGEND, STYLE, carries, escape, grid};
use crate::result::{Metric, ResultFile};

/// `results` are the comparison's own, in its order.
pub(super) fn page(of: &Comparison, results: &[ResultFile]) -> String {
    let labels: Vec<String> = of.subjects.iter().map(|one| escape(&one.label)).collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Side by side</title>\n<style>{STYLE}\
         main {{ max-width: 96rem; }} .heat :is(td, th) {{ min-width: 4.4rem; padding: .3rem .35rem; }} td.better {{ color: #2c8a4e; font-weight: 600; }} td.worse {{ color: rgb(var(--hot)); font-weight: 600; }}</style></head>\n\
         <body><main>\n<h1>{}</h1>\n<p>The same contract, rates, data and preset. Less is better everywhere; each ratio is the \
         other ÷ the first with its 95 % interval (Welch on the replicates' logarithms, adjusted after Holm).</p>\n",
        labels.join(" beside ")
    );
    out.push_str(&beside_speed(of));
    out.push_str(&heatmaps(of, results));
    for beside in &of.besides {
        out.push_str(&section(of, beside));
    }
    out.push_str("</main></body></html>\n");
    out
}

/// Correctness and freshness: what other architectures trade for speed.
fn beside_speed(of: &Comparison) -> String {
    let mut out = String::from(
        "<section><h2>Correctness and freshness</h2><div class=\"scroll\"><table><tr><th></th><th>run</th><th>correctness</th>\
         <th>a rename is seen after (median / p99)</th><th>a freeze after</th><th>good answers</th></tr>\n",
    );
    for one in &of.subjects {
        let [rename, freeze] = freshness(one);
        let worst = one.good.iter().min_by(|a, b| a.1.total_cmp(b.1));
        let good =
            worst.map_or_else(String::new, |(name, share)| format!("{:.2} % at the least ({name})", share * 100.0));
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td{}>{}</td><td>{rename}</td><td>{freeze}</td><td>{}</td></tr>",
            escape(&one.label),
            escape(&one.run),
            if one.disqualified { " class=\"worse\"" } else { "" },
            escape(&soundness(one)),
            escape(&good)
        );
    }
    out + "</table></div></section>\n"
}

/// Each result's own matrix, by every measure that one of them can carry.
fn heatmaps(of: &Comparison, results: &[ResultFile]) -> String {
    let mut out = String::from(
        "<section><h2>Who harms whom</h2><p>Each against its own threshold, when alone. Rows suffer, columns act.</p>\n",
    );
    for metric in Metric::ALL {
        let carried = |result: &ResultFile| {
            let matrix = result.matrix.as_ref();
            matrix.is_some_and(|matrix| carries(matrix, metric))
        };
        if !results.iter().any(carried) {
            continue;
        }
        let _ = write!(out, "<h3>{}</h3><div class=\"dots\">", measure(metric));
        for (subject, result) in of.subjects.iter().zip(results) {
            if let Some(matrix) = &result.matrix {
                let _ = writeln!(out, "<div><p>{}</p>{}</div>", escape(&subject.label), grid(result, matrix, metric));
            }
        }
        out.push_str("</div>\n");
    }
    out + LEGEND + "</section>\n"
}

fn section(of: &Comparison, beside: &Beside) -> String {
    let (base, other) = (&of.subjects[0].label, &of.subjects[beside.other].label);
    let mut out = format!("<section><h2>{} beside {}</h2>", escape(base), escape(other));
    if !beside.notes.is_empty() {
        let notes: Vec<String> = beside.notes.iter().map(|note| escape(note)).collect();
        let _ = write!(out, "<p class=\"legend\">Note: {}.</p>", notes.join("; "));
    }
    for what in [What::Alone, What::Together, What::Harm] {
        let lines: Vec<&Line> = beside.lines.iter().filter(|line| line.what == what).collect();
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "<h3>{}</h3><div class=\"scroll\"><table><tr><th>service</th><th>measure</th><th>{}</th><th>{}</th><th>ratio</th><th>verdict</th></tr>",
            heading(what),
            escape(base),
            escape(other)
        );
        lines.iter().for_each(|line| out.push_str(&row(line)));
        out.push_str("</table></div>\n");
    }
    out + "</section>\n"
}

fn row(line: &Line) -> String {
    let who = match &line.beside {
        Some(beside) => format!("{} beside {beside}", line.service),
        None => line.service.clone(),
    };
    let class = match line.verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        _ => "legend",
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{class}\">{}</td></tr>\n",
        escape(&who),
        measure(line.metric),
        value(line, 0),
        value(line, 1),
        ratio(line),
        words(line.verdict)
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::comparison_text;

    #[test]
    fn a_broken_result_is_named_and_the_page_needs_no_network() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
        let base = ResultFile::read(&file).unwrap();
        let mut broken = base.clone();
        broken.correctness.insert("plan limits exceeded".into(), 3);
        let both = [base, broken];
        let found = crate::compare::compare(&both).unwrap();
        let text = comparison_text(&found);
        assert!(text.contains("DISQUALIFIED: 3 plan limits exceeded"), "{text}");
        let page = page(&found, &both);
        // One in twenty and the median, each once a result.
        assert_eq!(page.matches("<table class=\"heat\">").count(), 4);
        assert!(page.ends_with("</html>\n") && !page.contains("http"), "no network");
    }
}
