//! The least that it can take: a commit, a listening session that hears of it, and one mail handed over to the same mail sink.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use postgres::NoTls;
use postgres::fallible_iterator::FallibleIterator as _;

use super::failed;
use crate::Failure;
use crate::system::Deployment;

/// How often: enough for a 99th percentile.
const TIMES: u32 = 200;

/// Milliseconds of each.
pub(super) fn delays(deployment: &Deployment, database: &str) -> Result<Vec<f64>, Failure> {
    let doing = |error: postgres::Error| failed(&error);
    let mut listening = postgres::Client::connect(database, NoTls).map_err(doing)?;
    let mut telling = postgres::Client::connect(database, NoTls).map_err(doing)?;
    listening.batch_execute("listen bench").map_err(doing)?;
    let tell = telling.prepare("notify bench").map_err(doing)?;
    let mut mails = Mails::connect(&smtp_port(deployment)?)?;
    let mut all = Vec::new();
    for number in 0..TIMES {
        let begun = Instant::now();
        telling.execute(&tell, &[]).map_err(doing)?;
        let heard = listening.notifications().timeout_iter(Duration::from_secs(5)).next().map_err(doing)?;
        if heard.is_none() {
            return Err(failed(&"a notification didn't come within 5 s"));
        }
        mails.send(number)?;
        all.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(all)
}

/// Where Notification hands its mails over.
fn smtp_port(deployment: &Deployment) -> Result<String, Failure> {
    let id = deployment.process_id("notification");
    let environ = id.and_then(|id| std::fs::read(format!("/proc/{id}/environ")).ok());
    let text = String::from_utf8_lossy(&environ.unwrap_or_default()).into_owned();
    text.split('\0')
        .find_map(|one| one.strip_prefix("SMTP_PORT="))
        .map(str::to_owned)
        .ok_or_else(|| failed(&"Notification's mail server can't be told"))
}

/// An SMTP session.
struct Mails {
    stream: BufReader<TcpStream>,
}

impl Mails {
    fn connect(port: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}"));
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = BufReader::new(stream.map_err(|error| failed(&error))?);
        let mut session = Self { stream };
        session.answer()?;
        session.say("EHLO bench.example")?;
        Ok(session)
    }

    fn send(&mut self, number: u32) -> Result<(), Failure> {
        self.say("MAIL FROM:<bench@bench.example>")?;
        self.say("RCPT TO:<nobody@bench.example>")?;
        self.say("DATA")?;
        self.say(&format!("Message-ID: <bare-{number}@bench.example>\r\nSubject: bare\r\n\r\nA mail.\r\n."))
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        let written = self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes());
        written.map_err(|error| failed(&error))?;
        self.answer()
    }

    /// The last line of an answer has a space behind its code.
    fn answer(&mut self) -> Result<(), Failure> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).map_err(|error| failed(&error))?;
            match (line.as_bytes().first(), line.as_bytes().get(3)) {
                (Some(b'2' | b'3'), Some(b'-')) => {}
                (Some(b'2' | b'3'), Some(_)) => return Ok(()),
                _ => return Err(failed(&format!("the mail sink says {line:?}"))),
            }
        }
    }
}
