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
            if wants.iter().any(|wanted| locks::conflict(*mode, *wanted)) {
                longest = longest.max(*ms);
            }
        }
    }
    longest.ceil() as u64
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
                .filter(|(mode, wanted)| locks::conflict(*mode, *wanted))
                .max_by_key(|(mode, wanted)| (*wanted, *mode))
            else {
                continue;
            };
            let Some(object) = map.get(relation) else {
                continue;
            };
            // Those that want the same, together: a read isn't counted as a write.
            let one = found.entry((subject.service.clone(), object.name.clone(), wanted)).or_insert((mode, 0));
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
