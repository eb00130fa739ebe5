//! Clients that dawdle: they are cut, however they do it, and nobody else notices. With waits of a second instead of ten.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::http::get;
use crate::sample::{Settings, World};

/// What each connection does, in turn.
const WAYS: [Way; 5] = [
    Way {
        first: "",
        then: "GET /healthz HTTP/1.1\r\nhost: x\r\nx-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    },
    // actix limits the time of the first head alone.
    Way {
        first: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        then: "GET /healthz HTTP/1.1\r\nx-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    },
    Way { first: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /heal", then: "" },
    Way {
        first: "POST /api/v1/organisations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n",
        then: "{\"name\": \"                                                                  ",
    },
    Way { first: "", then: "" },
];

struct Way {
    /// Sent at once.
    first: &'static str,
    /// Sent byte by byte.
    then: &'static str,
}

struct Slow {
    stream: TcpStream,
    rest: std::slice::Iter<'static, u8>,
    cut: bool,
}

impl Slow {
    fn new(address: &str, way: &Way) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.write_all(way.first.as_bytes()).unwrap();
        let rest = way.then.as_bytes().iter();
        Self { stream, rest, cut: false }
    }

    /// One more byte; reads what has come, and sees whether that was the end.
    fn step(&mut self) {
        if let Some(byte) = self.rest.next() {
            self.cut |= self.stream.write_all(&[*byte]).is_err();
        }
        let mut some = [0; 4096];
        loop {
            match self.stream.read(&mut some) {
                Ok(0) => self.cut = true,
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.cut = true,
            }
            return;
        }
    }
}

#[test]
fn five_hundred_dawdlers_are_cut_and_others_served_meanwhile() {
    let world = World::with(Settings::default(), |common| {
        common.clients.head_wait_ms = 1000;
        common.clients.body_wait_ms = 1000;
        common.clients.idle_wait_ms = 1500;
    });
    let address = world.service.url.strip_prefix("http://").unwrap();
    let mut slow: Vec<Slow> = (0..500).map(|number| Slow::new(address, &WAYS[number % WAYS.len()])).collect();
    let start = Instant::now();
    let mut served = 0;
    while !slow.iter().all(|one| one.cut) {
        let left: Vec<usize> = (0..slow.len()).filter(|number| !slow[*number].cut).collect();
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{} are still there, of the ways {:?}",
            left.len(),
            left.iter().map(|number| number % WAYS.len()).collect::<std::collections::BTreeSet<_>>()
        );
        for one in slow.iter_mut().filter(|one| !one.cut) {
            one.step();
        }
        assert_eq!(get(&world.url("/organisations"), &[]).status, 200);
        served += 1;
        // The dawdlers' own pace: a byte in 100 ms, so that the sum of what they send outlasts every wait.
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("all cut after {:?}; {served} requests of others were answered meanwhile", start.elapsed());
}

#[test]
fn who_never_takes_the_answer_is_cut() {
    let world = World::with(Settings::default(), |common| {
        common.clients.head_wait_ms = 1000;
        common.clients.body_wait_ms = 1000;
    });
    let mut stream = TcpStream::connect(world.service.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    let many = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    // Asks and asks, and reads nothing: once the system's buffers are full nothing moves, until it is cut.
    let end = loop {
        if let Err(error) = stream.write_all(many.as_bytes()) {
            break error.kind();
        }
    };
    assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end:?}");
}

#[test]
fn an_unhurried_client_is_none_of_them() {
    let world = World::with(Settings::default(), |common| {
        common.clients.head_wait_ms = 300;
        common.clients.idle_wait_ms = 60_000;
    });
    let mut stream = TcpStream::connect(world.service.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answers = 0;
    // Idle between requests for longer than a head may take.
    for _ in 0..3 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut some = [0; 4096];
        let length = stream.read(&mut some).unwrap();
        answers += usize::from(some[..length].starts_with(b"HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(answers, 3);
}
