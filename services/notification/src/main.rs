//! `notification`: what people are told.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::run::<notification::NotificationService>()
}
