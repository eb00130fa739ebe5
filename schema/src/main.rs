//! `dba`: the database of Govrnanza, from nothing to running, and back in order.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
