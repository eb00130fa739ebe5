//! The payment sandbox: see the crate's documentation.
use clap::Parser;

fn main() -> std::process::ExitCode {
    match payment_sandbox::serve(payment_sandbox::Options::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("payment-sandbox: {error}");
            std::process::ExitCode::from(3)
        }
    }
}
