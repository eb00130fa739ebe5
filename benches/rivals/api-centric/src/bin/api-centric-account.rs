//! The account service of the API-centric architecture; see the library.

fn main() -> std::process::ExitCode {
    account::generate_key_alone().unwrap_or_else(api_centric::run::<account::Account>)
}
