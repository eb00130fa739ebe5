//! What the lab changed in the data during a replicate: which version each row has now, and every change that a service
//! acknowledged, so that none may be missing afterwards.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::load::driver::Answer;

/// Rows changed and made since the data was put back.
#[derive(Debug, Default)]
pub struct Written(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rows: HashMap<Uuid, Row>,
    created: HashSet<Uuid>,
}

/// A row that changes were asked of.
#[derive(Debug)]
struct Row {
    /// The highest version that was acknowledged; 1 in the image.
    acknowledged: i64,
    /// Changes without an answer yet.
    pending: i64,
}

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// Rows made.
    pub created: Vec<Uuid>,
    /// Rows changed, with the highest version.
    pub changed: Vec<(Uuid, i64)>,
}

impl Written {
    /// Of a database where rows were changed before.
    #[must_use]
    pub fn since(versions: impl IntoIterator<Item = (Uuid, i64)>) -> Self {
        let row = |(id, acknowledged)| (id, Row { acknowledged, pending: 0 });
        Self(Mutex::new(State { rows: versions.into_iter().map(row).collect(), created: HashSet::new() }))
    }

    /// The version that a change sent now must expect: the last one acknowledged and one more for each change under way.
    /// Two changes that cross on their way make the later one stale (412), which heals by itself with its answer.
    pub fn expect(&self, id: Uuid) -> i64 {
        let mut state = self.lock();
        let row = state.rows.entry(id).or_insert(Row { acknowledged: 1, pending: 0 });
        row.pending += 1;
        row.acknowledged + row.pending - 1
    }

    /// Notes what became of a change or creation.
    pub fn answered(&self, answer: &Answer<'_>) {
        let good = (200..300).contains(&answer.status);
        let mut state = self.lock();
        if let Some(row) = answer.of.and_then(|id| state.rows.get_mut(&id)) {
            row.pending -= 1;
            if let Some(version) = answer.etag.and_then(version).filter(|_| good) {
                row.acknowledged = row.acknowledged.max(version);
            }
        }
        if let Some(id) = answer.location.and_then(last_id).filter(|_| good) {
            state.created.insert(id);
        }
    }

    /// Everything that was acknowledged so far.
    pub fn acknowledged(&self) -> Acknowledged {
        let state = self.lock();
        let changed = state.rows.iter().filter(|(_, row)| row.acknowledged > 1);
        Acknowledged {
            created: state.created.iter().copied().collect(),
            changed: changed.map(|(id, row)| (*id, row.acknowledged)).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A poisoned lock holds whole maps: nothing in the sections above can leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(etag: &str) -> Option<i64> {
    etag.trim_matches('"').parse().ok()
}

fn last_id(location: &str) -> Option<Uuid> {
    location.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(of: Uuid, status: u16, etag: Option<&str>) -> Answer<'_> {
        Answer {
            of: Some(of),
            status,
            etag,
            location: None,
            retry_after: false,
            degraded: false,
            endpoint: 0,
            took: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn changes_that_cross_heal() {
        let written = Written::default();
        let id = Uuid::from_u128(1);
        assert_eq!((written.expect(id), written.expect(id)), (1, 2));
        // The later one arrives first and is refused.
        written.answered(&answer(id, 412, None));
        written.answered(&answer(id, 200, Some("\"2\"")));
        assert_eq!(written.expect(id), 2);
        // A time-out says nothing, and leaves nothing pending.
        written.answered(&answer(id, 0, None));
        assert_eq!(written.expect(id), 2);
        assert_eq!(written.acknowledged().changed, [(id, 2)]);
    }

    #[test]
    fn creations_are_known_by_their_location() {
        let written = Written::default();
        let id = Uuid::from_u128(7);
        let location = format!("/api/v1/organisations/{}/apis/{id}", Uuid::nil());
        let mut made = answer(Uuid::nil(), 201, Some("\"1\""));
        made.of = None;
        made.location = Some(&location);
        written.answered(&made);
        assert_eq!(written.acknowledged().created, [id]);
    }
}
