//! `mail-sink`: takes every mail, sends none, shows them on a page.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use mail_sink::{MailSink, Options};
use serde_json::json;

/// A mail server for development: takes every mail, sends none, shows them on a page.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the page listens; port 0 takes a free one.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8107")]
    listen: SocketAddr,
    /// Where mail is taken; port 0 takes a free one.
    #[arg(long, env = "SMTP_LISTEN", default_value = "127.0.0.1:8125")]
    smtp_listen: SocketAddr,
    /// Mails kept in memory; the oldest go first.
    #[arg(long, env = "KEEP", default_value_t = 20_000)]
    keep: usize,
    /// Append every mail to this file, one JSON object per line.
    #[arg(long, env = "MAIL_FILE")]
    file: Option<PathBuf>,
    /// Confirm every address that is asked to, as its owner would.
    #[arg(long, env = "CONFIRM")]
    confirm: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        smtp: arguments.smtp_listen,
        http: Some(arguments.listen),
        keep: arguments.keep,
        file: arguments.file,
        confirm: arguments.confirm,
    };
    match MailSink::start(&options) {
        Ok(sink) => {
            println!(
                "{}",
                json!({ "listening": sink.http().map(|at| at.to_string()), "smtp": sink.smtp().to_string() })
            );
            loop {
                thread::park();
            }
        }
        Err(error) => {
            eprintln!("mail-sink: {error}");
            ExitCode::from(3)
        }
    }
}
