//! Tests of the database: its catalogue, rights, migrations, and the tools that make it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod address;
mod apply;
mod attacks;
mod blame;
mod catalog;
mod cluster;
mod coupling;
mod effective_rights;
mod encoding;
mod feed_order;
mod foreign;
mod grants;
mod holes;
mod impact;
mod in_use;
mod init;
mod limits;
mod migrations;
mod other;
mod own_database;
mod planted;
mod refused;
mod roles;
mod support;
mod tidy;
mod tls;
mod watch;
