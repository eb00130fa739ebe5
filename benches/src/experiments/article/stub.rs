//! A service that does nothing but take its time, by the article's law, and fail now and then.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::law;
use crate::Failure;

/// How stubs behave.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Probability of a failure.
    pub fails: f64,
    /// Probability with which a call takes part in its page's common fate.
    pub correlation: f64,
    /// Delays are so many times shorter than the article's.
    pub scale: f64,
    /// What chance derives from.
    pub seed: u64,
}

/// A running stub; it takes no more connections when dropped.
pub struct Stub {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Stub {
    /// On a free port of the loopback; `number` tells it from its siblings.
    pub fn start(number: u64, behaviour: Behaviour) -> Result<Self, Failure> {
        let failed = |error| Failure::could_not_run(format!("A stub can't start: {error}."));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || serve(&connection, number, behaviour));
            }
        });
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; those of connections end with them.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers `GET /<page>` until the caller hangs up.
fn serve(connection: &TcpStream, number: u64, behaviour: Behaviour) {
    let _ = connection.set_nodelay(true);
    let (mut lines, mut writer) = (BufReader::new(connection), connection);
    let (mut line, mut page) = (String::new(), 0);
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Some(path) = line.strip_prefix("GET /") {
            let digits = path.split(' ').next().unwrap_or_default();
            page = digits.parse().unwrap_or(0);
        }
        if line != "\r\n" {
            continue;
        }
        let (delay, good) = fate(number, page, behaviour);
        std::thread::sleep(delay);
        let status = if good { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// How long this stub takes for this page, and whether it succeeds: the same in every run.
pub fn fate(number: u64, page: u64, of: Behaviour) -> (Duration, bool) {
    let common = uniform(of.seed ^ 0xC0, page, number + 1) < of.correlation;
    let who = if common { 0 } else { number + 1 };
    let (tail, luck) = (uniform(of.seed, page, who), uniform(of.seed ^ 0xFA11, page, who));
    let ms = law::delay_ms(1.0 - tail) / of.scale;
    (Duration::from_secs_f64(ms / 1000.0), luck >= of.fails)
}

/// A number in [0, 1) for these three, by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub fn uniform(seed: u64, page: u64, who: u64) -> f64 {
    let mut z = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(page.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(who.wrapping_mul(0x8CB9_2BA7_2F3D_8DD7));
    for _ in 0..2 {
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
    }
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviour(correlation: f64) -> Behaviour {
        Behaviour { fails: 0.005, correlation, scale: 1.0, seed: 1 }
    }

    /// Of 400,000 pages of three calls: the exact share within four standard deviations, with and without a common fate.
    #[test]
    fn fates_follow_the_closed_form() {
        let pages = 400_000;
        for correlation in [0.0, 0.5, 1.0] {
            let of = behaviour(correlation);
            let (mut slow, mut failed) = (0, 0);
            for page in 0..pages {
                let fates: Vec<_> = (0..3).map(|number| fate(number, page, of)).collect();
                slow += u64::from(fates.iter().any(|(delay, _)| *delay >= Duration::from_millis(500)));
                failed += u64::from(fates.iter().any(|(_, good)| !good));
            }
            for (count, p) in [(slow, 0.01), (failed, 0.005)] {
                let exact = law::any_of(3, p, correlation);
                let sd = (exact * (1.0 - exact) / pages as f64).sqrt();
                let share = count as f64 / pages as f64;
                assert!((share - exact).abs() < 4.0 * sd, "{correlation} {p}: {share} {exact}");
            }
        }
    }
}
