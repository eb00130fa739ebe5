//! The graph as SVG: services on an ellipse, an arrow from each service to those that it depends on.

use std::f64::consts::TAU;

use maud::{Markup, html};

use super::super::report::{Kind, Report, Service};
use super::{Pair, by_relation, pairs};

const WIDTH: f64 = 760.0;
const NODE: (f64, f64) = (170.0, 66.0);

#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

/// The graph. An arrow's width grows with the logarithm of calls per second, or, where nothing was counted, of columns.
pub(super) fn svg(report: &Report) -> Markup {
    let count = report.services.len();
    #[expect(clippy::cast_precision_loss, reason = "a few services")]
    let n = count.max(1) as f64;
    let height = if count > 8 { WIDTH } else { 560.0 };
    let place = |at: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a few services")]
        let angle = TAU * (at as f64) / n - TAU / 4.0;
        Point {
            x: WIDTH / 2.0 + (WIDTH / 2.0 - NODE.0 * 0.6) * angle.cos(),
            y: height / 2.0 + (height / 2.0 - NODE.1) * angle.sin(),
        }
    };
    let of = |name: &str| report.services.iter().position(|service| service.name == name).map(place);
    let pairs = pairs(report);
    let weight = |pair: &Pair| {
        if report.window.is_some() {
            pair.calls_per_second
        } else {
            f64::from(u32::try_from(pair.columns.len()).unwrap_or(0))
        }
    };
    let most = pairs.values().map(weight).fold(f64::MIN_POSITIVE, f64::max);
    // Over three decades: a thousandth of the widest is still seen.
    let width = |pair: &Pair| 1.5 + 7.0 * (1.0 + 999.0 * weight(pair) / most).log10() / 3.0;
    let wide = if report.window.is_some() {
        "calls per second, logarithmic"
    } else {
        "columns, logarithmic, because nothing was counted"
    };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="Dependencies between services" {
            @for (at, ((from, to), pair)) in pairs.iter().enumerate() {
                @if let (Some(start), Some(end)) = (of(from), of(to)) {
                    (arrow(at, (from, to), pair, (start, end), width(pair)))
                }
            }
            @for (at, service) in report.services.iter().enumerate() { (node(service, place(at))) }
        }
        p {
            "Width of an arrow: " (wide) ". Red and dashed: writes tables of another service. Dotted: no column is read. In a box: columns that others \
             may read, and how many of them are read."
        }
    }
}

fn node(service: &Service, at: Point) -> Markup {
    let number = |value: f64| format!("{value:.1}");
    html! {
        g .node {
            title { (service.name) " roles: " (service.roles.join(", ")) }
            rect x=(number(at.x - NODE.0 / 2.0)) y=(number(at.y - NODE.1 / 2.0)) width=(NODE.0) height=(NODE.1) rx="9" {}
            text x=(number(at.x)) y=(number(at.y - 4.0)) { (service.name) }
            text .sub x=(number(at.x)) y=(number(at.y + 20.0)) { (service.used) " of " (service.exposed) " used" }
        }
    }
}

/// A bent line from box to box, so that the two directions don't cover each other.
fn arrow(at: usize, names: (&str, &str), pair: &Pair, ends: (Point, Point), width: f64) -> Markup {
    let (from, to) = ends;
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(1.0);
    let bend = Point { x: (from.x + to.x) / 2.0 - dy / length * 34.0, y: (from.y + to.y) / 2.0 + dx / length * 34.0 };
    let (start, tip) = (rim(from, bend, 2.0), rim(to, bend, 4.0));
    let (ux, uy) = unit(bend, tip);
    let head = 7.0 + width;
    let neck = Point { x: tip.x - ux * head, y: tip.y - uy * head };
    let path = format!("M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}", start.x, start.y, bend.x, bend.y, neck.x, neck.y);
    let half = head * 0.55;
    let tooltip = [pair.ways.clone(), by_relation(pair.columns.iter().map(|column| column.column.as_str()))].concat();
    let class = match pair {
        _ if pair.kinds.iter().any(|kind| matches!(kind, Kind::Write | Kind::CascadeWrite)) => " writes",
        _ if pair.columns.is_empty() => " static",
        _ => "",
    };
    let side = |half: f64| Point { x: neck.x - uy * half, y: neck.y + ux * half };
    let corners = [tip, side(half), side(-half)];
    let [tip, left, right] = corners.map(|corner| format!("{:.1} {:.1}", corner.x, corner.y));
    html! {
        g class=(format!("edge{class}")) tabindex="0" data-pair=(format!("pair{at}")) {
            title { (names.0) " → " (names.1) ", " (format!("{:.2}", pair.calls_per_second)) " calls/s\n" (tooltip.join("\n")) }
            path .hit d=(path) {}
            path .line stroke-width=(format!("{width:.1}")) d=(path) {}
            path .head d=(format!("M{tip}L{left}L{right}Z")) {}
        }
    }
}

fn unit(from: Point, to: Point) -> (f64, f64) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(f64::MIN_POSITIVE);
    (dx / length, dy / length)
}

/// Where the line from a node's centre leaves its box, and a little further.
fn rim(centre: Point, towards: Point, gap: f64) -> Point {
    let (ux, uy) = unit(centre, towards);
    let reach = (NODE.0 / 2.0 / ux.abs().max(1e-9)).min(NODE.1 / 2.0 / uy.abs().max(1e-9)) + gap;
    Point { x: centre.x + ux * reach, y: centre.y + uy * reach }
}
