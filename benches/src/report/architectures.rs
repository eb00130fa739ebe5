//! The page of three architectures: which one, the table, pictures, how it was measured.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::contents::contents;
use super::html::{key, page as frame, plain_table, prose, px, section, table};
use super::write_page;
use crate::Failure;
use crate::experiments::architectures::{Answer, Architectures, Figure, Plan, RELAYS, answers, is_varied, title};
use crate::result::text::interval;
use crate::result::{Measured, Table};

const STYLE: &str = "main { max-width: 72rem; } svg.arms { max-width: 44rem; width: 100%; } .arms text { font-size: 8.5px; }
.arms text.name { paint-order: stroke; stroke: #fff; stroke-width: 3px; } @media (max-width: 30rem) { .arms text { font-size: 11px; } }
.arm1 { fill: #efb118; background: #efb118; stroke: #b8860b; } .arm2 { fill: #3ca951; background: #3ca951; stroke: #2b7a3a; }
.arm3 { fill: #a463f2; background: #a463f2; stroke: #6b3fa0; } .arms line { stroke-width: 2; } .arms line.axis { stroke: #ccc; stroke-width: 1; }
.arms .dot { stroke: none; } td.best { font-weight: bold; }
td.low { background: #f6c6c0; } td.middling { background: #faecc8; } td.high { background: #d5eed8; }";

/// Writes the page.
///
/// # Errors
/// When it can't be written.
pub fn write(found: &Measured<Architectures, Plan>, file: &Path) -> Result<(), Failure> {
    write_page(file, &page(found))
}

fn page(found: &Measured<Architectures, Plan>) -> String {
    let of = &found.outcome;
    let names = of.names();
    let sections = html! {
        (section("decides", "What decides", &decides(of, &names)))
        (section("ratios", &format!("Each figure compared with {}", names.first().map(|name| title(name)).unwrap_or_default()), &picture(of, &names)))
        @if of.figures.iter().any(is_varied) {
            (section("circumstances", "With delays, and with other mixes", &table(&of.table(is_varied).note(RELAYS))))
        }
        (section("stops", "While each service is stopped", &stops(of, &names)))
        (section("wrong", "What was answered wrongly meanwhile", &plain_table(&of.table(|of| of.id.starts_with("wrong-")))))
        (section("figures", "More figures", &more(of)))
        (section("trust", "How far it can be trusted", &trust(of)))
        (section("method", "How it was measured, and what it can't say", &method(found)))
    };
    let sections = sections.into_string();
    let titles: Vec<String> = names.iter().map(|name| title(name)).collect();
    let heading = format!("{}: which one?", titles.join(", "));
    let body = html! {
        h1 { (heading) }
        p.meta { (meta(found)) }
        @for answer in answers(&of.figures) { (answered(&answer)) }
        (contents(&sections))
        (PreEscaped(&sections))
    };
    frame(&heading, STYLE, &body)
}

fn meta(found: &Measured<Architectures, Plan>) -> String {
    let plan = &found.plan;
    let machine =
        found.machine.as_ref().map(|of| format!("{} processors, {} · ", of.cpus, of.model)).unwrap_or_default();
    let postgres = found.postgres.as_ref().map(|of| format!("PostgreSQL {} · ", of.version)).unwrap_or_default();
    format!(
        "{} · {machine}{postgres}{} blocks of {} s each · {} · {:.0} requests/s of all services together",
        found.measured_at.as_deref().unwrap_or_default(),
        plan.rounds,
        plan.seconds,
        found.outcome.left_out(),
        plan.rate_per_s
    )
}

fn answered(of: &Answer) -> Markup {
    let list = |sentences: &[String]| html! { ul { @for one in sentences { li { (prose(one)) } } } };
    html! {
        p.second {
            b { (title(&of.architecture)) }
            @if of.choose.is_empty() { ": in nothing measured here better than each of the others." } @else { ": choose it for" }
        }
        @if !of.choose.is_empty() { (list(&of.choose)) }
        @if !of.price.is_empty() { p.second { "Its price:" } (list(&of.price)) }
    }
}

/// A row for each figure that decides, the best in bold.
fn decides(of: &Architectures, names: &[String]) -> Markup {
    html! {
        div.scroll { table {
            tr { th { "figure" } @for name in names { th { (title(name)) } } }
            @for figure in of.figures.iter().filter(|figure| figure.decides) {
                @let best = figure.best();
                tr {
                    th scope="row" { (figure.title) @if !figure.unit.is_empty() { ", " (figure.unit) } }
                    @for arm in &figure.arms {
                        td class=(if best == Some(&arm.architecture) { "n best" } else { "n" }) { (arm.text(&figure.unit)) }
                    }
                }
            }
        } }
        p.legend {
            "Medians of the blocks with their 95 % intervals. Bold: better than each of the others beyond noise (paired, adjusted after Holm \
             for everything on this page); a row without bold has no such one."
        }
    }
}

/// Where a ratio lies: a quarter to sixteen times, doublings evenly spaced.
fn x(ratio: f64) -> f64 {
    14.0 + (ratio.log2().clamp(-2.0, 4.0) + 2.0) / 6.0 * 330.0
}

/// For each figure its name, and below it a line for each architecture: the ratio to the first one, with its interval.
fn picture(of: &Architectures, names: &[String]) -> Markup {
    let figures: Vec<&Figure> = of.figures.iter().filter(|figure| !figure.pairs.is_empty()).collect();
    let others: Vec<(usize, &String)> = names.iter().enumerate().skip(1).collect();
    let row = 11.0 * others.len() as f64 + 21.0;
    let height = 20.0 + row * figures.len() as f64;
    let Some(first) = names.first() else { return html! {} };
    html! {
        p { @for (place, name) in &others { (key(&format!("arm{place}"), &title(name))) } }
        svg.arms viewBox={ "0 0 360 " (px(height)) } role="img" {
            @for (ratio, label) in [(0.25, "×¼"), (0.5, "×½"), (1.0, "×1"), (2.0, "×2"), (4.0, "×4"), (8.0, "×8"), (16.0, "×16")] {
                line.axis x1=(px(x(ratio))) x2=(px(x(ratio))) y1="14" y2=(px(height)) {}
                text x=(px(x(ratio))) y="10" text-anchor="middle" { (label) }
            }
            @for (line, figure) in figures.iter().enumerate() {
                @let top = 28.0 + row * line as f64;
                text.name x="2" y=(px(top)) { (figure.title) }
                @for (place, (arm, name)) in others.iter().enumerate() {
                    @if let Some(estimate) = figure.pair(name, first).and_then(|pair| pair.estimate) {
                        @let y = px(top + 8.0 + 11.0 * place as f64);
                        line class={ "arm" (arm) } x1=(px(x(estimate.low))) x2=(px(x(estimate.high))) y1=(y) y2=(y) {}
                        circle class={ "dot arm" (arm) } cx=(px(x(estimate.ratio))) cy=(y) r="3.5" {
                            title { (figure.title) ": " (title(name)) " " (interval(estimate)) }
                        }
                    }
                }
            }
        }
        p.legend { "Lines are 95 % intervals; what lies beyond the scale stands at its end. The same figures stand in the tables." }
    }
}

/// Good answers of the others, by what was stopped.
fn stops(of: &Architectures, names: &[String]) -> Markup {
    let class = |share: f64| match share {
        share if share >= 99.0 => "n high",
        share if share >= 90.0 => "n middling",
        _ => "n low",
    };
    html! {
        p { "Good answers of the other four services, in %." }
        div.scroll { table {
            tr { th { "stopped" } @for name in names { th { (title(name)) } } }
            @for figure in of.figures.iter().filter(|figure| figure.id.starts_with("good-without-")) {
                tr {
                    th scope="row" { (figure.id.trim_start_matches("good-without-")) }
                    @if let Some(why) = &figure.not_run { td colspan=(names.len()) { "not run: " (why) } }
                    @else { @for arm in &figure.arms {
                        td class=(arm.value.map_or("n", class)) { (arm.text(&figure.unit)) small { " of " (arm.n) } }
                    } }
                }
            }
        } }
        p.legend { "One stop of each service and architecture: no interval." }
    }
}

fn more(of: &Architectures) -> Markup {
    let not_counted = |of: &Figure| !of.decides && !of.pairs.is_empty() && !is_varied(of);
    table(&of.table(not_counted).note("Ratios by paired t on the blocks' logarithms, adjusted after Holm."))
}

/// Blocks that were disturbed, what didn't hold, the lab's own tests.
fn trust(of: &Architectures) -> Markup {
    html! {
        p { b { (of.left_out()) } }
        p {
            "A block during which other programs used the machine, the driver was late, or the \
             database wasn't at rest is run once more, as long as that adds at most a fifth to the run. One that is suspect all the same counts, \
             unless what disturbed it can have changed a median or a p95 in it by more than ×1.2: then it is in no figure."
        }
        (table(&of.trust()))
        @if !of.planted.is_empty() { (table(&of.plants())) }
    }
}

fn method(found: &Measured<Architectures, Plan>) -> Markup {
    let (of, plan) = (&found.outcome, &found.plan);
    let not_run = of.figures.iter().filter_map(|of| Some([of.title.clone(), of.not_run.clone()?]));
    html! {
        p {
            "The same services, rows (by the same seed), arrivals and absolute rate in each architecture, on one machine. In each round every \
             architecture has a block, in an order drawn from the seed; meanwhile the services and the log of the others are stopped, their \
             databases idle. A block begins with the data put back; it is warmed for 3 s and measured for " (plan.seconds) " s. Then, under the \
             same load, a person is renamed and an organisation frozen " (plan.tries) " times, and Registry asked until it shows it. After the \
             rounds each service is stopped for " (plan.stop_seconds) " s in turn, under a load that goes over every edge between services."
        }
        p {
            "All on one machine: a network between processes would add its delay to every HTTP call and every record of the log, and nothing to \
             the shared database but one hop. One database server for all; Kafka is one node that doesn't flush each record to disk, which \
             Postgres does with each commit."
        }
        (table(&Table::new(&["not run", "why"], &[], &[]).rows(not_run)))
    }
}
