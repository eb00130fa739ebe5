//! A server whose delays follow a known law, exactly, which the driver's figures are compared with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

use crate::Failure;
use crate::load::schedule::stream;

/// Exponential delays, and a stall: nothing is answered during the first `stall` of every `cycle`.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// Mean of the exponential part; zero answers at once.
    pub mean: Duration,
    /// Length of each stall.
    pub stall: Duration,
    /// From one stall's start to the next one's.
    pub cycle: Duration,
}

impl Law {
    /// Quantile `q` of the response time of a request that arrives at a random moment, in seconds.
    ///
    /// With share `p = stall/cycle` of arrivals waiting a residue `r`, uniform over `0..stall`, first:
    /// `F(t) = (1-p)(1-e^(-t/m)) + p/s · ∫₀^min(t,s) (1-e^(-(t-r)/m)) dr`, inverted by bisection.
    pub fn quantile_s(&self, q: f64) -> f64 {
        let (m, s) = (self.mean.as_secs_f64(), self.stall.as_secs_f64());
        let p = s / self.cycle.as_secs_f64();
        let within = |t: f64| {
            let upper = t.min(s);
            let integral = upper - m * (((upper - t) / m).exp() - (-t / m).exp());
            (1.0 - p) * (1.0 - (-t / m).exp()) + if s > 0.0 { p / s * integral } else { 0.0 }
        };
        let (mut low, mut high) = (0.0, s + 40.0 * m);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if within(middle) < q { low = middle } else { high = middle }
        }
        high
    }
}

/// An answer that is due at a moment.
struct Due {
    at: Instant,
    number: u64,
    to: Arc<Mutex<TcpStream>>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The running server; it ends when dropped.
pub struct Stub {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Delays are drawn without replacement from this many equally likely ones, so that even a short run follows the law
/// closely.
const STRATA: usize = 4000;

impl Stub {
    /// On a free port of the loopback.
    pub fn start(law: Law, seed: u64) -> Result<Self, Failure> {
        let failed = |error| Failure::could_not_run(format!("The stub server can't start: {error}."));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (due, inbox) = channel();
        let answering = std::thread::spawn(move || answer(&inbox));
        let (stopped, started) = (Arc::clone(&stop), Instant::now());
        let delays: Arc<Vec<Duration>> = Arc::new(delays(law, seed));
        let next = Arc::new(AtomicU64::new(0));
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let _ = connection.set_nodelay(true);
                let (due, delays, next) = (due.clone(), Arc::clone(&delays), Arc::clone(&next));
                std::thread::spawn(move || read(&connection, law, started, &delays, &next, &due));
            }
        });
        Ok(Self { address, stop, threads: vec![accepting, answering] })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then ends; the others end with their connections.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = (!self.threads.is_empty()).then(|| self.threads.remove(0)) {
            let _ = accepting.join();
        }
    }
}

fn delays(law: Law, seed: u64) -> Vec<Duration> {
    let mut delays: Vec<Duration> =
        (0..STRATA).map(|i| law.mean.mul_f64(-(1.0 - (i as f64 + 0.5) / STRATA as f64).ln())).collect();
    delays.shuffle(&mut stream(seed, "stub"));
    delays
}

/// One connection: a thread of its own, since what is being tested may open hundreds at once.
fn read(connection: &TcpStream, law: Law, started: Instant, delays: &[Duration], next: &AtomicU64, due: &Sender<Due>) {
    let Ok(writer) = connection.try_clone() else {
        return;
    };
    let to = Arc::new(Mutex::new(writer));
    let mut lines = BufReader::new(connection);
    let mut line = String::new();
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == "\r\n" => {}
            Ok(_) => continue,
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let into_cycle = Duration::from_nanos((now - started).as_nanos() as u64 % law.cycle.as_nanos().max(1) as u64);
        let stalled = law.stall.saturating_sub(into_cycle);
        let at = now + stalled + delays[number as usize % delays.len()];
        if due.send(Due { at, number, to: Arc::clone(&to) }).is_err() {
            return;
        }
    }
}

/// Answers each request at its moment. Ends when nobody can send any more.
fn answer(inbox: &Receiver<Due>) {
    let mut waiting: BinaryHeap<Reverse<Due>> = BinaryHeap::new();
    loop {
        while let Some(Reverse(first)) = waiting.peek() {
            if first.at > Instant::now() {
                break;
            }
            if let Some(Reverse(due)) = waiting.pop() {
                let mut to = due.to.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let _ =
                    to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}");
            }
        }
        let patience = waiting
            .peek()
            .map_or(Duration::from_secs(1), |Reverse(first)| first.at.saturating_duration_since(Instant::now()));
        match inbox.recv_timeout(patience) {
            Ok(due) => waiting.push(Reverse(due)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_stalls_the_law_is_exponential() {
        let law = Law { mean: Duration::from_millis(100), stall: Duration::ZERO, cycle: Duration::from_secs(5) };
        assert!((law.quantile_s(0.5) - 0.1 * 2_f64.ln()).abs() < 1e-9);
        assert!((law.quantile_s(0.99) - 0.1 * 100_f64.ln()).abs() < 1e-9);
    }

    /// Against the mean over a million moments of arrival: stalled ones wait the residue first.
    #[test]
    fn the_closed_form_is_right() {
        let law =
            Law { mean: Duration::from_millis(20), stall: Duration::from_millis(200), cycle: Duration::from_secs(5) };
        let moments = 1_000_000;
        for q in [0.5, 0.9, 0.99, 0.999] {
            let t = law.quantile_s(q);
            let within: f64 = (0..moments)
                .map(|i| {
                    let residue = (0.2 - 5.0 * (f64::from(i) + 0.5) / f64::from(moments)).max(0.0);
                    1.0 - (-(t - residue).max(0.0) / 0.02).exp()
                })
                .sum();
            let share = within / f64::from(moments);
            assert!((share - q).abs() < 1e-5, "{q}: {share}");
        }
    }
}
