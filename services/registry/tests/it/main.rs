//! Registry through HTTP, in process, on a real Postgres, as its real logins.

mod fixture;
mod suite;
