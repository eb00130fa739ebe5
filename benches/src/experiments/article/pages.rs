//! A page that needs several services: it calls each once, one after the other or all at once, and ends with the last.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stub::{Behaviour, Stub};
use crate::Failure;

/// One page's end.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// From the first call to the last answer.
    pub took: Duration,
    /// The longest that a call took; known only where they are made one after the other, else as `took`.
    pub slowest: Duration,
    /// Whether every call succeeded.
    pub good: bool,
}

/// How pages are made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Calls of a page, each to a stub of its own.
    pub calls: u32,
    /// All at once, or one after the other.
    pub parallel: bool,
    /// How many.
    pub pages: u64,
    /// Users who ask at the same time.
    pub users: u32,
}

/// Starts stubs, makes pages at them, and returns these in the order of their numbers.
///
/// # Errors
/// When a stub can't be started or doesn't answer.
pub fn run(shape: Shape, behaviour: Behaviour) -> Result<Vec<Page>, Failure> {
    let stubs: Vec<Stub> =
        (0..shape.calls).map(|number| Stub::start(number.into(), behaviour)).collect::<Result<_, _>>()?;
    let next = AtomicU64::new(0);
    let user = || -> std::io::Result<Vec<(u64, Page)>> {
        let mut lines: Vec<Line> = stubs.iter().map(Line::open).collect::<Result<_, _>>()?;
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= shape.pages {
                return Ok(made);
            }
            made.push((number, page(&mut lines, number, shape.parallel)?));
        }
    };
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let users: Vec<_> = (0..shape.users).map(|_| scope.spawn(user)).collect();
        for user in users {
            let made = user
                .join()
                .map_err(|_| Failure::could_not_run("A user of the stubs is gone."))?
                .map_err(|error| Failure::could_not_run(format!("A stub doesn't answer: {error}.")))?;
            all.extend(made);
        }
        Ok::<(), Failure>(())
    })?;
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, page)| page).collect())
}

/// A connection to one stub.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(stub: &Stub) -> std::io::Result<Self> {
        let stream = TcpStream::connect(stub.address())?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask(&mut self, page: u64) -> std::io::Result<()> {
        let request = format!("GET /{page} HTTP/1.1\r\nhost: stub\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())
    }

    fn hear(&mut self) -> std::io::Result<bool> {
        let (mut line, mut good) = (String::new(), false);
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            good |= line.starts_with("HTTP/1.1 200");
            if line == "\r\n" {
                return Ok(good);
            }
        }
    }
}

fn page(lines: &mut [Line], number: u64, parallel: bool) -> std::io::Result<Page> {
    let started = Instant::now();
    let (mut good, mut slowest) = (true, Duration::ZERO);
    if parallel {
        for line in lines.iter_mut() {
            line.ask(number)?;
        }
        // Heard in any order, the last one ends the page.
        for line in lines.iter_mut() {
            good &= line.hear()?;
        }
        slowest = started.elapsed();
    } else {
        for line in lines.iter_mut() {
            let asked = Instant::now();
            line.ask(number)?;
            good &= line.hear()?;
            slowest = slowest.max(asked.elapsed());
        }
    }
    Ok(Page { took: started.elapsed(), slowest, good })
}
