//! A relay on the way from one process to another: what is sent waits in it for as long as was set last, what is answered doesn't.

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

/// A piece, and when it is passed on.
type Due = (Instant, Vec<u8>);

/// A listener of its own before another one, without delay at first. It goes on for as long as this process lives.
#[derive(Clone, Debug)]
pub struct Relay {
    url: String,
    delay_us: Arc<AtomicU64>,
}

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
        let delay_us = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_us);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where none can be made behind it, the client's connection is closed and it sees so.
                let _ = pass_on(client, to, Arc::clone(&delay));
            }
        });
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), delay_us })
    }

    /// The URL by way of it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What comes from now on waits so long.
    pub fn set_delay(&self, delay: Duration) {
        self.delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
    }
}

fn pass_on(client: TcpStream, to: SocketAddr, delay_us: Arc<AtomicU64>) -> std::io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut back, mut answers) = (client.try_clone()?, server.try_clone()?);
    let (waiting, due) = sync_channel(WAITING);
    thread::spawn(move || receive(client, &waiting, &delay_us));
    thread::spawn(move || send(server, &due));
    thread::spawn(move || {
        let mut bytes = [0; PIECE];
        while let Ok(count @ 1..) = answers.read(&mut bytes) {
            if back.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // Whoever still reads or writes is told that it is over.
        let _ = (back.shutdown(Shutdown::Both), answers.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// Stamps what comes. Each piece waits by itself, so that the delay isn't added up where many come at once.
fn receive(mut client: TcpStream, waiting: &SyncSender<Due>, delay_us: &AtomicU64) {
    let mut bytes = [0; PIECE];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let due = Instant::now() + Duration::from_micros(delay_us.load(Ordering::Relaxed));
        if waiting.send((due, bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

/// Passes on what is due, until either side has ended.
fn send(mut server: TcpStream, due: &Receiver<Due>) {
    for (at, piece) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if server.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
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
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let relay = Relay::before(&format!("http://{gone}")).unwrap();
        assert!(matches!(connect(relay.url()).read(&mut [0]), Ok(0) | Err(_)));
        assert!(Relay::before("http://nobody").is_err());
    }
}
