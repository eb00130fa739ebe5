//! A connection that is closed when its client is too slow. actix limits how long the first request's head may take; a client
//! that sends its second one byte by byte, or never takes its answers, would hold the connection for ever.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::unread::{as_problem, bare_answer};
use crate::clients::Place;

/// The requests of a connection, begun and ended; its own data, counted by the outermost layer.
#[derive(Clone, Default)]
pub(super) struct Pulse(Rc<Cell<(u64, u64)>>);

impl Pulse {
    /// One more is under way until what is returned is dropped.
    pub fn begin(&self) -> UnderWay {
        let (begun, ended) = self.0.get();
        self.0.set((begun + 1, ended));
        UnderWay(self.clone())
    }
}

/// A request that has begun and not ended.
pub(super) struct UnderWay(Pulse);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let (begun, ended) = self.0.0.get();
        self.0.0.set((begun, ended + 1));
    }
}

/// A time after which somebody has waited long enough.
#[derive(Default)]
struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// From now on, unless it runs already.
    fn start(&mut self, wait: Duration) {
        self.0.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + wait)));
    }

    fn clear(&mut self) {
        self.0 = None;
    }

    /// An error once it is over; the task is woken then.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let over = |sleep: &mut Pin<Box<Sleep>>| sleep.as_mut().poll(context).is_ready();
        if self.0.as_mut().is_some_and(over) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

/// A TCP connection whose client must finish what it begins.
pub(super) struct Connection {
    io: TcpStream,
    pulse: Pulse,
    waits: Waits,
    /// How many requests had begun at the last look.
    known: u64,
    /// Whether some of a head has arrived and the rest is awaited.
    heading: bool,
    coming: Deadline,
    taking: Deadline,
    /// What is written in the place of the dispatcher's bare answer, and how much of it is.
    problem: Option<(Vec<u8>, usize)>,
    /// Counted among those of its address until the connection ends.
    _place: Option<Place>,
}

/// How long a client may take.
#[derive(Clone, Copy)]
pub(super) struct Waits {
    /// For a head, from its first byte.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// To take an answer.
    pub taking: Duration,
}

impl Connection {
    pub fn new(io: TcpStream, waits: Waits, place: Option<Place>) -> Self {
        Self {
            io,
            pulse: Pulse::default(),
            waits,
            known: 0,
            heading: false,
            coming: Deadline::default(),
            taking: Deadline::default(),
            problem: None,
            _place: place,
        }
    }

    /// What counts its requests.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Whether the next bytes are some of a head; those of a body have a limit of their own.
    fn awaits_head(&mut self) -> bool {
        let (begun, ended) = self.pulse.0.get();
        if begun != self.known || begun != ended {
            self.known = begun;
            self.heading = false;
            self.coming.clear();
        }
        begun == ended
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let awaits_head = this.awaits_head();
        if awaits_head {
            this.coming.start(this.waits.idle);
            this.coming.check(context)?;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        if awaits_head && !this.heading && buffer.filled().len() > before {
            this.heading = true;
            this.coming.clear();
            this.coming.start(this.waits.head);
            // So that it wakes this task.
            this.coming.check(context)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Connection {
    /// Writes a problem for this bare answer, all of which counts as written then.
    fn write_problem(&mut self, context: &mut Context<'_>, bare: &[u8]) -> Poll<io::Result<usize>> {
        let (problem, written) = self.problem.get_or_insert_with(|| (as_problem(bare), 0));
        while *written < problem.len() {
            match ready!(Pin::new(&mut self.io).poll_write(context, &problem[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => *written += some,
            }
        }
        self.problem = None;
        Poll::Ready(Ok(bare.len()))
    }

    /// An answer that isn't taken within the wait ends the connection.
    fn taken<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.taking.clear();
            return written;
        }
        self.taking.start(self.waits.taking);
        self.taking.check(context)?;
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match bare_answer(bytes) {
            None => Pin::new(&mut this.io).poll_write(context, bytes),
            Some(0) => this.write_problem(context, bytes),
            Some(before) => Pin::new(&mut this.io).poll_write(context, &bytes[..before]),
        };
        this.taken(context, written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(context);
        this.taken(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
