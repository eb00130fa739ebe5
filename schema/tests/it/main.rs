//! Tests of the database: its catalogue, rights, migrations, and the tools that make it.

mod apply;
mod attacks;
mod catalog;
mod cluster;
mod grants;
mod holes;
mod limits;
mod migrations;
mod support;
mod tidy;
