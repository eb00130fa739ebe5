//! Which service waited for which as ribbons, as wide as the seconds are many: waiting on the left, blamed on the right.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::html::{key, px};
use crate::result::text::capital;

/// Seconds that one waited for another.
pub struct Flow<'a> {
    pub waiting: &'a str,
    pub blamed: &'a str,
    /// Class that colours it.
    pub class: &'static str,
    /// What was waited for, in words.
    pub what: &'static str,
    pub seconds: f64,
}

/// Half of a picture of this width fits a phone and keeps its letters readable.
const WIDTH: f64 = 440.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - LEFT;
/// Height that all seconds share at the most, and the gap between two parties.
const HEIGHT: f64 = 180.0;
/// So much height has each second, where that is less: little waiting must not look like much.
const SECOND: f64 = 60.0;
const GAP: f64 = 16.0;
/// Part of all seconds below which a ribbon isn't drawn.
const LEAST: f64 = 0.004;

/// The picture with its legend; a sentence where there is nothing to draw.
pub fn sankey(flows: &[Flow<'_>], nothing: &str) -> Markup {
    let total: f64 = flows.iter().map(|flow| flow.seconds).sum();
    if total <= 0.0 {
        return html! { p { (nothing) } };
    }
    let mut drawn: Vec<&Flow> = flows.iter().filter(|flow| flow.seconds >= LEAST * total).collect();
    drawn.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let scale = (HEIGHT / total).min(SECOND);
    let (mut left, left_end) = places(&drawn, |flow| flow.waiting, scale);
    let (mut right, right_end) = places(&drawn, |flow| flow.blamed, scale);
    let height = format!("{:.0}", left_end.max(right_end));
    html! {
        svg.sankey viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="which service waited for which" {
            @for (name, place) in &left { (party(name, place, scale, LEFT - 4.0, LEFT - 6.0, "end")) }
            @for (name, place) in &right { (party(name, place, scale, RIGHT, RIGHT + 6.0, "start")) }
            @for flow in &drawn { (ribbon(flow, scale, &mut left, &mut right)) }
        }
        (legend(&drawn))
    }
}

/// Where a party stands, and how much of it has been connected.
struct Place {
    top: f64,
    height: f64,
    used: f64,
}

/// Parties of one side, largest first, and where they end.
fn places<'a>(flows: &[&Flow<'a>], of: impl Fn(&Flow<'a>) -> &'a str, scale: f64) -> (BTreeMap<&'a str, Place>, f64) {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for flow in flows {
        *sums.entry(of(flow)).or_default() += flow.seconds;
    }
    let mut order: Vec<(&str, f64)> = sums.into_iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut top = GAP / 2.0;
    let mut places = BTreeMap::new();
    for (name, seconds) in order {
        let height = seconds * scale;
        places.insert(name, Place { top, height, used: 0.0 });
        top += height + GAP;
    }
    (places, top)
}

fn party(name: &str, place: &Place, scale: f64, bar: f64, text: f64, anchor: &str) -> Markup {
    html! {
        rect x=(px(bar)) y=(px(place.top)) width="4" height=(px(place.height.max(1.0))) class={ "fill-" (name) } {}
        text x=(px(text)) y=(px(place.top + place.height / 2.0 + 4.0)) text-anchor=(anchor) {
            (capital(name)) " " (seconds(place.height / scale))
        }
    }
}

fn ribbon(flow: &Flow<'_>, scale: f64, left: &mut BTreeMap<&str, Place>, right: &mut BTreeMap<&str, Place>) -> Markup {
    let height = flow.seconds * scale;
    let take = |places: &mut BTreeMap<&str, Place>, name: &str| {
        places.get_mut(name).map_or(0.0, |place| {
            let y = place.top + place.used;
            place.used += height;
            y
        })
    };
    let (from, to) = (take(left, flow.waiting), take(right, flow.blamed));
    let middle = WIDTH / 2.0;
    let (from_end, to_end) = (from + height, to + height);
    let path = format!(
        "M{LEFT:.1} {from:.1}C{middle:.1} {from:.1} {middle:.1} {to:.1} {RIGHT:.1} {to:.1}\
         V{to_end:.1}C{middle:.1} {to_end:.1} {middle:.1} {from_end:.1} {LEFT:.1} {from_end:.1}Z"
    );
    html! {
        path class={ "ribbon fill-" (flow.class) } d=(path) {
            title {
                (capital(flow.waiting)) " waited " (seconds(flow.seconds)) " for " (capital(flow.blamed)) ": " (flow.what)
            }
        }
    }
}

fn legend(flows: &[&Flow<'_>]) -> Markup {
    let mut kinds: Vec<(&str, &str)> = flows.iter().map(|flow| (flow.class, flow.what)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    html! { p.legend { @for (class, what) in kinds { (key(&format!("fill-{class}"), what)) } } }
}

/// For people.
fn seconds(seconds: f64) -> String {
    match seconds {
        long if long >= 10.0 => format!("{long:.0} s"),
        long if long >= 1.0 => format!("{long:.1} s"),
        short => format!("{:.0} ms", short * 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_adds_up_and_nothing_is_nothing() {
        let flow = |waiting, blamed, seconds| Flow { waiting, blamed, class: "row", what: "a row", seconds };
        let flows = [flow("registry", "billing", 2.0), flow("profile", "billing", 1.0)];
        let svg = sankey(&flows, "nobody").into_string();
        assert_eq!(svg.matches("class=\"ribbon").count(), 2);
        assert!(svg.contains("Billing 3.0 s") && svg.contains("Registry 2.0 s"), "{svg}");
        assert_eq!(sankey(&[], "nobody waited").into_string(), "<p>nobody waited</p>");
    }
}
