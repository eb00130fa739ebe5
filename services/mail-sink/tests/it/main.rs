//! The mail sink, spoken to by the sender that the services use.

#![expect(clippy::unwrap_used, reason = "a test panics with what went wrong")]

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use lettre::message::MultiPart;
use lettre::{Message, SmtpTransport, Transport as _};
use mail_sink::{Dials, MailSink, Options};

fn start() -> MailSink {
    let http = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    MailSink::start(&Options { http, ..Options::default() }).unwrap()
}

fn send(sink: &MailSink, to: &str, subject: &str) -> Result<(), lettre::transport::smtp::Error> {
    let mail = Message::builder()
        .from("Govrnanza <no-reply@govrnanza.example>".parse().unwrap())
        .to(to.parse().unwrap())
        .subject(subject)
        .multipart(MultiPart::alternative_plain_html(
            String::from("Grüße\n.dot\n"),
            String::from("<b onclick=\"x\">ü</b><script>alert(1)</script>"),
        ))
        .unwrap();
    let transport = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(sink.smtp().port())
        .timeout(Some(Duration::from_secs(60)))
        .build();
    transport.send(&mail).map(drop)
}

fn get(sink: &MailSink, path: &str) -> String {
    let url = format!("http://{}{path}", sink.http().unwrap());
    ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

#[test]
fn what_arrives_is_decoded_and_shown() {
    let sink = start();
    send(
        &sink,
        "ada@example.com",
        "Änderung an <b>API</b>, a subject that is so long that it has to be folded somewhere, ü",
    )
    .unwrap();
    let mail = sink.mails_to("ada@example.com").remove(0);
    assert_eq!(mail.from, "no-reply@govrnanza.example");
    assert!(
        mail.subject().starts_with("Änderung an <b>API</b>") && mail.subject().ends_with("somewhere, ü"),
        "{}",
        mail.subject()
    );
    assert_eq!(mail.text.as_deref(), Some("Grüße\n.dot\n"));
    let listed: serde_json::Value = serde_json::from_str(&get(&sink, "/mails?to=ada")).unwrap();
    assert_eq!(listed["items"][0]["messageId"], mail.message_id());
    assert_eq!(listed["items"][0]["html"], "<b onclick=\"x\">ü</b><script>alert(1)</script>");
    let page = get(&sink, "/");
    assert!(
        page.contains("Änderung an &lt;b&gt;API") && page.contains("&lt;script&gt;") && !page.contains("<script>"),
        "{page}"
    );
    assert!(page.contains("width=device-width") && !page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(get(&sink, "/mails/1/raw").contains("multipart/alternative"));
}

#[test]
fn dials_make_it_refuse_be_slow_down_and_forgetful() {
    let sink = start();
    let refuse = [("gone@example.com".to_owned(), 550), ("busy@example.com".to_owned(), 450)].into();
    let slow = [("slow@example.com".to_owned(), 300)].into();
    sink.set_dials(Dials { refuse, slow, ..Dials::default() });
    assert!(send(&sink, "gone@example.com", "a").unwrap_err().is_permanent());
    assert!(send(&sink, "busy@example.com", "a").unwrap_err().is_transient());
    let begin = Instant::now();
    send(&sink, "slow@example.com", "a").unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(300));
    sink.set_dials(Dials { down: true, ..Dials::default() });
    let error = send(&sink, "ada@example.com", "a").unwrap_err();
    assert!(!error.is_permanent(), "{error}");
    assert_eq!(sink.mails().len(), 1);
    sink.set_dials(Dials { forget_to_answer: 1, ..Dials::default() });
    assert!(!send(&sink, "ada@example.com", "a").unwrap_err().is_permanent());
    send(&sink, "ada@example.com", "a").unwrap();
    assert_eq!(sink.mails_to("ada@example.com").len(), 2);
}

#[test]
fn keeps_only_the_last_and_writes_all_to_the_file() {
    let file = std::env::temp_dir().join(format!("mail-sink-{}.jsonl", std::process::id()));
    let sink = MailSink::start(&Options { keep: 2, file: Some(file.clone()), ..Options::default() }).unwrap();
    for number in 0..4 {
        send(&sink, "ada@example.com", &format!("mail {number}")).unwrap();
    }
    assert!(sink.wait_for(Duration::from_secs(60), |mails| mails.len() == 2 && mails[1].subject() == "mail 3"));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 4);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn stops_when_dropped() {
    let sink = start();
    let address = sink.smtp();
    drop(sink);
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < end, "still listening");
        std::thread::yield_now();
    }
}
