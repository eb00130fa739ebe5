//! The owner of an address who wants the mails: presses the button behind the link.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(10);

/// The link of a mail that asks for a confirmation.
pub(crate) fn link(text: &str) -> Option<String> {
    let found = text.split_whitespace().find(|word| word.starts_with("http") && word.contains("/confirmations/"));
    found.map(str::to_owned)
}

/// Sends what the page's button sends. One that isn't taken is told of, and its address stays unconfirmed.
pub(crate) fn press(link: &str) {
    match post(link) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => {}
        Ok(answer) => eprintln!("mail-sink: {link} was answered: {}", answer.lines().next().unwrap_or_default()),
        Err(error) => eprintln!("mail-sink: {link} can't be reached: {error}"),
    }
}

fn post(link: &str) -> io::Result<String> {
    let (host, path) = link
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| io::Error::other("not http://"))?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(WAIT))?;
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
