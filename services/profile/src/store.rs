//! What can be done with people, on a connection: each file holds its statements and the functions that use them.

mod places;
pub mod profiles;
pub mod settings;

/// The schema of everything written here.
pub const SCHEMA: &str = "profile";
