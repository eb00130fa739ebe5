//! dba
fn main() {}
