//! A closed loop over HTTP/1.1: so many connections, each sends its next request as soon as it is answered.
//!
//! It answers how many requests get through in a second. How long somebody waits who comes at a moment of their own is what
//! the open-loop [`driver`](super::driver) measures. One thread, and as little work per answer as possible: it shares the
//! processors with what is measured.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::driver::{Call, Outcome};
use crate::Failure;
use crate::stats::Histogram;

/// How it is driven.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the service listens.
    pub address: SocketAddr,
    /// Connections, and so requests in flight.
    pub connections: usize,
    /// Before what is recorded.
    pub warm_up: Duration,
    /// How long is recorded.
    pub length: Duration,
}

/// What was seen between the end of the warm-up and the end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Answers by status; 0: the connection broke.
    pub by_status: BTreeMap<u16, u64>,
    /// Of good answers (2xx and 3xx), from sending to the last byte.
    pub latency: Histogram,
    /// Seconds measured.
    pub seconds: f64,
}

impl Seen {
    /// Good answers per second.
    #[must_use]
    pub fn good_per_s(&self) -> f64 {
        self.latency.count() as f64 / self.seconds
    }

    /// Answers that weren't good, and broken connections.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.by_status.iter().filter(|(status, _)| !good(**status)).map(|(_, count)| count).sum()
    }

    /// Milliseconds at a quantile of the good answers.
    #[must_use]
    pub fn ms(&self, quantile: f64) -> f64 {
        self.latency.quantile_us(quantile).unwrap_or_default() as f64 / 1000.0
    }
}

fn good(status: u16) -> bool {
    Outcome::of_status(status) == Outcome::Ok
}

/// What all connections share.
struct Shared<'a> {
    next: &'a mut dyn FnMut() -> Call,
    seen: Seen,
    from: Instant,
    until: Instant,
}

/// Drives it with the calls that `next` gives. `mark` is called on this thread when the recording begins and when it ends.
///
/// # Errors
/// When the event loop can't be made. A failing *service* is no error: it is what the record shows.
pub fn run(settings: Settings, next: &mut dyn FnMut() -> Call, mark: &mut dyn FnMut()) -> Result<Seen, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::could_not_run(format!("The driver could not start: {error}.")))?;
    let from = Instant::now() + settings.warm_up;
    let shared = RefCell::new(Shared { next, seen: Seen::default(), from, until: from + settings.length });
    runtime.block_on(async {
        let all = (0..settings.connections).map(|_| connection(settings.address, &shared));
        let mut all = std::pin::pin!(join(all.collect()));
        let ended = tokio::time::timeout_at(from.into(), &mut all).await;
        mark();
        if ended.is_err() {
            all.await;
        }
        mark();
    });
    Ok(Seen { seconds: settings.length.as_secs_f64(), ..shared.into_inner().seen })
}

/// All of them, each woken by itself alone.
async fn join(all: Vec<impl Future<Output = ()>>) {
    let set = futures_util::stream::FuturesUnordered::from_iter(all);
    futures_util::StreamExt::for_each(set, |()| std::future::ready(())).await;
}

/// One connection until the end, made anew whenever it breaks.
async fn connection(address: SocketAddr, shared: &RefCell<Shared<'_>>) {
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
        let call = (shared.borrow_mut().next)();
        write(&call, &mut request)?;
        stream.write_all(&request).await?;
        let status = read(&mut stream, &mut answer).await?;
        let done = Instant::now();
        let shared = &mut *shared.borrow_mut();
        if sent < shared.from || done > until {
            continue;
        }
        *shared.seen.by_status.entry(status).or_default() += 1;
        if good(status) {
            shared.seen.latency.record_us((done - sent).as_micros() as u64);
        }
    }
}

/// The bytes of a request.
fn write(call: &Call, out: &mut Vec<u8>) -> std::io::Result<()> {
    let path = call.url.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    write!(out, "{} {path} HTTP/1.1\r\nhost: {}\r\n", call.method, call.url.host().unwrap_or_default())?;
    let named = [("authorization", &call.authorization), ("if-match", &call.if_match)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (name, value) in named.chain(call.headers.iter().map(|(name, value)| (name.as_str(), value))) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if let Some(body) = &call.body {
        write!(out, "content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())?;
        out.extend_from_slice(body);
    } else {
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// Reads one answer, whose length its head says; its status.
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
    use crate::load::driver::Method;
    use hyper::header::HeaderValue;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\nContent-"), None);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(whole_length(answer), Some(answer.len()));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(whole_length(empty), Some(empty.len()));
    }

    #[test]
    fn a_request_is_written_as_http() {
        let mut call = Call {
            method: Method::POST,
            url: "http://127.0.0.1:8080/apis?limit=5".parse().unwrap(),
            authorization: Some(HeaderValue::from_static("Bearer x")),
            headers: [].into(),
            if_match: None,
            body: Some(bytes::Bytes::from_static(b"{}")),
            of: None,
        };
        let text = |call: &Call| {
            let mut out = Vec::new();
            write(call, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let head = "/apis?limit=5 HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer x\r\n";
        let body = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(text(&call), format!("POST {head}{body}"));
        (call.method, call.body) = (Method::GET, None);
        assert_eq!(text(&call), format!("GET {head}\r\n"));
    }
}
