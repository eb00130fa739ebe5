//! The service Account; see the library.

fn main() -> std::process::ExitCode {
    account::generate_key_alone().unwrap_or_else(kit::run::<account::Account>)
}
