//! Who waited for whom as ribbons, as wide as the seconds are many: who waited on the left, who is blamed on the right.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{capital, escape};

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
const LEFT: f64 = 102.0;
const RIGHT: f64 = WIDTH - 102.0;
/// Height that all seconds share at the most, and the gap between two parties.
const HEIGHT: f64 = 180.0;
/// So much height has each second, where that is less: little waiting must not look like much.
const SECOND: f64 = 60.0;
const GAP: f64 = 16.0;
/// Part of all seconds below which a ribbon isn't drawn.
const LEAST: f64 = 0.004;

/// The picture with its legend; a sentence where there is nothing to draw.
pub fn sankey(flows: &[Flow<'_>], nothing: &str) -> String {
    let total: f64 = flows.iter().map(|flow| flow.seconds).sum();
    if total <= 0.0 {
        return format!("<p>{}</p>", escape(nothing));
    }
    let mut drawn: Vec<&Flow> = flows.iter().filter(|flow| flow.seconds >= LEAST * total).collect();
    drawn.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let scale = (HEIGHT / total).min(SECOND);
    let (mut left, left_end) = places(&drawn, |flow| flow.waiting, scale);
    let (mut right, right_end) = places(&drawn, |flow| flow.blamed, scale);
    let mut out = format!(
        "<svg class=\"sankey\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"who waited for whom\">",
        left_end.max(right_end)
    );
    for (places, x, anchor) in [(&left, LEFT - 6.0, "end"), (&right, RIGHT + 6.0, "start")] {
        for (name, place) in places {
            let bar = if anchor == "end" { LEFT - 4.0 } else { RIGHT };
            let _ = write!(
                out,
                "<rect x=\"{bar:.1}\" y=\"{:.1}\" width=\"4\" height=\"{:.1}\" class=\"fill-{name}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{} {}</text>",
                place.top,
                place.height.max(1.0),
                place.top + place.height / 2.0 + 4.0,
                escape(&capital(name)),
                seconds(place.height / scale),
                name = escape(name),
            );
        }
    }
    for flow in &drawn {
        out.push_str(&ribbon(flow, scale, &mut left, &mut right));
    }
    out + "</svg>" + &legend(&drawn)
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
        let place = Place { top, height, used: 0.0 };
        places.insert(name, place);
        top += height + GAP;
    }
    (places, top)
}

fn ribbon(flow: &Flow<'_>, scale: f64, left: &mut BTreeMap<&str, Place>, right: &mut BTreeMap<&str, Place>) -> String {
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
    format!(
        "<path class=\"ribbon fill-{}\" d=\"M{LEFT:.1} {from:.1}C{middle:.1} {from:.1} {middle:.1} {to:.1} {RIGHT:.1} {to:.1}\
         V{to_end:.1}C{middle:.1} {to_end:.1} {middle:.1} {from_end:.1} {LEFT:.1} {from_end:.1}Z\">\
         <title>{} waited {} for {}: {}</title></path>",
        flow.class,
        escape(&capital(flow.waiting)),
        seconds(flow.seconds),
        escape(&capital(flow.blamed)),
        escape(flow.what),
    )
}

fn legend(flows: &[&Flow<'_>]) -> String {
    let mut kinds: Vec<(&str, &str)> = flows.iter().map(|flow| (flow.class, flow.what)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut out = String::from("<p class=\"legend\">");
    for (class, what) in kinds {
        let _ = write!(out, "<span class=\"key fill-{class}\">{}</span> ", escape(what));
    }
    out + "</p>"
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
        let svg = sankey(&[flow("registry", "billing", 2.0), flow("profile", "billing", 1.0)], "nobody");
        assert_eq!(svg.matches("class=\"ribbon").count(), 2);
        assert!(svg.contains("Billing 3.0 s") && svg.contains("Registry 2.0 s"), "{svg}");
        assert_eq!(sankey(&[], "nobody waited"), "<p>nobody waited</p>");
    }
}
