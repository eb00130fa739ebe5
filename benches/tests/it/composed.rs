//! One read by three architectures' ways, small; and what it is made of.

use std::sync::Arc;

use lab::experiments::composed::{Span, SpanKind, Waterfall, composed};
use lab::experiments::paired::Plan;

use crate::support::shared;

fn count(of: &Waterfall, what: impl Fn(&Span) -> bool) -> usize {
    of.spans.iter().filter(|span| what(span)).count()
}

#[test]
fn three_ways_of_one_read_and_what_it_is_made_of() {
    // First the one, then the others: two that start at once may be given the same free ports.
    shared();
    let plan = Plan { rate_per_s: 20.0, seconds: 1, replicates: 2, seed: 1 };
    let outcome = composed(plan, false, &Arc::default()).unwrap().outcome;
    let sides = [&outcome.comparison].into_iter().chain(&outcome.api_centric).flat_map(|comparison| &comparison.sides);
    assert!(sides.clone().all(|side| side.good > 0.99), "{outcome:?}");
    let names: Vec<&str> = sides.map(|side| side.name.as_str()).collect();
    assert_eq!(names, ["one statement", "three calls", "three calls", "API-centric", "one statement", "API-centric"]);

    let [one, five] = &outcome.waterfalls[..] else { panic!("{:?}", outcome.waterfalls) };
    let kinds: Vec<SpanKind> = one.spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Request, SpanKind::Request, SpanKind::Statement], "{one:?}");
    let at = |service: &'static str, kind| move |span: &Span| span.service == service && span.kind == kind;
    for owner in ["billing", "profile"] {
        assert!(count(five, at(owner, SpanKind::Request)) >= 1, "{owner}: {five:?}");
        assert!(count(five, at(owner, SpanKind::Statement)) >= 1, "{owner}: {five:?}");
    }
    assert!(count(five, at("registry", SpanKind::Call)) >= 2, "{five:?}");
    // The product's own. Where the standing is known to be in the copy, it isn't looked up there again.
    assert!(count(five, at("registry", SpanKind::Statement)) >= 1, "{five:?}");
    for span in five.spans.iter().chain(&one.spans) {
        assert!(span.ms() >= 0.0 && span.start_ms > -1.0, "{span:?}");
    }
}
