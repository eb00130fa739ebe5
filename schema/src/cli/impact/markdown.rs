//! The result as Markdown, for the comment of a pull request.

use schema::impact::{Impact, ServiceImpact, StatementImpact, Step, Verdict};

use super::text::{failure, one_line, place, why};
use crate::cli::markdown::{code, row, table};

/// Statements shown of each service, the worst first; a comment has a limit, and the JSON has all.
const STATEMENTS: usize = 15;

/// Verdict, services, affected statements; what the change did stands folded below.
pub fn markdown(impact: &Impact) -> String {
    let mut parts = vec![format!("### `dba impact`: {}", impact.verdict)];
    if let Some(refused) = &impact.refused {
        parts.push(format!(
            "Postgres refuses the change, so nothing was judged: {}\n\n```sql\n{}\n```",
            code(&failure(&refused.failure)),
            refused.sql.trim()
        ));
    }
    if !impact.services.is_empty() {
        let rows = impact.services.iter().map(|one| {
            let affected = one.statements.iter().filter(|statement| statement.verdict > Verdict::Safe).count();
            row(&[one.service.clone(), one.verdict.to_string(), one.analysed.to_string(), affected.to_string()])
        });
        parts.push(table(&["service", "verdict", "statements judged", "affected"], rows));
    }
    parts.extend(impact.services.iter().filter(|one| !one.statements.is_empty()).map(service));
    if !impact.rights_lost.is_empty() {
        let lost = impact.rights_lost.iter().map(|lost| {
            let gone = if lost.dropped { ", which is dropped" } else { "" };
            format!("- {} ({}): {} on {}{gone}", code(&lost.role), lost.service, lost.privilege, code(&lost.object))
        });
        parts.push(format!("**Rights that are lost**\n\n{}", lost.collect::<Vec<_>>().join("\n")));
    }
    if !impact.warnings.is_empty() {
        let lines: Vec<_> = impact.warnings.iter().map(|one| format!("> {}", one_line(one))).collect();
        parts.push(format!("> **Warning**\n{}", lines.join("\n")));
    }
    parts.push(details(impact));
    parts.join("\n\n")
}

fn service(one: &ServiceImpact) -> String {
    let shown = one.statements.iter().take(STATEMENTS).map(statement);
    let mut text = format!(
        "**{}: {}**\n\n{}",
        one.service,
        one.verdict,
        table(&["verdict", "role", "calls", "statement", "why"], shown)
    );
    if one.statements.len() > STATEMENTS {
        text.push_str(&format!("\n\n{} more; `--format json` has all.", one.statements.len() - STATEMENTS));
    }
    text
}

fn statement(one: &StatementImpact) -> String {
    row(&[
        one.verdict.to_string(),
        code(&one.role),
        one.calls.to_string(),
        code(&one_line(&one.sql)),
        why(one).join("<br>"),
    ])
}

fn details(impact: &Impact) -> String {
    let rows = impact.steps.iter().map(step);
    let mut text = format!(
        "<details><summary>{} statements judged, {} not; what the change did</summary>\n\n{}\n\nTried {}.",
        impact.analysed,
        impact.skipped.len(),
        table(&["ms", "statement", "locks", "rewrites and reads"], rows),
        place(impact)
    );
    let skipped = impact.skipped.iter().take(STATEMENTS);
    for one in skipped {
        text.push_str(&format!("\n- not judged: {}: {}: {}", code(&one.role), one.why, code(&one_line(&one.sql))));
    }
    text + "\n\n</details>"
}

fn step(one: &Step) -> String {
    let locks: Vec<_> = one.locks.iter().map(|lock| format!("{} {}", code(&lock.object), lock.mode)).collect();
    let rewrites = one.rewrites.iter().map(|what| format!("rewrites {what}"));
    let reads = one.scans.iter().map(|scan| format!("reads {} rows of {}", scan.rows, scan.table));
    let work: Vec<_> = rewrites.chain(reads).collect();
    row(&[format!("{:.1}", one.ms), code(&one_line(&one.sql)), locks.join("<br>"), work.join("<br>")])
}
