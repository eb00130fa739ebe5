//! The part of SMTP (RFC 5321) that a sender needs: EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP, QUIT.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::mailbox::Shared;

/// More than any mail of ours; keeps a runaway sender from filling the memory.
const MAIL_BYTES_MAX: u64 = 16 * 1024 * 1024;
const LINE_BYTES_MAX: u64 = 4096;

/// Takes connections until the sink stops; a thread for each.
pub(crate) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // Where no thread can be had, the connection is closed and the sender tries again.
        let _ = thread::Builder::new().name("smtp session".into()).spawn(move || {
            // An error here is a sender that went away: nothing to be done, nothing lost that was promised.
            let _ = Session::new(stream, &shared).and_then(|mut session| session.run());
        });
    }
}

struct Session<'a> {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    shared: &'a Shared,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, shared: &'a Shared) -> io::Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        stream.set_nodelay(true)?;
        let writer = stream.try_clone()?;
        Ok(Self { reader: BufReader::new(stream), writer, shared, from: None, to: Vec::new() })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\r\n").as_bytes())
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn run(&mut self) -> io::Result<()> {
        if self.shared.dials().down {
            return Ok(());
        }
        if self.refused("connection")? {
            return Ok(());
        }
        self.say("220 mail-sink ESMTP")?;
        while let Some(line) = self.line()? {
            if self.shared.dials().down || self.shared.stopping() {
                return self.say("421 4.3.2 going down");
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.ehlo()?,
                "HELO" | "NOOP" => self.say("250 OK")?,
                "MAIL" => self.mail(&line)?,
                "RCPT" => self.rcpt(&line)?,
                "DATA" => {
                    if !self.data()? {
                        return Ok(());
                    }
                }
                "RSET" => {
                    self.reset();
                    self.say("250 OK")?;
                }
                "QUIT" => return self.say("221 bye"),
                _ => self.say("502 5.5.1 not known here")?,
            }
        }
        Ok(())
    }

    /// Whether this step is answered as a dial says; `550-5.7.1 …` and the like for all lines but the last are made here.
    fn refused(&mut self, step: &str) -> io::Result<bool> {
        let dials = self.shared.dials();
        let Some(answer) = dials.answers.get(step) else { return Ok(false) };
        let code = answer.get(..3).unwrap_or_default();
        let lines: Vec<_> = answer.get(4..).unwrap_or_default().split('\n').collect();
        for (number, line) in lines.iter().enumerate() {
            let mark = if number + 1 < lines.len() { '-' } else { ' ' };
            self.say(&format!("{code}{mark}{line}"))?;
        }
        Ok(true)
    }

    fn ehlo(&mut self) -> io::Result<()> {
        self.say("250-mail-sink")?;
        for extension in ["8BITMIME", "SMTPUTF8"] {
            if !self.shared.dials().lacks.iter().any(|lacks| lacks == extension) {
                self.say(&format!("250-{extension}"))?;
            }
        }
        self.say("250 SIZE 16777216")
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn mail(&mut self, line: &str) -> io::Result<()> {
        match address(line, "MAIL FROM:") {
            Some(_) if self.refused("mail")? => Ok(()),
            Some(from) if self.from.is_none() => {
                self.from = Some(from);
                self.say("250 OK")
            }
            Some(_) => self.say("503 5.5.1 one sender is enough"),
            None => self.say("501 5.5.4 MAIL FROM:<address>"),
        }
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first");
        }
        match address(line, "RCPT TO:") {
            Some(_) if self.refused("rcpt")? => Ok(()),
            Some(to) => match self.shared.dials().refuse.get(&to) {
                Some(code @ 400..=499) => self.say(&format!("{code} 4.2.1 mailbox busy: {to}")),
                Some(code) => self.say(&format!("{code} 5.1.1 no such mailbox: {to}")),
                None => {
                    self.to.push(to);
                    self.say("250 OK")
                }
            },
            None => self.say("501 5.5.4 RCPT TO:<address>"),
        }
    }

    /// Takes the mail. False: the connection shall be closed without an answer.
    fn data(&mut self) -> io::Result<bool> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first")?;
            return Ok(true);
        }
        if self.refused("data")? {
            return Ok(true);
        }
        self.say("354 end with a dot")?;
        let Some(raw) = self.content()? else {
            self.say("552 5.3.4 too big")?;
            return Ok(false);
        };
        if self.refused("content")? {
            self.reset();
            return Ok(true);
        }
        let dials = self.shared.dials();
        let slowest = self.to.iter().filter_map(|to| dials.slow.get(to)).copied().max().unwrap_or(0);
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        self.shared.keep(from, to, raw)?;
        // Kept, and said so only later: a sender that is killed meanwhile has sent it and doesn't know.
        thread::sleep(Duration::from_millis(dials.delay_ms.max(slowest)));
        if self.shared.forgets() {
            return Ok(false);
        }
        self.say("250 2.0.0 kept")?;
        Ok(true)
    }

    /// Everything up to the lonely dot, doubled dots undone (RFC 5321, 4.5.2); none: too big.
    fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut raw = Vec::new();
        loop {
            let start = raw.len();
            let left = MAIL_BYTES_MAX.saturating_sub(start as u64);
            if (&mut self.reader).take(left).read_until(b'\n', &mut raw)? == 0 {
                return if left == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if &raw[start..] == b".\r\n" {
                raw.truncate(start);
                return Ok(Some(raw));
            }
            if raw[start] == b'.' {
                raw.remove(start);
            }
        }
    }
}

/// The address between the angle brackets of `MAIL FROM:<a@b> …`.
fn address(line: &str, prefix: &str) -> Option<String> {
    let head = line.get(..prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let rest = line[prefix.len()..].trim_start().strip_prefix('<')?;
    Some(rest[..rest.find('>')?].to_owned())
}
