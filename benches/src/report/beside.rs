//! What was measured beside the matrix and stands in the same folder: the failure matrix, the rival, the normalisation tax,
//! the article's figures. What isn't there is named with the command that makes it.

use std::fmt::Write;
use std::path::Path;

use super::{capital, escape, through, traits};
use crate::bench::normalisation;
use crate::experiments::article::{Figures, SLIP};
use crate::experiments::composed;
use crate::experiments::failure::FailureMatrix;
use crate::experiments::paired::Comparison;
use crate::result::{ResultFile, attachments};

/// All of it; nothing for a system that isn't ours.
pub fn section(result: &ResultFile, folder: &Path) -> String {
    if result.target.as_ref().is_some_and(|target| target.foreign) {
        return String::new();
    }
    let found = |section: Option<String>, title: &str, command: &str| {
        section.unwrap_or_else(|| {
            format!("<section><h2>{title}</h2><p>Not measured beside this run: <code>{command}</code>.</p></section>\n")
        })
    };
    let mut out = traits::section(result, folder);
    out += &through::section(result, folder);
    out += &found(
        attachments::read(folder, attachments::FAILURE).map(|of| failure(&of)),
        "When a part fails",
        "lab failure --save FOLDER",
    );
    out += &found(
        attachments::read(folder, attachments::RIVAL).map(|of| composed(&of)),
        "One statement beside three calls",
        "lab rival composed --save FOLDER",
    );
    out += &found(
        attachments::read(folder, attachments::NORMALISATION).map(|of| tax(&of)),
        "The normalisation tax",
        "lab bench normalisation --save FOLDER",
    );
    out += &found(
        attachments::read(folder, attachments::ARTICLE).map(|of| article(&of)),
        "The article's figures",
        "lab article-figures --save FOLDER",
    );
    out
}

fn failure(of: &FailureMatrix) -> String {
    let mut out = String::from(
        "<section id=\"failure\"><h2>When a part fails</h2><p>Good answers of each service while something was broken, and seconds until \
         it was well again after the order to mend it.</p><div class=\"scroll\"><table><tr><th>broken</th>",
    );
    for name in of.rates_per_s.keys() {
        let _ = write!(out, "<th>{}</th>", escape(&capital(name)));
    }
    out.push_str("<th>four down at once</th><th>acknowledged writes lost</th></tr>\n");
    for row in &of.rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}, {:.0} s</th>", escape(&capital(&row.title)), row.seconds);
        for name in of.rates_per_s.keys() {
            let cell = row.services.get(name).map_or_else(String::new, |answers| {
                let back = answers
                    .recovered_ms
                    .map_or_else(|| "not yet well".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
                format!("{:.1} % <small>{back}</small>", answers.share() * 100.0)
            });
            let _ = write!(out, "<td class=\"n\">{cell}</td>");
        }
        let _ = writeln!(
            out,
            "<td class=\"n\">{:.0} % of the time</td><td class=\"n\">{}</td></tr>",
            row.four_down * 100.0,
            row.writes_lost
        );
    }
    out + "</table></div><p class=\"legend\">Fewer dependencies, one common fate: no service takes another along, and the database takes \
           all. A chain of calls fails more often, a part at a time.</p></section>\n"
}

fn comparison(of: &Comparison) -> String {
    let mut out = format!(
        "<p>{:.0} reads of one API per second to each in turn, {} times {} s.</p><div class=\"scroll\"><table>\
         <tr><th></th><th>median ms</th><th>p95 ms</th><th>p99 ms</th><th>good answers</th></tr>\n",
        of.plan.rate_per_s, of.plan.replicates, of.plan.seconds
    );
    for side in &of.sides {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{:.2}</td><td class=\"n\">{:.2}</td><td class=\"n\">{:.2}</td><td class=\"n\">{:.2} %</td></tr>",
            escape(&side.name),
            side.p50_ms,
            side.p95_ms,
            side.p99_ms,
            side.good * 100.0
        );
    }
    let ratios: Vec<String> = of
        .ratios
        .iter()
        .filter(|ratio| ratio.metric != "db")
        .map(|ratio| format!("{} {}", ratio.metric, ratio.text()))
        .collect();
    let _ = write!(
        out,
        "</table></div><p>{} ÷ {}: {}.</p>",
        escape(&of.sides[1].name),
        escape(&of.sides[0].name),
        ratios.join(", ")
    );
    out
}

fn composed(of: &composed::Outcome) -> String {
    let mut out =
        format!("<section id=\"rival\"><h2>One statement beside three calls</h2>{}<ul>", comparison(&of.comparison));
    for away in &of.away {
        let _ = write!(
            out,
            "<li>While {} is stopped for {} s: {:.2} % good answers of the one statement, {:.2} % of the three calls.</li>",
            escape(&capital(&away.stopped)),
            away.seconds,
            away.ours * 100.0,
            away.rivals * 100.0
        );
    }
    out + "</ul></section>\n"
}

fn tax(of: &normalisation::Outcome) -> String {
    format!(
        "<section id=\"tax\"><h2>The normalisation tax</h2>{}<p class=\"legend\">Nothing feeds the copies here: what keeping them \
         fresh costs comes on top, on the other side.</p></section>\n",
        comparison(&of.comparison)
    )
}

fn article(of: &Figures) -> String {
    let mut out = format!(
        "<section id=\"article\"><h2>The article's figures</h2><p>{} pages of each kind at stubs with the article's own quantiles, \
         delays 1:{:.0}, correlation {}.</p><div class=\"scroll\"><table>\
         <tr><th></th><th>the article</th><th>exactly</th><th>measured</th></tr>\n",
        of.options.pages, of.options.scale, of.options.correlation
    );
    for figure in &of.figures {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&figure.quantity),
            escape(&figure.article),
            figure.write(figure.exact),
            figure.measured_text()
        );
    }
    out + &format!("</table></div><p>{}</p></section>\n", escape(SLIP))
}
