//! The Profile service's process: settings from flags and the environment, then HTTP.

fn main() -> std::process::ExitCode {
    kit::run::<profile::Service>()
}
