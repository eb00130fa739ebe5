//! kit as services use it: a small service on real Postgres, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod auth;
mod bodies;
mod built_in;
mod changes;
mod clients;
mod feed_order;
mod http;
mod idempotency;
mod jobs;
mod overload;
mod own;
mod panics;
mod process;
mod refused;
mod restart;
mod sample;
mod slow;
mod statement;
mod stop;
mod stopped;
mod store;
mod tls;
mod translated;
mod unread;
