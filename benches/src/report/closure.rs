//! Where the extra time went, as far as the ledger accounts for it.

use maud::{Markup, html};

use super::html::{details, key, section};
use super::labels::{what, what_class};
use crate::result::text::{capital, others};
use crate::result::{Closure, ClosureLine, ResultFile};

/// Lines named in words at the most, and the part of the extra time below which none is.
const NAMED: usize = 3;
const NAMED_LEAST: f64 = 0.1;

/// The check of every combination: where there is something to explain, and, folded away, where there is nothing.
pub fn closure(result: &ResultFile) -> Markup {
    let all = result.matrix.iter().flat_map(|matrix| &matrix.closures);
    let (slower, rest): (Vec<&Closure>, Vec<&Closure>) = all.partition(|of| of.explained.is_some());
    if slower.is_empty() && rest.is_empty() {
        return Markup::default();
    }
    let body = html! {
        p {
            "How much longer a good answer took on average while others ran, and how much of it the ledger accounts for. Below \
             70 % or above 130 % a line is grey: don't read anything from it."
        }
        @if slower.is_empty() {
            p { "No service's answers took significantly longer on average." }
        } @else {
            (table(&slower))
        }
        @if !rest.is_empty() {
            (details(format!("{} more with nothing to explain", rest.len()), &table(&rest)))
        }
        p.legend {
            (key("fill-lock", "a row")) (key("fill-cpu", "a processor")) (key("fill-io", "data files"))
            (key("fill-wal", "the write-ahead log")) (key("fill-lwlock", "lightweight lock, hot row"))
            (key("fill-own", "its own work and queues")) (key("fill-client", "the load driver"))
            "Locks are attributed to the root blocker; processors, files and the log are split by usage."
        }
    };
    section("closure", "Where the extra time went", &body)
}

fn table(closures: &[&Closure]) -> Markup {
    html! {
        div.scroll {
            table {
                tr { th { "service" } th { "while running" } th { "extra ms per request" } th { "accounted for" } th { "cause" } }
                @for of in closures { "\n" (row(of)) }
            }
        }
    }
}

fn row(of: &Closure) -> Markup {
    let extra =
        of.extra_ms.map_or_else(|| "–".to_owned(), |of| format!("{:+.2} ({:.2} to {:.2})", of.mean, of.low, of.high));
    let share = of.explained.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0));
    html! {
        tr class=[(of.holds != Some(true)).then_some("grey")] {
            td { (capital(&of.service)) } td { (others(&of.while_running)) } td.n { (extra) } td.n { (share) } td { (bar(of)) }
        }
    }
}

/// Parts of the extra time; what is negative has no width.
pub fn bar(closure: &Closure) -> Markup {
    let lines: Vec<&ClosureLine> = closure.lines.iter().filter(|line| line.extra_ms > 0.0).collect();
    let sum: f64 = lines.iter().map(|line| line.extra_ms).sum();
    html! {
        div.stack {
            @for line in lines.iter().filter(|line| line.extra_ms > 0.01 * sum) {
                span class={ "fill-" (what_class(line.what)) } style=(format!("width:{:.1}%", line.extra_ms / sum * 100.0))
                    title=(format!("{:.3} ms: {} by {}", line.extra_ms, what(line.what), capital(&line.blamed))) {}
            }
        }
    }
}

/// "62 % is waiting for a processor used by Billing, 31 % waiting for a row locked by Account", largest first; none where the
/// ledger doesn't hold.
pub fn parts(closure: &Closure) -> Option<String> {
    let extra = closure.extra_ms.filter(|_| closure.holds == Some(true))?;
    let named: Vec<String> = closure
        .lines
        .iter()
        .map(|line| (line, line.extra_ms / extra.mean))
        .filter(|(_, share)| *share >= NAMED_LEAST)
        .take(NAMED)
        .map(|(line, share)| {
            let own = line.blamed == closure.service;
            let blamed = if own { "itself".into() } else { capital(&line.blamed) };
            format!("{:.0} % {} by {blamed}", share * 100.0, what(line.what))
        })
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}
