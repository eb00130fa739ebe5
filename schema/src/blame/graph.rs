//! One sample of the wait-for graph, and the walk to the root blockers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A backend that waits for a heavyweight lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Its process id.
    pub pid: i32,
    /// `pg_locks.locktype`: transactionid, tuple, relation, …
    pub lock_type: String,
    /// The mode asked for, such as `AccessExclusiveLock`.
    pub mode: String,
    /// The relation waited for, by OID, where the lock names one.
    pub relation: Option<u32>,
    /// When it began to wait, server clock, microseconds; null for an instant after it began.
    pub wait_start_us: Option<i64>,
    /// `pg_blocking_pids`: the direct blockers, which hold a conflicting lock or wait for one before it. 0 is a prepared transaction.
    pub blockers: Vec<i32>,
}

/// All waiters at one moment of the server's clock (microseconds since the Unix epoch).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Server clock.
    pub at_us: i64,
    /// By process id.
    pub waiters: BTreeMap<i32, Waiter>,
}

/// What a wait is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A row changed or locked by a transaction still open (`transactionid`).
    Row,
    /// The queue for a hot row (`tuple`).
    TupleQueue,
    /// A lock on a relation held in a conflicting mode.
    Relation,
    /// A relation lock that no session holds in a conflicting mode: it queues behind a session that waits for it, typically a DDL statement.
    BehindDdl,
    /// An advisory lock.
    Advisory,
    /// Extending a relation.
    Extend,
    /// A virtual transaction: `create index concurrently` and its like waiting for snapshots.
    VirtualTransaction,
    /// Another kind of lock.
    Other,
}

impl Sample {
    /// The root blockers of `pid`: blockers that don't wait themselves. Where there is only a cycle (a deadlock that is not
    /// yet detected), the direct blockers.
    #[must_use]
    pub fn roots(&self, pid: i32) -> BTreeSet<i32> {
        let mut roots = BTreeSet::new();
        let mut seen = BTreeSet::from([pid]);
        let mut open = self.blockers(pid).to_vec();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match self.waiters.get(&next) {
                Some(waiter) if !waiter.blockers.is_empty() => open.extend(&waiter.blockers),
                _ => {
                    roots.insert(next);
                }
            }
        }
        if roots.is_empty() { self.blockers(pid).iter().copied().collect() } else { roots }
    }

    /// The direct blockers of `pid`; empty when it doesn't wait.
    #[must_use]
    pub fn blockers(&self, pid: i32) -> &[i32] {
        self.waiters.get(&pid).map_or(&[], |waiter| &waiter.blockers)
    }

    /// What `waiter` waits for.
    #[must_use]
    pub fn cause(&self, waiter: &Waiter) -> Cause {
        match waiter.lock_type.as_str() {
            "transactionid" => Cause::Row,
            "tuple" => Cause::TupleQueue,
            "relation" if self.queues_behind_waiter(waiter) => Cause::BehindDdl,
            "relation" => Cause::Relation,
            "advisory" => Cause::Advisory,
            "extend" => Cause::Extend,
            "virtualxid" => Cause::VirtualTransaction,
            _ => Cause::Other,
        }
    }

    /// Whether each of its blockers is itself a waiter for the same relation.
    fn queues_behind_waiter(&self, waiter: &Waiter) -> bool {
        !waiter.blockers.is_empty()
            && waiter.blockers.iter().all(|blocker| {
                self.waiters
                    .get(blocker)
                    .is_some_and(|other| other.lock_type == "relation" && other.relation == waiter.relation)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(pid: i32, lock_type: &str, blockers: &[i32]) -> Waiter {
        Waiter {
            pid,
            lock_type: lock_type.into(),
            mode: "ShareLock".into(),
            relation: (lock_type == "relation").then_some(16_400),
            wait_start_us: Some(0),
            blockers: blockers.to_vec(),
        }
    }

    fn sample(waiters: Vec<Waiter>) -> Sample {
        Sample { at_us: 0, waiters: waiters.into_iter().map(|waiter| (waiter.pid, waiter)).collect() }
    }

    #[test]
    fn walks_a_hot_row_to_its_holder() {
        // 10 holds the row, 11 waits for it, 12 and 13 queue behind 11.
        let sample = sample(vec![
            waiter(11, "transactionid", &[10]),
            waiter(12, "tuple", &[11]),
            waiter(13, "tuple", &[11, 12]),
        ]);
        for pid in [11, 12, 13] {
            assert_eq!(sample.roots(pid), BTreeSet::from([10]), "{pid}");
        }
        assert_eq!(sample.cause(&sample.waiters[&13]), Cause::TupleQueue);
        assert!(sample.roots(10).is_empty());
    }

    #[test]
    fn tells_the_queue_behind_a_ddl_from_the_ddl() {
        // 20 reads in an open transaction, 21 wants to alter, 22 wants to read.
        let sample = sample(vec![waiter(21, "relation", &[20]), waiter(22, "relation", &[21])]);
        assert_eq!(sample.cause(&sample.waiters[&21]), Cause::Relation);
        assert_eq!(sample.cause(&sample.waiters[&22]), Cause::BehindDdl);
        assert_eq!(sample.roots(22), BTreeSet::from([20]));
    }

    #[test]
    fn a_cycle_ends() {
        let sample = sample(vec![waiter(1, "transactionid", &[2]), waiter(2, "transactionid", &[1])]);
        assert_eq!(sample.roots(1), BTreeSet::from([2]));
    }

    #[test]
    fn two_roots_are_both_found() {
        let sample = sample(vec![waiter(5, "relation", &[3, 4]), waiter(4, "transactionid", &[2])]);
        assert_eq!(sample.roots(5), BTreeSet::from([2, 3]));
    }
}
