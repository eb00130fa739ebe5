//! Locks of the change that are in the way of statements.

use std::collections::BTreeMap;

use super::locks;
use super::report::Conflict;
use super::steps::Ran;
use super::subject::Subject;

/// How long a statement waits that arrives just after a lock that conflicts with its own, if no other session is in the way.
pub(super) fn waits_ms(subject: &Subject<'_>, ran: &Ran) -> u64 {
    let mut longest: f64 = 0.0;
    for (relation, wants) in &subject.wants {
        for (mode, ms) in ran.held.get(relation).into_iter().flatten() {
            if wants.iter().any(|wanted| locks::conflict(*mode, *wanted) || of_rows(ran, *relation, *mode, *wanted)) {
                longest = longest.max(*ms);
            }
        }
    }
    longest.ceil() as u64
}

/// ROW SHARE and ROW EXCLUSIVE of a table don't exclude one another, but both lock rows: those that the change writes are in the way until it commits.
fn of_rows(ran: &Ran, relation: u32, mode: locks::Mode, wanted: locks::Mode) -> bool {
    ran.wrote.contains(&relation) && mode == 3 && (2..=3).contains(&wanted)
}

/// Locks of the change that statements of a service want, too.
pub(super) fn conflicts(subjects: &[Subject<'_>], ran: &Ran, map: &locks::Map) -> Vec<Conflict> {
    let mut found: BTreeMap<(String, String, locks::Mode), (locks::Mode, usize)> = BTreeMap::new();
    for subject in subjects {
        for (relation, wants) in &subject.wants {
            let Some(held) = ran.held.get(relation) else {
                continue;
            };
            let pairs = held.keys().flat_map(|mode| wants.iter().map(move |wanted| (*mode, *wanted)));
            let Some((mode, wanted)) = pairs
                .filter(|(mode, wanted)| locks::conflict(*mode, *wanted) || of_rows(ran, *relation, *mode, *wanted))
                .max_by_key(|(mode, wanted)| (locks::conflict(*mode, *wanted), *wanted, *mode))
            else {
                continue;
            };
            let Some(object) = map.get(relation) else {
                continue;
            };
            // Those that want the same, together: a read isn't counted as a write.
            let rows = if locks::conflict(mode, wanted) { "" } else { "rows of " };
            let name = format!("{rows}{}", object.name);
            let one = found.entry((subject.service.clone(), name, wanted)).or_insert((mode, 0));
            *one = (one.0.max(mode), one.1 + 1);
        }
    }
    found
        .into_iter()
        .map(|((service, object, wanted), (mode, statements))| Conflict {
            service,
            object,
            change: locks::name(mode).to_owned(),
            wanted: locks::name(wanted).to_owned(),
            statements,
        })
        .collect()
}
