//! Sensitivity curves: one small picture for each pressure, a line for each service.

use maud::{Markup, html};

use crate::experiments::pressure::predict::{Unknown, predict};
use crate::experiments::pressure::{Curve, Pressures};
use crate::report::attachments::tables;
use crate::report::control_workload;
use crate::report::html::{details, key, plain_table, points, px};
use crate::result::text::{capital, interval, ratio};
use crate::result::{Entry, Measured, Metric, ResultFile, Table};

/// The scale ends at 2^7.
const DOUBLINGS: f64 = 7.0;

/// All pressures, with their numbers.
pub fn pressures(measured: &Measured<Pressures>, result: &ResultFile) -> Markup {
    let of = &measured.outcome;
    let mut kinds: Vec<(&str, &str)> = of.curves.iter().map(|curve| (&*curve.pressure, &*curve.unit)).collect();
    kinds.dedup();
    let curves = |pressure: &str| of.curves.iter().filter(|curve| curve.pressure == pressure).collect::<Vec<&Curve>>();
    html! {
        p {
            "All services under load, and one kind of pressure at three levels: the 95th percentile compared with no pressure, "
            (of.replicates) " replicates. The control workload shares nothing but the server."
        }
        div.dots {
            @for (pressure, unit) in &kinds {
                figure { (draw(&curves(pressure))) figcaption { (pressure) " (" (unit) ")" } }
            }
        }
        p.legend {
            @if let Some((first, _)) = kinds.first() {
                @for curve in curves(first) { (key(&format!("fill-{}", class(curve)), &capital(&curve.service))) }
            }
        }
        (details("In numbers", &tables(measured)))
        (pairs(of, result))
    }
}

fn class(curve: &Curve) -> &str {
    if curve.is_control() { "control" } else { &curve.service }
}

/// Every pair's median as the pressures predict it, compared with the measured one.
fn pairs(pressures: &Pressures, result: &ResultFile) -> Markup {
    let is_pair = |entry: &&Entry| entry.metric == Metric::P50 && entry.while_running != "all";
    let entries = result.matrix.iter().flat_map(|matrix| &matrix.entries);
    let mut table = Table::new(&["median of"], &["predicted", "measured (95 % interval)"], &["verdict"]);
    let (mut no_pressure, mut out_of_range) = (0, 0);
    for entry in entries.filter(is_pair) {
        let pressure = control_workload::slowdown(result, &entry.while_running);
        let range = match predict(pressures, &entry.service, pressure) {
            Ok(range) => range,
            Err(Unknown::NoPressure) => {
                no_pressure += 1;
                continue;
            }
            Err(Unknown::OutOfRange) => {
                out_of_range += 1;
                continue;
            }
        };
        let (measured, verdict) = match entry.estimate.filter(|_| entry.enough_data) {
            Some(of) if of.low <= *range.end() && *range.start() <= of.high => (interval(of), "agree"),
            Some(of) => (interval(of), "differ"),
            None => ("insufficient data".to_owned(), "inconclusive"),
        };
        table.row([
            format!("{} while {} runs", capital(&entry.service), capital(&entry.while_running)),
            format!("{}–{}", ratio(*range.start()), ratio(*range.end())),
            measured,
            verdict.to_owned(),
        ]);
    }
    html! {
        h3 { "Predicted and measured pairs" }
        p {
            "The level of a pressure that slows the control workload as much as a service does predicts how slow another service gets \
             while it runs (Bubble-Up). " (no_pressure) " pairs can't be predicted because that service does not slow the control \
             workload significantly, and " (out_of_range) " because no measured pressure is as strong or the slowed service has no curve."
        }
        @if !table.rows.is_empty() { (plain_table(&table)) }
    }
}

fn draw(curves: &[&Curve]) -> Markup {
    let y = |ratio: f64| 110.0 - ratio.max(1e-3).log2().clamp(-1.0, DOUBLINGS) / DOUBLINGS * 90.0;
    let places = |curve: &Curve| {
        let place = |(place, p95): (usize, f64)| (50.0 + 55.0 * place as f64, y(p95));
        let ratios = curve.levels.iter().enumerate().filter_map(|(place, level)| Some((place, level.p95?.ratio)));
        ratios.map(place).collect::<Vec<(f64, f64)>>()
    };
    html! {
        svg viewBox="0 0 200 130" role="img" {
            line.axis x1="30" y1=(px(y(1.0))) x2="190" y2=(px(y(1.0))) {}
            @for (ratio, label) in [(1.0, "×1"), (16.0, "×16")] {
                text x="26" y=(px(y(ratio) + 3.0)) text-anchor="end" { (label) }
            }
            @for curve in curves {
                polyline class={ "series line-" (class(curve)) } points=(points(places(curve))) {}
                @for (x, y) in places(curve) {
                    circle cx=(px(x)) cy=(px(y)) r="3" class={ "fill-" (class(curve)) } { title { (capital(&curve.service)) } }
                }
            }
        }
    }
}
