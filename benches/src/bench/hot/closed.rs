//! A closed loop over HTTP/1.1: so many connections, each asking again as soon as it is answered.
//!
//! For the question how much goes through; how long somebody waits who comes at a moment of their own is what the open-loop
//! [`crate::load::driver`] measures. One thread, prepared requests, as little work per answer as can be: it shares the processors
//! with what is measured.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::observe::cpu::thread_cpu_s;
use crate::stats::Histogram;

/// What was seen between the end of the warm-up and the end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Answers by status; 0: the connection broke.
    pub by_status: BTreeMap<u16, u64>,
    /// Of answers that are no failure, from sending to the last byte.
    pub latency: Histogram,
    /// Of answers that are failures.
    pub refused: Histogram,
    /// Seconds measured.
    pub seconds: f64,
    /// Processor seconds of the driving thread.
    pub driver_cpu_s: f64,
}

impl Seen {
    /// Answers of 2xx and 3xx per second.
    pub fn good_per_s(&self) -> f64 {
        self.latency.count() as f64 / self.seconds
    }

    /// Answers that were none of these.
    pub fn failed(&self) -> u64 {
        let failed = self.by_status.iter().filter(|(status, _)| !good(**status));
        failed.map(|(_, count)| count).sum()
    }

    /// Milliseconds at a quantile of the good ones.
    pub fn ms(&self, quantile: f64) -> f64 {
        self.latency.quantile_us(quantile).unwrap_or_default() as f64 / 1000.0
    }
}

fn good(status: u16) -> bool {
    (200..400).contains(&status)
}

/// Gives the next request, whole.
pub type Next<'a> = &'a mut dyn FnMut(&mut Vec<u8>);

struct Shared<'a> {
    next: Next<'a>,
    seen: Seen,
    from: Instant,
    until: Instant,
}

/// Asks for `warm_up` and then for `length`. `at_start` is called when what counts begins, `at_end` when it ends.
pub fn run(
    address: SocketAddr,
    connections: usize,
    warm_up: Duration,
    length: Duration,
    next: Next<'_>,
    marks: (&mut dyn FnMut(), &mut dyn FnMut()),
) -> std::io::Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let from = Instant::now() + warm_up;
    let shared = RefCell::new(Shared { next, seen: Seen::default(), from, until: from + length });
    runtime.block_on(async {
        let all = (0..connections).map(|_| ask(address, &shared));
        let mut all = std::pin::pin!(join(all.collect()));
        let ended = tokio::time::timeout_at(from.into(), &mut all).await;
        (marks.0)();
        let cpu = thread_cpu_s();
        if ended.is_err() {
            all.await;
        }
        (marks.1)();
        shared.borrow_mut().seen.driver_cpu_s = thread_cpu_s() - cpu;
    });
    let mut seen = shared.into_inner().seen;
    seen.seconds = length.as_secs_f64();
    Ok(seen)
}

/// All of them, each woken by itself alone.
async fn join(all: Vec<impl Future<Output = ()>>) {
    let set = futures_util::stream::FuturesUnordered::from_iter(all);
    futures_util::StreamExt::for_each(set, |()| std::future::ready(())).await;
}

async fn ask(address: SocketAddr, shared: &RefCell<Shared<'_>>) {
    let until = shared.borrow().until;
    while Instant::now() < until {
        if converse(address, shared).await.is_ok() {
            return;
        }
        *shared.borrow_mut().seen.by_status.entry(0).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One connection until the end, or until it breaks.
async fn converse(address: SocketAddr, shared: &RefCell<Shared<'_>>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::with_capacity(2048), vec![0; 256 * 1024]);
    let until = shared.borrow().until;
    loop {
        let sent = Instant::now();
        if sent >= until {
            return Ok(());
        }
        request.clear();
        (shared.borrow_mut().next)(&mut request);
        stream.write_all(&request).await?;
        let status = read(&mut stream, &mut answer).await?;
        let done = Instant::now();
        let shared = &mut *shared.borrow_mut();
        if sent < shared.from || done > until {
            continue;
        }
        *shared.seen.by_status.entry(status).or_default() += 1;
        let micros = (done - sent).as_micros() as u64;
        if good(status) {
            shared.seen.latency.record_us(micros);
        } else {
            shared.seen.refused.record_us(micros);
        }
    }
}

/// Reads one answer, whose length the header says; its status.
async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<u16> {
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let (mut length, mut whole) = (0, None);
    while whole.is_none_or(|whole| length < whole) {
        let more = stream.read(buffer.get_mut(length..).ok_or_else(broken)?).await?;
        if more == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        length += more;
        if whole.is_none() {
            whole = whole_length(&buffer[..length]);
        }
    }
    std::str::from_utf8(&buffer[9..12]).ok().and_then(|status| status.parse().ok()).ok_or_else(broken)
}

/// Bytes of head and body, once the head is there.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let body = text
        .split("\r\n")
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        })
        .unwrap_or(0);
    Some(head + body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\nContent-"), None);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(whole_length(answer), Some(answer.len()));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(whole_length(empty), Some(empty.len()));
    }
}
