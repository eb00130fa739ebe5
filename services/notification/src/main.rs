//! The Notification service.

use std::process::ExitCode;

fn main() -> ExitCode {
    kit::run::<notification::NotificationService>()
}
