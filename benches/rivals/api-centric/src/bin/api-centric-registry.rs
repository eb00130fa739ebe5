//! The registry service of the API-centric architecture; see the library.

fn main() -> std::process::ExitCode {
    api_centric::run::<registry::Registry>()
}
