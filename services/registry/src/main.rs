//! The Registry service: see the crate's documentation.

fn main() -> std::process::ExitCode {
    kit::run::<registry::Registry>()
}
