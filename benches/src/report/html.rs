//! What every page is made of: frame, sections, tables, the parts of pictures.

use std::fmt::Display;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::result::Table;

const STYLE: &str = include_str!("style.css");

/// Words that belong to the number before them.
const UNITS: [&str; 7] = ["%", "s", "ms", "kB", "buffers", "minutes", "requests/s"];

/// A whole file that needs no network.
pub fn page(title: &str, style: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { main { (body) } }
        }
    };
    page.into_string() + "\n"
}

/// A section with its heading.
pub fn section(id: &str, title: &str, body: &Markup) -> Markup {
    html! { section id=(id) { h2 { (title) } (body) } "\n" }
}

/// One tab of several is shown at a time, without script; (label, content) of each.
pub fn tabs(id: &str, title: &str, shown: usize, tabs: &[(&str, Markup)], below: &Markup) -> Markup {
    html! {
        section.tabs id=(id) {
            h2 { (title) }
            @for (place, (label, _)) in tabs.iter().enumerate() {
                input type="radio" name=(id) id={ (id) (place) } checked[place == shown];
                label for={ (id) (place) } { (label) }
            }
            @for (_, tab) in tabs { (tab) }
            (below)
        }
        "\n"
    }
}

/// Folded away until asked for.
pub fn details(summary: impl Display, body: &Markup) -> Markup {
    html! { details { summary { (summary.to_string()) } (body) } "\n" }
}

/// A table with what stands above and below it.
pub fn table(of: &Table) -> Markup {
    html! {
        @if !of.title.is_empty() { p { (of.title) } }
        (plain_table(of))
        @for note in &of.notes { p.legend { (note) } }
    }
}

/// The table alone; its first column names the rows.
pub fn plain_table(of: &Table) -> Markup {
    html! {
        div.scroll {
            table {
                tr { @for name in &of.head { th { (name) } } }
                @for row in &of.rows {
                    "\n"
                    tr {
                        @for (place, text) in row.iter().enumerate() {
                            @if place == 0 { th scope="row" { (text) } }
                            @else { td class=[class(text, of.numbers.contains(&place))] { (lines(text)) } }
                        }
                    }
                }
            }
        }
    }
}

fn class(text: &str, is_number: bool) -> Option<&str> {
    match text {
        "better" | "worse" => Some(text),
        _ => is_number.then_some("n"),
    }
}

fn lines(text: &str) -> Markup {
    html! { @for (place, line) in text.lines().enumerate() { @if place > 0 { br; } (line) } }
}

/// A square of a colour with what it stands for.
pub fn key(class: &str, text: &str) -> Markup {
    html! { span class={ "key " (class) } { (text) } " " }
}

/// A sentence: what is between `**` is bold, a number is not parted from its unit, an interval not in itself.
pub fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split("**").enumerate() {
            @if place % 2 == 1 { b { (unbroken(part)) } } @else { (unbroken(part)) }
        }
    }
}

/// With no-break spaces between numbers and units, and no break at the dash of an interval.
pub fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(' ') {
        let unit = word.trim_end().trim_end_matches(['.', ',', ';', ':', ')']);
        if UNITS.contains(&unit) && out.ends_with(' ') && out.trim_end().ends_with(|c: char| c.is_ascii_digit()) {
            out.pop();
            out.push('\u{a0}');
        }
        out.push_str(&word.replace('–', "\u{2060}–\u{2060}"));
    }
    out
}

/// A length or place in a picture.
pub fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// Places of a line or area in a picture.
pub fn points(of: impl IntoIterator<Item = (f64, f64)>) -> String {
    of.into_iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_parted_from_its_unit_nor_an_interval_in_itself() {
        let said = prose("a report of 2.3 s: **14 %** (9–22) of them, and 7 services in 10 minutes.").into_string();
        let whole = "a report of 2.3\u{a0}s: <b>14\u{a0}%</b> (9\u{2060}–\u{2060}22) of them, and 7 services in 10\u{a0}minutes.";
        assert_eq!(said, whole);
        assert_eq!(prose("<script>").into_string(), "&lt;script&gt;");
    }
}
