//! What is waited for, in words and colours.

use schema::blame::Cause;

use crate::result::{Resource, What};

/// A lock.
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Row => "a row changed by an open transaction",
        Cause::TupleQueue => "the queue for a hot row",
        Cause::Relation => "a lock on a relation",
        Cause::BehindDdl => "queueing behind a DDL statement",
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

/// Something without an owner.
pub fn resource(resource: Resource) -> &'static str {
    match resource {
        Resource::RunQueue => "a processor",
        Resource::DataIo => "data files",
        Resource::Wal => "the write-ahead log",
        Resource::LightweightLock => "a lightweight lock",
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
        What::Lock(lock) => cause(lock),
        What::Resource(Resource::RunQueue) => "waiting for a processor used",
        What::Resource(Resource::DataIo) => "waiting for data files used",
        What::Resource(Resource::Wal) => "waiting for the write-ahead log used",
        What::Resource(Resource::LightweightLock) => "lightweight locks, split by work",
        What::Driver => "the driver's own wait for a processor used",
        What::OnCpu => "more work for the same requests",
        What::PoolWait => "waiting for a connection of its own",
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
