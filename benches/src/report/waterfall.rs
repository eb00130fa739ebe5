//! One request taken apart, as bars on a line of time: the same line for every architecture.

use maud::{Markup, html};

use super::html::px;
use crate::experiments::composed::{Span, SpanKind, Waterfall};

/// As wide as a phone, so that letters keep their size there.
const WIDTH: f64 = 400.0;
/// Of one span: its words, and the bar below them.
const ROW: f64 = 32.0;
const BAR: f64 = 9.0;
/// Of one step of depth.
const INDENT: f64 = 7.0;

/// All of them.
pub fn waterfalls(of: &[Waterfall]) -> Markup {
    let spans = || of.iter().flat_map(|one| &one.spans);
    let longest = spans().map(|span| span.end_ms).fold(0.0, f64::max).max(0.1);
    html! {
        @for one in of { (picture(one, longest)) }
        @if !of.is_empty() {
            p.legend {
                "Full colour: a statement in the database; pale: a service at work; a frame: waiting for another service's answer. Self-contained \
                 services answer as the shared database does, by one statement in a database of their own."
            }
        }
    }
}

fn picture(of: &Waterfall, longest: f64) -> Markup {
    let x = |ms: f64| ms.max(0.0) / longest * WIDTH;
    let bottom = of.spans.len() as f64 * ROW + 4.0;
    let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0].into_iter().find(|step| longest / step <= 5.0);
    let step = step.unwrap_or(longest);
    let ticks = (0..).map(|tick| f64::from(tick) * step).take_while(|ms| *ms <= longest);
    html! {
        h3 { (of.architecture) ": the median of " (of.requests) " reads of one API, one at a time" }
        svg.waterfall viewBox={ "0 0 " (WIDTH) " " (px(bottom + 18.0)) } role="img" aria-label={ "one read of an API, " (of.architecture) } {
            @for ms in ticks {
                line.axis x1=(px(x(ms))) x2=(px(x(ms))) y1="0" y2=(px(bottom)) {}
                text x=(px(x(ms))) y=(px(bottom + 14.0)) text-anchor=(if ms == 0.0 { "start" } else if ms > 0.95 * longest { "end" } else { "middle" }) {
                    (format!("{:.1}", ms)) @if ms == 0.0 { " ms" }
                }
            }
            @for (place, span) in of.spans.iter().enumerate() { (row(span, place as f64 * ROW, x)) }
        }
    }
}

fn row(span: &Span, top: f64, x: impl Fn(f64) -> f64) -> Markup {
    let kind = match span.kind {
        SpanKind::Request => "request",
        SpanKind::Call => "call",
        SpanKind::Statement => "statement",
    };
    let (from, to) = (x(span.start_ms), x(span.end_ms));
    html! {
        text x=(px(span.depth as f64 * INDENT)) y=(px(top + 14.0)) { (span.title()) ", " (format!("{:.2} ms", span.ms())) }
        rect class={ (kind) " fill-" (span.service) } x=(px(from)) y=(px(top + 18.0)) width=(px((to - from).max(1.0))) height=(px(BAR)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_span_on_a_common_line() {
        let span =
            |kind, end_ms| Span { kind, service: "registry".into(), name: "x".into(), depth: 1, start_ms: 0.0, end_ms };
        let of = |end| Waterfall {
            architecture: "one".into(),
            requests: 3,
            spans: vec![span(SpanKind::Request, end), span(SpanKind::Call, end / 2.0), span(SpanKind::Statement, 0.0)],
        };
        let svg = waterfalls(&[of(2.0), of(4.0)]).into_string();
        assert_eq!(svg.matches("<rect").count(), 6);
        // The longest fills the width, the other one half of it; what takes no time is seen all the same.
        for width in ["width=\"400.0\"", "width=\"200.0\"", "width=\"100.0\"", "width=\"1.0\""] {
            assert!(svg.contains(width), "{width}: {svg}");
        }
        assert_eq!(waterfalls(&[]).into_string(), "");
    }
}
