//! Databases for tests: a fresh one in about a tenth of a second, on a cluster that all test processes share and that ends by itself.

pub mod browser;
mod db;
pub mod fixture;
mod german;
mod needs;
mod own;
mod small_disk;
mod statements;
mod tls;

pub use db::{TestDb, dump_program};
pub use german::{GERMAN, in_german, speaks_german};
pub use needs::needs;
pub use own::TestCluster;
pub use small_disk::SmallDisk;
pub use statements::Statement;
pub use tls::TlsServer;
