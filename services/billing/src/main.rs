//! The Billing service.
fn main() -> std::process::ExitCode {
    kit::run::<billing::Billing>()
}
