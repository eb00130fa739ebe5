//! A neighbour's address whose behaviour a test sets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// How the neighbour behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    /// As it is.
    Well,
    /// Every connection ends at once.
    Stopped,
    /// Each answer comes 200 ms late.
    Slow,
    /// Every second request ends its connection.
    Flapping,
    /// 200, and no JSON.
    Rubbish,
}

const MOODS: [Condition; 5] =
    [Condition::Well, Condition::Stopped, Condition::Slow, Condition::Flapping, Condition::Rubbish];

/// A relay in front of one service.
pub struct Relay {
    pub url: String,
    condition: Arc<AtomicU8>,
}

impl Relay {
    /// In front of what listens, or will listen, at this port.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let condition = Arc::new(AtomicU8::new(0));
        let (of, count) = (Arc::clone(&condition), Arc::new(AtomicU32::new(0)));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (of, count) = (Arc::clone(&of), Arc::clone(&count));
                thread::spawn(move || serve(client, port, &of, &count));
            }
        });
        Self { url, condition }
    }

    pub fn is(&self, condition: Condition) {
        self.condition.store(condition as u8, Ordering::SeqCst);
    }
}

/// One connection: a request is small enough to come in one piece, and the answer is passed on as it comes.
fn serve(mut client: TcpStream, port: u16, condition: &AtomicU8, requests: &AtomicU32) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut back, mut from) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let answers = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let mut piece = [0; 64 * 1024];
    loop {
        let length = client.read(&mut piece).ok().filter(|length| *length > 0);
        let Some(length) = length else { break };
        let count = requests.fetch_add(1, Ordering::SeqCst);
        match MOODS[usize::from(condition.load(Ordering::SeqCst))] {
            Condition::Well => {}
            Condition::Slow => thread::sleep(Duration::from_millis(200)),
            Condition::Flapping if count.is_multiple_of(2) => {}
            Condition::Stopped | Condition::Flapping => break,
            Condition::Rubbish => {
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n<rubbish>");
                continue;
            }
        }
        server.write_all(&piece[..length]).ok()?;
    }
    let _ = (client.shutdown(std::net::Shutdown::Both), server.shutdown(std::net::Shutdown::Both));
    answers.join().ok()
}
