//! The least that it can take: a commit, a listening session that hears of it, and one mail handed over to the same mail sink.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator as _;

use super::failed;
use crate::Failure;
use crate::observe::process::variable;
use crate::stats::Histogram;
use crate::system::Deployment;

/// How often: enough for a 99th percentile.
const TIMES: u32 = 200;

/// How long each took.
pub(super) fn delays(deployment: &Deployment) -> Result<Histogram, Failure> {
    let doing = |error: postgres::Error| failed(&error);
    let (mut listener, mut sender) = (deployment.superuser()?, deployment.superuser()?);
    listener.batch_execute("listen bench").map_err(doing)?;
    let notify = sender.prepare("notify bench").map_err(doing)?;
    let port = deployment.process_id("notification").and_then(|id| variable(id, "SMTP_PORT"));
    let mut mails = Mails::connect(&port.ok_or_else(|| failed(&"Notification's mail server is unknown"))?)?;
    let mut all = Histogram::new();
    for number in 0..TIMES {
        let begun = Instant::now();
        sender.execute(&notify, &[]).map_err(doing)?;
        let heard = listener.notifications().timeout_iter(Duration::from_secs(5)).next().map_err(doing)?;
        if heard.is_none() {
            return Err(failed(&"a notification didn't come within 5 s"));
        }
        mails.send(number)?;
        all.record_us(begun.elapsed().as_micros() as u64);
    }
    Ok(all)
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
        session.command("EHLO bench.example")?;
        Ok(session)
    }

    fn send(&mut self, number: u32) -> Result<(), Failure> {
        self.command("MAIL FROM:<bench@bench.example>")?;
        self.command("RCPT TO:<nobody@bench.example>")?;
        self.command("DATA")?;
        self.command(&format!("Message-ID: <bare-{number}@bench.example>\r\nSubject: bare\r\n\r\nA mail.\r\n."))
    }

    fn command(&mut self, line: &str) -> Result<(), Failure> {
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
                _ => return Err(failed(&format!("the mail sink answered {line:?}"))),
            }
        }
    }
}
