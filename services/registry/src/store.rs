//! Each file below holds one noun: its statements, and what is done with them on a connection. Every function refuses a
//! frozen organisation before anything else.

pub mod api_create;
pub mod api_list;
pub mod api_writes;
pub mod apis;
pub mod domains;
pub mod feed;
mod limits;
mod owners;
pub mod shut_out;
mod standing;
pub mod sub_domains;
pub mod tags;
pub mod versions;
pub mod watches;

/// The schema of this service.
pub const SCHEMA: &str = "registry";
