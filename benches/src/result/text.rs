//! Names and ratios as people read them.

use crate::stats::Estimate;

/// A ratio: two decimals below 10, one above.
#[must_use]
pub fn ratio(value: f64) -> String {
    if value < 10.0 { format!("×{value:.2}") } else { format!("×{value:.1}") }
}

/// A ratio with its 95 % interval: `×1.20 (1.10–1.30)`.
#[must_use]
pub fn interval(of: Estimate) -> String {
    let end = |value: f64| {
        let text = ratio(value.min(999.0));
        text.trim_start_matches('×').to_owned()
    };
    format!("{} ({}–{})", ratio(of.ratio), end(of.low), end(of.high))
}

/// The same, or that there is too little data for one.
#[must_use]
pub fn interval_or_none(of: Option<Estimate>) -> String {
    of.map_or_else(|| "insufficient data".to_owned(), interval)
}

/// A ratio of a share as percent, with its interval: `16 % (12–20)`. `base` is what the ratio is of, in percent.
#[must_use]
pub fn percent(of: Estimate, base: f64) -> String {
    let of = [of.ratio, of.low, of.high].map(|ratio| (base * ratio).min(100.0));
    let digits = usize::from(of[2] < 10.0);
    format!("{:.digits$} % ({:.digits$}–{:.digits$})", of[0], of[1], of[2])
}

/// A figure as the one that a finding is about: `**16 %** (12–20)`. A page shows what is between the marks in bold.
#[must_use]
pub fn key_figure(text: &str) -> String {
    text.split_once(" (").map_or_else(|| format!("**{text}**"), |(figure, rest)| format!("**{figure}** ({rest}"))
}

/// A p-value as people read it.
#[must_use]
pub fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "p < 0.001".to_owned(),
        Some(p) => format!("p {p:.3}"),
        None => "no p".to_owned(),
    }
}

/// With a capital; the lab's own logins by what they do.
#[must_use]
pub fn capital(name: &str) -> String {
    let name = name.strip_prefix("lab_").unwrap_or(name).replace('_', " ");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Who runs at the same time: `all` means all others, `alone` none.
#[must_use]
pub fn others(name: &str) -> String {
    match name {
        "all" => "All others".to_owned(),
        "alone" => "nobody else".to_owned(),
        other => capital(other),
    }
}
