//! A relay on the way from one process to another: what is sent, and what is answered, waits in it for as long as was set last.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use crate::Failure;

/// Bytes that are passed on at a time.
const PIECE: usize = 16 * 1024;
/// Pieces of a connection that may wait; beyond it the sender waits, too.
const WAITING: usize = 256;

/// How long whoever stands behind it may take to accept a connection; others wait meanwhile.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A piece, and when it is passed on.
type Due = (Instant, Vec<u8>);

/// A listener of its own before another one, without delay at first. It goes on for as long as this process lives.
#[derive(Clone, Debug)]
pub struct Relay {
    url: String,
    delays: Delays,
}

/// Microseconds on the way there, and back.
type Delays = [Arc<AtomicU64>; 2];

impl Relay {
    /// Before what listens, or will listen, at the host and port of this URL, whatever it speaks over TCP.
    ///
    /// # Errors
    /// When the URL names no host and port, or nothing can listen here.
    pub fn before(url: &str) -> Result<Self, Failure> {
        let failed = |why: String| Failure::could_not_run(format!("No relay can be started: {why}."));
        let mut url = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        let (host, port) = url.host_str().zip(url.port()).ok_or_else(|| failed("no host and port".to_owned()))?;
        let way = (host, port)
            .to_socket_addrs()
            .map(|mut found| found.next())
            .and_then(|to| Ok((to, TcpListener::bind(("127.0.0.1", 0))?)))
            .and_then(|(to, listener)| Ok((to, listener.local_addr()?, listener)));
        let (to, address, listener) = way.map_err(|error| failed(error.to_string()))?;
        let to = to.ok_or_else(|| failed("the host has no address".to_owned()))?;
        let named = url.set_host(Some("127.0.0.1")).is_ok() && url.set_port(Some(address.port())).is_ok();
        if !named {
            return Err(failed("the URL can't name another port".to_owned()));
        }
        let delays = Delays::default();
        let of_each = delays.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where none can be made behind it, the client's connection is closed and it sees so.
                let _ = pass_on(client, to, of_each.clone());
            }
        });
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), delays })
    }

    /// The URL by way of it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same URL, but for the host and port, which are the relay's.
    ///
    /// # Errors
    /// When it can't name another host and port.
    pub fn instead_of(&self, url: &str) -> Result<String, Failure> {
        // Without the URL, which may hold a login's password.
        let failed = |why: String| Failure::could_not_run(format!("No relay can stand before a URL: {why}."));
        let mut by_way = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        let port = Url::parse(&self.url).ok().and_then(|own| own.port());
        let named = by_way.set_host(Some("127.0.0.1")).is_ok() && by_way.set_port(port).is_ok();
        if named { Ok(by_way.into()) } else { Err(failed("it names no host".to_owned())) }
    }

    /// What is sent from now on waits so long, what is answered doesn't.
    pub fn set_delay(&self, delay: Duration) {
        self.set_delays([delay, Duration::ZERO]);
    }

    /// What is sent and what is answered waits half of it each: whoever asks has the answer so much later, and whoever is told something
    /// unasked hears of it half as much later.
    pub fn set_round_trip(&self, delay: Duration) {
        self.set_delays([delay / 2; 2]);
    }

    fn set_delays(&self, delays: [Duration; 2]) {
        for (of, delay) in self.delays.iter().zip(delays) {
            of.store(delay.as_micros() as u64, Ordering::Relaxed);
        }
    }
}

fn pass_on(client: TcpStream, to: SocketAddr, [there, back]: Delays) -> std::io::Result<()> {
    let server = TcpStream::connect_timeout(&to, CONNECT_WITHIN)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    one_way(client.try_clone()?, server.try_clone()?, there);
    one_way(server, client, back);
    Ok(())
}

fn one_way(from: TcpStream, to: TcpStream, delay_us: Arc<AtomicU64>) {
    let (waiting, due) = sync_channel(WAITING);
    thread::spawn(move || receive(from, &waiting, &delay_us));
    thread::spawn(move || send(to, &due));
}

/// Stamps what comes. Each piece waits by itself, so that the delay isn't added up where many come at once.
fn receive(mut from: TcpStream, waiting: &SyncSender<Due>, delay_us: &AtomicU64) {
    let mut bytes = [0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let due = Instant::now() + Duration::from_micros(delay_us.load(Ordering::Relaxed));
        if waiting.send((due, bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

/// Passes on what is due, until either side has ended: then whoever still reads or writes is told that it is over.
fn send(mut to: TcpStream, due: &Receiver<Due>) {
    for (at, piece) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every byte with the same byte.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut answers = client.try_clone().unwrap();
                    let _ = std::io::copy(&mut &client, &mut answers);
                });
            }
        });
        url
    }

    fn connect(url: &str) -> TcpStream {
        TcpStream::connect(url.trim_start_matches("http://")).unwrap()
    }

    #[test]
    fn the_delay_is_of_the_way_there_and_can_be_changed() {
        let relay = Relay::before(&echo()).unwrap();
        let mut client = connect(relay.url());
        let mut took = |bytes: &[u8]| {
            let began = Instant::now();
            client.write_all(bytes).unwrap();
            let mut answer = vec![0; bytes.len()];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, bytes);
            began.elapsed()
        };
        took(b"at once");
        let delay = Duration::from_millis(60);
        relay.set_delay(delay);
        assert!(took(b"later") >= delay);
        relay.set_delay(Duration::ZERO);
        // The quickest of some: a busy machine may be slow once.
        let quickest = (0..20).map(|_| took(b"at once again")).min().unwrap();
        assert!(quickest < delay, "{quickest:?}");
    }

    /// Somebody who only listens hears half a round trip later.
    #[test]
    fn a_round_trip_is_half_each_way() {
        let relay = Relay::before(&echo()).unwrap();
        relay.set_round_trip(Duration::from_millis(120));
        let mut client = connect(relay.url());
        let began = Instant::now();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::before(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        relay.set_round_trip(Duration::from_millis(120));
        let mut client = connect(relay.url());
        let (mut server, _) = listener.accept().unwrap();
        let began = Instant::now();
        server.write_all(b"y").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    }

    /// Ten pieces, sent 10 ms apart, wait 200 ms once and not ten times.
    #[test]
    fn pieces_do_not_wait_for_each_other() {
        let relay = Relay::before(&echo()).unwrap();
        let delay = Duration::from_millis(200);
        relay.set_delay(delay);
        let mut client = connect(relay.url());
        let began = Instant::now();
        for n in 0..10 {
            client.write_all(&[n]).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
        let mut answer = [0; 10];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!((delay..5 * delay).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[test]
    fn without_anybody_behind_it_the_connection_ends() {
        let gone = SocketAddr::from(([127, 0, 0, 1], schema::ports::free_port().unwrap()));
        let relay = Relay::before(&format!("http://{gone}")).unwrap();
        assert!(matches!(connect(relay.url()).read(&mut [0]), Ok(0) | Err(_)));
        assert!(Relay::before("http://nobody").is_err());
    }
}
