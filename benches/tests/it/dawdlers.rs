//! Five hundred connections that send a byte a second, at the services as they are by default: heads and bodies.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{shared, world};

const CONNECTIONS: usize = 500;

/// Begins a request and goes on with a byte at a time.
struct Dawdler {
    stream: TcpStream,
    body: bool,
    sent: usize,
    cut: Option<Duration>,
}

impl Dawdler {
    fn new(address: &str, body: bool) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        if body {
            let head =
                "POST /api/v1/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
        }
        Self { stream, body, sent: 0, cut: None }
    }

    /// The next byte, and a look whether the other side has ended it.
    fn step(&mut self, since: Instant) {
        const HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-filler: aaaaaaaaaaaaaaaaaa";
        let byte = if self.body { b' ' } else { HEAD[self.sent] };
        self.sent += 1;
        let mut gone = self.stream.write_all(&[byte]).is_err();
        let mut some = [0; 4096];
        loop {
            match self.stream.read(&mut some) {
                Ok(0) => gone = true,
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => gone = true,
            }
            break;
        }
        if gone {
            self.cut = Some(since.elapsed());
        }
    }
}

#[test]
fn five_hundred_that_send_a_byte_a_second_are_cut() {
    let world = world(shared());
    let tenant = world.tenant("team");
    let addresses: Vec<&str> =
        lab::system::services::names().map(|name| shared().services[name].trim_start_matches("http://")).collect();
    let mut all: Vec<Dawdler> =
        (0..CONNECTIONS).map(|number| Dawdler::new(addresses[number % addresses.len()], number % 2 == 0)).collect();
    let (start, mut served, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    while all.iter().any(|one| one.cut.is_none()) {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{} are still there",
            all.iter().filter(|one| one.cut.is_none()).count()
        );
        let next = Instant::now() + Duration::from_secs(1);
        for one in all.iter_mut().filter(|one| one.cut.is_none()) {
            one.step(start);
        }
        // Others meanwhile, until the second is over: the dawdlers' own pace.
        while Instant::now() < next {
            let asked = Instant::now();
            let call = world.registry().get(&tenant.path("/apis"));
            call.token(&tenant.member_token).send().expect(200);
            slowest = slowest.max(asked.elapsed());
            served += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    for body in [false, true] {
        let cuts = all.iter().filter(|one| one.body == body);
        let last = cuts.filter_map(|one| one.cut).max().unwrap();
        let what = if body { "bodies" } else { "heads" };
        println!("{what}: the last was cut after {last:?}");
    }
    println!("{served} requests of others were answered meanwhile, the slowest in {slowest:?}");
}
