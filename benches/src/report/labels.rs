//! Names of metrics and causes for people, and the classes that colour them.

use schema::blame::Cause;

use crate::result::text::capital;
use crate::result::{Metric, Resource, What};

/// What a metric is called, and what one of its ratios compares.
pub fn metric(of: Metric) -> (&'static str, &'static str) {
    match of {
        Metric::OneIn20 => ("above own p95", "share of requests slower than the service's own p95 when alone"),
        Metric::P50 => ("median", "median response time"),
        Metric::P95 => ("p95", "95th percentile of the response time"),
        Metric::OneIn100 => ("above own p99", "share of requests slower than the service's own p99 when alone"),
        Metric::P99 => ("p99", "99th percentile of the response time"),
    }
}

/// A lock.
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Row => "a row changed by an open transaction",
        Cause::TupleQueue => "the queue for a hot row",
        Cause::Relation => "a lock on a relation",
        Cause::BehindDdl => "the queue behind a DDL statement",
        Cause::Advisory => "an advisory lock",
        Cause::Extend => "extending a relation",
        Cause::VirtualTransaction => "a snapshot still in use",
        Cause::Other => "another lock",
    }
}

/// Class that colours it.
pub fn cause_class(cause: Cause) -> &'static str {
    match cause {
        Cause::Row => "lock",
        Cause::TupleQueue => "lwlock",
        Cause::Relation | Cause::BehindDdl => "other",
        _ => "client",
    }
}

/// What a session waited for, by its class in Postgres, or the name of a service.
pub fn wait_class(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "cpu" => "on a processor".into(),
        "lock" => "lock".into(),
        "lwlock" => "lightweight lock".into(),
        "io" => "data files".into(),
        "wal" => "write-ahead log".into(),
        "client" => "client".into(),
        "other" => "other".into(),
        _ => capital(name),
    }
}

/// Class that colours it.
pub fn resource_class(resource: Resource) -> &'static str {
    match resource {
        Resource::RunQueue => "cpu",
        Resource::DataIo => "io",
        Resource::Wal => "wal",
        Resource::LightweightLock => "lwlock",
    }
}

/// What took longer, for a sentence that goes on with "by …".
pub fn what(what: What) -> &'static str {
    match what {
        What::Lock(Cause::Row) => "waiting for a row locked",
        What::Lock(Cause::TupleQueue) => "queueing for a hot row held",
        What::Lock(Cause::Relation) => "waiting for a relation locked",
        What::Lock(Cause::BehindDdl) => "queueing behind a DDL statement",
        What::Lock(Cause::Advisory) => "waiting for an advisory lock held",
        What::Lock(Cause::Extend) => "waiting for a relation that is extended",
        What::Lock(Cause::VirtualTransaction) => "waiting for a snapshot used",
        What::Lock(Cause::Other) => "waiting for another lock held",
        What::Resource(Resource::RunQueue) => "waiting for a processor used",
        What::Resource(Resource::DataIo) => "waiting for data files used",
        What::Resource(Resource::Wal) => "waiting for the write-ahead log used",
        What::Resource(Resource::LightweightLock) => "waiting for lightweight locks, attributed by CPU use,",
        What::Driver => "the load driver waiting for a processor used",
        What::OnCpu => "more CPU time for the same requests",
        What::PoolWait => "waiting for a connection of its own pool",
        What::ThreadWait => "waiting for a database thread of its own",
    }
}

/// Class that colours it.
pub fn what_class(what: What) -> &'static str {
    match what {
        What::Lock(lock) => cause_class(lock),
        What::Resource(of) => resource_class(of),
        What::Driver => "client",
        What::OnCpu | What::PoolWait | What::ThreadWait => "own",
    }
}
