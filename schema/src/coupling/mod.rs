//! Who depends on whom, to the column: `dba coupling`.

pub mod resolve;
pub mod statements;
mod tree;
