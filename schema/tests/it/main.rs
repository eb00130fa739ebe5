//! Tests of the database: its catalogue, rights, migrations, and the tools that make it.

mod smoke;
