//! What can be asked of a running system.

use std::sync::mpsc::Sender;

use crate::Failure;

/// What can be asked of a running system.
pub(super) enum Command {
    /// SIGTERM to a service, and wait for its end.
    Stop(&'static str, Sender<()>),
    /// Start a service that isn't running, and wait until it is ready.
    Start(&'static str, Sender<Result<(), Failure>>),
    /// The process id of a running service.
    Id(&'static str, Sender<Option<u32>>),
    /// Other settings for a service, from its next start on.
    Environment(&'static str, Vec<(String, String)>, Sender<()>),
    /// Stop the database that was started here; the services stay.
    StopDatabase(Sender<Result<(), Failure>>),
    /// Start it again.
    StartDatabase(Sender<Result<(), Failure>>),
}
