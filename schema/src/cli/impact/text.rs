//! The result, for people.

use schema::impact::{Failure, Impact, Queue, ServiceImpact, StatementImpact, Step};
use schema::table::table;

/// All of it.
pub fn text(impact: &Impact) -> String {
    let mut lines = Vec::new();
    if let Some(refused) = &impact.refused {
        lines.push(format!("Postgres refuses the change, so nothing was judged: {}", failure(&refused.failure)));
        lines.push(format!("    {}", one_line(&refused.sql)));
    }
    for step in &impact.steps {
        lines.extend(of_step(step));
    }
    for service in &impact.services {
        lines.extend(of_service(service));
    }
    if !impact.rights_lost.is_empty() {
        lines.push("rights that are lost:".into());
        lines.extend(impact.rights_lost.iter().map(|lost| {
            let gone = if lost.dropped { ", which is dropped" } else { "" };
            format!("    {} ({}): {} on {}{gone}", lost.role, lost.service, lost.privilege, lost.object)
        }));
    }
    if !impact.conflicts.is_empty() {
        lines.push("services that have to wait for its locks:".into());
        lines.extend(impact.conflicts.iter().map(|one| {
            format!(
                "    {}: {} of its statements want {} on {}, the change holds {}",
                one.service, one.statements, one.wanted, one.object, one.change
            )
        }));
    }
    if let Some(queue) = &impact.queue {
        lines.extend(of_queue(queue));
    }
    lines.push(format!("{} statements judged, {} not; tried {}", impact.analysed, impact.skipped.len(), place(impact)));
    for (what, some) in
        [("not judged", &impact.skipped), ("judged without the functions that it calls", &impact.opaque)]
    {
        lines.extend(some.iter().map(|one| {
            let sql = one_line(&one.sql);
            format!("    {what}: {}: {}: {sql}", one.role, one.why)
        }));
    }
    lines.extend(impact.warnings.iter().map(|one| format!("warning: {one}")));
    lines.push(format!("verdict: {}", impact.verdict));
    lines.join("\n")
}

pub(super) fn place(impact: &Impact) -> String {
    let place = &impact.place;
    if place.clone_bytes == 0 {
        return place.how.clone();
    }
    let megabytes = place.clone_bytes as f64 / 1048576.0;
    let mut words = format!("on a clone of {megabytes:.0} MB, made in {} ms by {}", place.clone_ms, place.how);
    if !place.transaction {
        words.push_str("; it can't be rolled back, so its locks were read by another session while it ran");
    }
    words
}

fn of_step(step: &Step) -> Vec<String> {
    let mut lines = vec![format!("{:.1} ms  {}", step.ms, one_line(&step.sql))];
    lines.extend(step.locks.iter().map(|lock| {
        let dropped = if lock.dropped { " (dropped)" } else { "" };
        format!("    locks {} {}{dropped}: {}", lock.kind, lock.object, lock.mode)
    }));
    lines.extend(step.rewrites.iter().map(|what| format!("    rewrites {what}")));
    lines.extend(step.scans.iter().map(|scan| format!("    reads {} rows of {}", scan.rows, scan.table)));
    lines.extend(step.said.iter().map(|said| format!("    server: {said}")));
    lines
}

fn of_service(service: &ServiceImpact) -> Vec<String> {
    let mut lines = vec![format!("{}: {} ({} statements judged)", service.service, service.verdict, service.analysed)];
    for one in &service.statements {
        lines.push(format!("    {}  {}  {}", one.verdict, one.role, one_line(&one.sql)));
        lines.extend(why(one).into_iter().map(|line| format!("        {line}")));
    }
    lines
}

pub(super) fn why(one: &StatementImpact) -> Vec<String> {
    let mut lines = Vec::new();
    match (&one.fresh, &one.cached) {
        (Some(fresh), _) => lines.push(failure(fresh)),
        (None, Some(cached)) => {
            lines.push(format!("on connections that prepared it before the change: {}", failure(cached)))
        }
        (None, None) => {}
    }
    if let (Some(values), Some(line), true) = (&one.values, lines.last_mut(), one.rows.is_empty()) {
        let values: Vec<_> = values.iter().map(|value| value.as_deref().unwrap_or("null")).collect();
        line.push_str(&format!(" (with {})", values.join(", ")));
    }
    lines.extend(one.unknown.iter().map(|unknown| format!("{}: {}", unknown.reason, unknown.why)));
    lines.extend(one.shape.iter().chain(&one.rows).chain(&one.plan).cloned());
    lines
}

fn of_queue(queue: &Queue) -> Vec<String> {
    if queue.held.is_empty() {
        return vec!["queue: no open transaction could make the change wait".into()];
    }
    let end = if queue.gave_up { "gave up" } else { "continued" };
    let mut lines = vec![format!(
        "queue: behind an open transaction of {} ms ({}), the change waited {} ms and {end}",
        queue.hold_ms,
        queue.held.join(", "),
        queue.change_waited_ms
    )];
    let headings = ["  ", "service", ">arrived", ">blocked", ">failed", ">blocked ms", ">p99 ms", ">longest ms"];
    lines.push(table(
        &headings,
        queue.services.iter().map(|one| {
            let counts = [one.arrived, one.blocked, one.failed].map(|count| count.to_string());
            let times = [one.blocked_ms, one.p99_ms, one.max_ms].map(|ms| ms.to_string());
            [vec![String::new(), one.service.clone()], counts.to_vec(), times.to_vec()].concat()
        }),
    ));
    lines
}

pub(super) fn failure(failure: &Failure) -> String {
    let detail = failure.detail.iter().flat_map(|detail| detail.lines());
    let mut words = format!("{} {}", failure.sqlstate, failure.message);
    detail.for_each(|line| words.push_str(&format!("; {line}")));
    words
}

pub(super) fn one_line(sql: &str) -> String {
    let words: Vec<_> = sql.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= 140 {
        return text;
    }
    text.chars().take(139).chain(['…']).collect()
}
