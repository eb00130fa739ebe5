//! Where the extra time went, as far as the ledger accounts for it.

use std::fmt::Write;

use super::words::{what, what_class};
use super::{capital, escape};
use crate::result::{Closure, ClosureLine, ResultFile};

/// Lines named in words at the most, and the part of the extra time below which none is.
const NAMED: usize = 3;
const NAMED_LEAST: f64 = 0.1;

const HEAD: &str = "<div class=\"scroll\"><table><tr><th>whose</th><th>beside</th><th>extra ms per request</th><th>accounted for</th><th>by</th></tr>\n";

/// The check of every company: where there is something to explain, and, folded away, where there is nothing.
pub fn section(result: &ResultFile) -> String {
    let all = result.matrix.iter().flat_map(|matrix| &matrix.closures);
    let (slower, others): (Vec<&Closure>, Vec<&Closure>) = all.partition(|of| of.explained.is_some());
    if slower.is_empty() && others.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<section><h2>Where the extra time went</h2><p>How much longer a good answer took on average in company, and how much of it the ledger \
         accounts for. Below 70 % or above 130 % a line is grey: nothing is to be read from it.</p>",
    );
    if slower.is_empty() {
        out.push_str("<p>Nowhere did answers take longer on average than chance allows.</p>");
    } else {
        let rows: String = slower.into_iter().map(row).collect();
        let _ = write!(out, "{HEAD}{rows}</table></div>");
    }
    if !others.is_empty() {
        let rows: String = others.iter().copied().map(row).collect();
        let _ = write!(
            out,
            "<details><summary>{} more with nothing to explain</summary>{HEAD}{rows}</table></div></details>",
            others.len()
        );
    }
    out + "<p class=\"legend\"><span class=\"key fill-lock\">a row</span> <span class=\"key fill-cpu\">a processor</span> \
           <span class=\"key fill-io\">data files</span> <span class=\"key fill-wal\">the log</span> <span class=\"key fill-lwlock\">lightweight lock, hot row</span> \
           <span class=\"key fill-own\">its own work and queues</span> <span class=\"key fill-client\">the driver</span> Locks are booked on who held them; \
           processors, files and the log are split by use.</p></section>\n"
}

fn row(closure: &Closure) -> String {
    let class = match closure.holds {
        Some(true) => "",
        _ => " class=\"grey\"",
    };
    let share = closure.explained.map(|share| format!("{:.0} %", share * 100.0));
    format!(
        "<tr{class}><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        escape(&capital(&closure.victim)),
        escape(&capital(everybody(&closure.aggressor))),
        extra(closure),
        share.unwrap_or_else(|| "–".into()),
        bar(closure)
    )
}

fn everybody(aggressor: &str) -> &str {
    if aggressor == "all" { "everybody" } else { aggressor }
}

fn extra(closure: &Closure) -> String {
    closure.extra_ms.map_or_else(|| "–".to_owned(), |of| format!("{:+.2} ({:.2} to {:.2})", of.mean, of.low, of.high))
}

/// Parts of the extra time; what is negative has no width.
pub fn bar(closure: &Closure) -> String {
    let lines: Vec<&ClosureLine> = closure.lines.iter().filter(|line| line.extra_ms > 0.0).collect();
    let sum: f64 = lines.iter().map(|line| line.extra_ms).sum();
    let mut out = String::from("<div class=\"stack\">");
    for line in lines.iter().filter(|line| line.extra_ms > 0.01 * sum) {
        let _ = write!(
            out,
            "<span class=\"fill-{}\" style=\"width:{:.1}%\" title=\"{:.3} ms: {} by {}\"></span>",
            what_class(line.what),
            line.extra_ms / sum * 100.0,
            line.extra_ms,
            escape(what(line.what)),
            escape(&line.blamed)
        );
    }
    out + "</div>"
}

/// "62 % is waiting for a processor used by Billing, 31 % a row … by Account", largest first; none where the ledger doesn't hold.
pub fn parts(closure: &Closure) -> Option<String> {
    let extra = closure.extra_ms.filter(|_| closure.holds == Some(true))?;
    let named: Vec<String> = closure
        .lines
        .iter()
        .map(|line| (line, line.extra_ms / extra.mean))
        .filter(|(_, share)| *share >= NAMED_LEAST)
        .take(NAMED)
        .map(|(line, share)| {
            let own = line.blamed == closure.victim;
            let blamed = if own { "itself".into() } else { capital(&line.blamed) };
            format!("{:.0} % {} by {blamed}", share * 100.0, what(line.what))
        })
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}
