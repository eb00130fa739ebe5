//! Through what the harm comes, and what helps: the isolation ladder, scenarios, dials, schema changes under load, as they
//! stand beside a result.

mod dials;
pub mod ladder;

use std::fmt::Write;
use std::path::Path;

use super::{capital, escape};
use crate::experiments::scenario::{ArmResult, Scenarios};
use crate::experiments::schema_change::{Effect, SchemaChanges};
use crate::result::{ResultFile, attachments};

/// All four; each that is missing is named with the command that makes it.
pub fn section(result: &ResultFile, folder: &Path) -> String {
    let found = |section: Option<String>, title: &str, command: &str| {
        section.unwrap_or_else(|| {
            format!("<section><h2>{title}</h2><p>Not measured beside this run: <code>{command}</code>.</p></section>\n")
        })
    };
    found(
        attachments::read(folder, attachments::LADDER).map(|of| ladder::section(&of)),
        "What would another architecture buy?",
        "lab ladder --save FOLDER",
    ) + &found(
        attachments::read(folder, attachments::SCENARIOS).map(|of| scenarios(&of)),
        "Known harms, and what helps",
        "lab scenario run all --save FOLDER",
    ) + &found(
        attachments::read(folder, attachments::DIALS).map(|of| dials::section(&of, result)),
        "Who feels which pressure",
        "lab dials --save FOLDER",
    ) + &found(
        attachments::read(folder, attachments::SCHEMA_CHANGE).map(|of| changes(&of)),
        "Changing the schema while everybody is at work",
        "lab schema-change --save FOLDER",
    )
}

fn scenarios(of: &Scenarios) -> String {
    let mut out = String::from(
        "<section id=\"scenarios\"><h2>Known harms, and what helps</h2><p>Naive forms are SQL that the lab runs with logins of its own; nothing \
         of them is in the product. Each must show its signature, or it fails.</p>\n",
    );
    for one in &of.scenarios {
        let _ = write!(
            out,
            "<details><summary>{} {}: {}</summary><p>{}</p><div class=\"scroll\"><table><tr><th>arm</th><th>what it is</th>\
             <th>seen</th></tr>",
            if one.passed { "✓" } else { "✗" },
            escape(&one.id),
            escape(&one.title),
            escape(&one.lesson)
        );
        one.arms.iter().for_each(|arm| out.push_str(&row(arm)));
        out.push_str("</table></div><ul>");
        for gain in &one.gains {
            let _ = write!(
                out,
                "<li>{} {}: {} from {:.3} to {:.3}</li>",
                if gain.held { "✓" } else { "✗" },
                escape(&capital(&gain.says)),
                escape(&gain.what),
                gain.from,
                gain.to
            );
        }
        out.push_str("</ul></details>\n");
    }
    out + "</section>\n"
}

fn row(arm: &ArmResult) -> String {
    let kind = serde_json::json!(arm.kind);
    let mut seen: Vec<String> = arm
        .findings
        .iter()
        .map(|finding| escape(&finding.to_string().replacen("ok    ", "✓", 1).replacen("FAILED", "✗", 1)))
        .collect();
    seen.extend(arm.actors.iter().map(|actor| {
        let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1}"));
        let failed: u64 = actor.errors.values().sum();
        escape(&format!(
            "{}: {} good, {failed} not; median {} ms, p95 {} ms, longest {} ms",
            actor.name,
            actor.good,
            ms(actor.p50_ms),
            ms(actor.p95_ms),
            ms(actor.longest_ms)
        ))
    }));
    format!(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
        escape(&arm.name),
        escape(kind.as_str().unwrap_or_default()),
        seen.join("<br>")
    )
}

fn changes(of: &SchemaChanges) -> String {
    let mut out = String::from(
        "<section id=\"schema-changes\"><h2>Changing the schema while everybody is at work</h2><p>Somebody's report holds a light lock on every \
         table. A change that waits for it makes everybody behind it wait; with lock_timeout and another try it lets them pass.</p>\
         <div class=\"scroll\"><table><tr><th>change</th><th>as it is</th><th>with lock_timeout, and again</th></tr>\n",
    );
    let cell = |effect: &Effect| {
        let worst = effect
            .services
            .iter()
            .max_by(|a, b| a.1.blocked_s.total_cmp(&b.1.blocked_s))
            .filter(|(_, harm)| harm.blocked_s > 0.0);
        let worst = worst
            .map_or_else(String::new, |(name, harm)| format!(" (most: {} {:.2} s)", capital(name), harm.blocked_s));
        let mark = if effect.applied { "" } else { "; not applied" };
        escape(&format!("{:.2} s blocked{worst}, {} failed{mark}", effect.blocked_s(), effect.failed()))
    };
    for change in &of.changes {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            escape(&change.title),
            cell(&change.plain),
            cell(&change.careful)
        );
    }
    out + "</table></div></section>\n"
}
