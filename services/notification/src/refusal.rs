//! What a refusal is about: this mail, for good or for now, or the mail server as a whole.

/// At which step of a mail the server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the mail: the connection itself, its greeting, TLS, the login.
    Connection,
    /// `MAIL FROM`: whether this sender may send.
    Mail,
    /// `RCPT TO`: whether it is taken for this recipient.
    Rcpt,
    /// `DATA`, before the first byte of the content.
    Data,
    /// After the last byte of the content.
    Content,
}

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is about this mail, and trying again would change nothing.
    Final,
    /// It is about this mail's recipient, now: this mail waits, the others don't.
    Mail,
    /// It is about the sender, the connection or the server: all mails wait.
    Server,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What follows from it.
    pub verdict: Verdict,
    /// What was said, for people.
    pub reason: String,
    /// The content had begun to go, and no answer came: the mail may have been taken.
    pub unanswered: bool,
}

impl Refusal {
    /// One that this side has decided.
    pub fn own(verdict: Verdict, reason: &str) -> Self {
        Self { verdict, reason: reason.to_owned(), unanswered: false }
    }

    /// One that the server said, with its code and words; without a code the connection failed.
    pub fn said(stage: Stage, code: Option<u16>, words: &str, reason: String) -> Self {
        let verdict = code.map_or(Verdict::Server, |code| verdict(stage, code, enhanced(words)));
        Self { verdict, reason, unanswered: code.is_none() && stage == Stage::Content }
    }
}

/// The enhanced code that an answer's words begin with (RFC 3463), without its class: that is the code's own first digit.
fn enhanced(words: &str) -> Option<(u16, u16)> {
    let first = words.split_whitespace().next()?;
    let mut numbers = first.trim_matches(|letter: char| !letter.is_ascii_digit()).split('.').map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(4 | 5)), Some(Ok(subject)), Some(Ok(detail)), None) => Some((subject, detail)),
        _ => None,
    }
}

/// Final is only what is about this mail's recipient (5.1.x, 5.2.1), its size (5.2.3, 5.3.4) or its content (5.6.x, and 5.7.1 of the content).
/// Quotas, refused senders, reputation, and what nobody foresaw pass, or are fixed by an operator.
fn verdict(stage: Stage, code: u16, enhanced: Option<(u16, u16)>) -> Verdict {
    let permanent = code >= 500;
    let about_the_sender = matches!(enhanced, Some((1, 7 | 8)));
    match (stage, enhanced) {
        (Stage::Connection | Stage::Data, _) => Verdict::Server,
        _ if about_the_sender || code == 421 => Verdict::Server,
        (_, Some((3, 4))) if permanent => Verdict::Final,
        (Stage::Mail, _) => Verdict::Server,
        (_, Some((1, _) | (2, 1 | 3) | (6, _))) if permanent => Verdict::Final,
        (Stage::Content, Some((7, 1))) if permanent => Verdict::Final,
        // Without an enhanced code: no such mailbox, not here, a name that can't be, a domain that takes no mail; and too big.
        (Stage::Rcpt, None) if matches!(code, 550 | 551 | 553 | 556) => Verdict::Final,
        (Stage::Content, None) if code == 552 => Verdict::Final,
        // A mailbox that is full or busy, a recipient that can't be reached now; 5.4.5 and 4.4.5 are the sender's quota.
        (_, Some((1, _) | (2, 1..))) => Verdict::Mail,
        (Stage::Rcpt, Some((2, _))) => Verdict::Mail,
        (Stage::Rcpt, Some((4, detail))) if detail != 5 => Verdict::Mail,
        (Stage::Rcpt, None) if matches!(code, 450 | 452 | 552) => Verdict::Mail,
        _ => Verdict::Server,
    }
}
