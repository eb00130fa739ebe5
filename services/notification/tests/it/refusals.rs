//! What mail servers say, and what follows: a table of answers that servers in the field give, each really given by the mail server.

use std::time::Duration;

use lettre::message::MultiPart;
use lettre::transport::smtp::client::Tls;
use mail_sink::{Dials, MailSink, Options};
use notification::refusal::Verdict::{self, Final, Mail, Server};
use notification::smtp::{self, Session};

/// Step, answer, and what follows.
const ANSWERS: [(&str, &str, Verdict); 52] = [
    // The connection and the login.
    ("connection", "421 4.7.0 Try again later, closing connection. (EHLO)", Server),
    ("connection", "554 5.7.1 Service unavailable; Client host blocked using zen.spamhaus.org", Server),
    ("connection", "550 5.7.1 Client host rejected: cannot find your hostname", Server),
    ("connection", "421 4.3.2 Service not available", Server),
    // The sender.
    ("mail", "530 5.7.0 Must issue a STARTTLS command first.", Server),
    ("mail", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM", Server),
    ("mail", "535 5.7.3 Authentication unsuccessful", Server),
    ("mail", "550 5.4.5 Daily user sending limit exceeded.", Server),
    ("mail", "454 4.7.0 Too many login attempts, please try again later.", Server),
    ("mail", "454 Throttling failure: Daily message quota exceeded", Server),
    ("mail", "454 Throttling failure: Maximum sending rate exceeded", Server),
    ("mail", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Server),
    ("mail", "553 5.7.1 <no-reply@govrnanza.example>: Sender address rejected: not owned by user", Server),
    ("mail", "452 4.3.1 Insufficient system storage", Server),
    ("mail", "451 4.7.500 Server busy. Please try again later", Server),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", Final),
    ("mail", "501 5.1.7 Bad sender address syntax", Server),
    // The recipient.
    (
        "rcpt",
        "550 5.1.1 The email account that you tried to reach does not exist.\nPlease try\n5.1.1 double-checking",
        Final,
    ),
    ("rcpt", "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown in local recipient table", Final),
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", Final),
    ("rcpt", "550 5.1.2 <ada@example.com>: Recipient address rejected: Domain not found", Final),
    ("rcpt", "553 5.1.3 The recipient address is not a valid RFC 5321 address.", Final),
    ("rcpt", "550 5.1.6 Mailbox has moved", Final),
    ("rcpt", "550 #5.1.0 Address rejected.", Final),
    ("rcpt", "556 5.1.10 Recipient address has null MX", Final),
    ("rcpt", "550 5.2.1 The email account that you tried to reach is inactive.", Final),
    ("rcpt", "550 no such user here", Final),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts", Final),
    ("rcpt", "552 5.2.2 The email account that you tried to reach is over quota.", Mail),
    ("rcpt", "452 4.2.2 The email account that you tried to reach is over quota.", Mail),
    ("rcpt", "450 4.2.1 The user you are trying to contact is receiving mail too quickly.", Mail),
    ("rcpt", "450 4.2.0 <ada@example.com>: Recipient address rejected: Greylisted", Mail),
    ("rcpt", "450 4.1.1 <ada@example.com>: Recipient address rejected: unverified address", Mail),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied", Mail),
    ("rcpt", "450 4.1.8 <no-reply@govrnanza.example>: Sender address rejected: Domain not found", Server),
    ("rcpt", "550 5.1.8 Access denied, bad outbound sender", Server),
    ("rcpt", "554 5.7.1 <ada@example.com>: Relay access denied", Server),
    ("rcpt", "550 5.7.501 Access denied, spam abuse detected", Server),
    ("rcpt", "451 4.3.0 Mail server temporarily rejected message", Server),
    ("rcpt", "452 4.5.3 Too many recipients", Server),
    // Before and after the content.
    ("data", "550 5.4.5 Daily user sending limit exceeded.", Server),
    ("data", "554 5.5.1 Error: no valid recipients", Server),
    ("content", "550 5.4.5 Daily user sending limit exceeded.", Server),
    ("content", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Server),
    ("content", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", Server),
    ("content", "554 5.7.0 Sending limit reached, try again later", Server),
    ("content", "550 5.7.26 This mail has been blocked because the sender is unauthenticated.", Server),
    ("content", "554 Message rejected: Email address is not verified.", Server),
    ("content", "451 4.3.0 Error: queue file write error", Server),
    ("content", "552 5.3.4 Message too big for system", Final),
    ("content", "550 5.6.0 Lone CR or LF in headers", Final),
    ("content", "550 5.7.1 This message is likely unsolicited mail.\n5.7.1 It has been blocked.", Final),
];

fn session(sink: &MailSink) -> Session {
    Session::new(smtp::Server {
        host: "127.0.0.1".into(),
        port: sink.smtp().port(),
        tls: Tls::None,
        credentials: None,
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

pub fn letter(to: &str) -> lettre::Message {
    lettre::Message::builder()
        .from("Govrnanza <no-reply@govrnanza.example>".parse().unwrap())
        .to(lettre::message::Mailbox::new(None, to.parse().unwrap()))
        .subject("API a was changed")
        .multipart(MultiPart::alternative_plain_html("a".to_owned(), "b".to_owned()))
        .unwrap()
}

#[test]
fn a_refusal_is_final_only_if_it_is_about_this_mail() {
    let sink = MailSink::start(&Options::default()).unwrap();
    let mut session = session(&sink);
    let mut wrong = Vec::new();
    for (step, answer, expected) in ANSWERS {
        sink.set_dials(Dials { answers: [(step.to_owned(), answer.to_owned())].into(), ..Dials::default() });
        // What was kept of the row before would be used without a greeting.
        let mut fresh = self::session(&sink);
        let session = if step == "connection" { &mut fresh } else { &mut session };
        let refusal = session.send(&letter("ada@example.com")).unwrap_err();
        let words = answer[4..].split('\n').next().unwrap();
        assert!(refusal.reason.contains(words), "{answer}: {}", refusal.reason);
        if refusal.verdict != expected {
            wrong.push((step, answer, expected, refusal.verdict));
        }
        sink.set_dials(Dials::default());
        session.send(&letter("ada@example.com")).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(sink.mails().len(), ANSWERS.len(), "what was refused is not kept, and the next mail goes");
}

#[test]
fn letters_beyond_ascii_go_by_smtputf8_or_not_at_all() {
    let sink = MailSink::start(&Options::default()).unwrap();
    let mut session = session(&sink);
    let lacks = |extensions: &[&str]| Dials {
        lacks: extensions.iter().map(|name| (*name).to_owned()).collect(),
        ..Dials::default()
    };
    session.send(&letter("jürgen@example.com")).unwrap();
    assert_eq!(sink.mails()[0].to, ["jürgen@example.com"]);
    sink.set_dials(lacks(&["SMTPUTF8"]));
    let mut without = self::session(&sink);
    let refusal = without.send(&letter("jürgen@example.com")).unwrap_err();
    assert_eq!(refusal.verdict, Final);
    assert!(refusal.reason.contains("SMTPUTF8"), "{}", refusal.reason);
    without.send(&letter("ada@example.com")).unwrap();
    assert_eq!(sink.mails().len(), 2);
}
