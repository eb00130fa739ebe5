//! A mail server that answers byte by byte, each in time: a mail as a whole has a limit, too.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use lettre::transport::smtp::client::Tls;
use notification::refusal::Verdict;
use notification::smtp::{MAIL_TIMEOUTS, Server, Session};

use crate::refusals::letter;

const TIMEOUT: Duration = Duration::from_secs(1);

#[test]
fn a_mail_server_that_trickles_is_given_up() {
    // In its greeting, or after it has taken the first command.
    for greeting in ["", "220 here\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.write_all(greeting.as_bytes());
                // One line after the other of an answer that has always one more.
                while stream.write_all(b"220-wait\r\n").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            }
        });
        let server = Server { host: "127.0.0.1".into(), port, tls: Tls::None, credentials: None, timeout: TIMEOUT };
        let start = Instant::now();
        let refusal = Session::new(server).unwrap().send(&letter("ada@example.com")).unwrap_err();
        println!("given up after {:?}: {}", start.elapsed(), refusal.reason);
        assert_eq!(refusal.verdict, Verdict::Server, "all mails wait");
        assert!(start.elapsed() < MAIL_TIMEOUTS * TIMEOUT + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
