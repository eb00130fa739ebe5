//! What Account does with its data, on a connection: each file holds one noun's statements and the functions that use them.
//! Passwords come hashed, since hashing takes longer than any statement.

mod admins;
pub mod invitations;
pub mod keys;
pub mod logins;
pub mod operators;
pub mod organisations;
pub mod over_plan;
pub mod plans;
pub mod sign_in;
pub mod sign_up;

/// The schema of Account's tables.
pub const SCHEMA: &str = "account";
