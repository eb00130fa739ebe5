//! A delivery as a mail: plain text and HTML, made from its notifications each time, the same each time.

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::address::Address;
use lettre::message::{Mailbox, MultiPart};
use maud::{DOCTYPE, html};
use uuid::Uuid;

use crate::headers::{AutoSubmitted, Subject, Unsubscribe};
use crate::text::one_line;

/// How every mail ends.
const SETTINGS: &str = "When you are told is up to you: see your notification settings.";

/// What an address is asked, in words of our own alone: whoever typed the address chose nothing of it, not even who they are.
const ASKED: &str =
    "An organisation that uses Govrnanza entered this e-mail address, so that notifications are sent to it.";
const CONFIRM: &str = "If you want them, confirm it here. The page says which organisation it is:";
const IGNORE: &str = "If you don't, do nothing: no other mail is sent to you for that organisation.";

/// What is written to the address of a login that was added, with no word of who added it either.
const INVITED: &str = "An organisation that uses Govrnanza has made a login for this e-mail address.";
const ACCEPT: &str = "If you want it, accept it here within seven days. The page says which organisation it is:";
const REFUSE: &str = "If you don't, do nothing: nobody can sign in with it then. A login that you have elsewhere with this address isn't changed.";

/// A roll-up shows so many; the rest is counted.
pub const SHOWN_MAX: usize = 200;

/// What a mail is made of.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The delivery.
    pub id: Uuid,
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// When the delivery was made: the same in a repeat.
    pub created_at: DateTime<Utc>,
    /// Title, body, time and request of each change.
    pub items: Vec<Item>,
    /// How many there are beyond those.
    pub more: i64,
    /// Where the address is confirmed: the mail that asks for it says nothing else.
    pub link: Option<String>,
    /// The link accepts a login, too.
    pub invites: bool,
}

/// One change in it.
#[derive(Clone, Debug)]
pub struct Item {
    /// One line.
    pub title: String,
    /// Line by line.
    pub body: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The request that made it.
    pub request_id: String,
}

/// The sender's side of it.
#[derive(Clone, Debug)]
pub struct Sender {
    /// `From`.
    pub from: Mailbox,
    /// `List-Unsubscribe`: something that works without signing in; none: no such header. `mailto:` or https.
    pub unsubscribe: Option<String>,
    /// Where people reach the service: links begin with it.
    pub public_url: String,
}

impl Sender {
    /// The Message-ID of a delivery, the same for every attempt.
    pub fn message_id(&self, delivery: Uuid) -> String {
        format!("<{delivery}@{}>", self.domain())
    }

    /// The page that confirms an address.
    pub fn link(&self, token: &str) -> String {
        format!("{}/api/v1/confirmations/{token}", self.public_url)
    }

    /// The domain of `From`.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }
}

/// The mail, or why there can be none.
pub fn compose(sender: &Sender, letter: &Letter) -> Result<Message, String> {
    // The same function decided when it was typed; what was stored before there was one gets its form here.
    let address = kit::email::stored(&letter.recipient).ok_or("not an address that mail can be sent to")?;
    let to: Address = address.parse().map_err(|error| format!("not an address that mail can be sent to: {error}"))?;
    let builder = Message::builder()
        .from(sender.from.clone())
        .to(Mailbox::new(None, to))
        // Titles hold what people typed: in one line nothing of it can become a header field.
        .header(Subject(one_line(&letter.subject, 250)))
        .message_id(Some(sender.message_id(letter.id)))
        .date(letter.created_at.into())
        .header(AutoSubmitted);
    let builder = match &sender.unsubscribe {
        Some(uri) => builder.header(Unsubscribe(format!("<{uri}>"))),
        None => builder,
    };
    builder.multipart(MultiPart::alternative_plain_html(plain(letter), html(letter))).map_err(|error| error.to_string())
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y %H:%M UTC").to_string()
}

/// What a mail with a link says: before the link, at it, after it.
fn asking(letter: &Letter) -> [&'static str; 3] {
    if letter.invites { [INVITED, ACCEPT, REFUSE] } else { [ASKED, CONFIRM, IGNORE] }
}

fn plain(letter: &Letter) -> String {
    if let Some(link) = &letter.link {
        let [what, here, otherwise] = asking(letter);
        return format!("{what}\n\n{here}\n{link}\n\n{otherwise}\n");
    }
    let mut text = String::new();
    for item in &letter.items {
        text.push_str(&format!("{}\n", item.title));
        for line in item.body.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&format!("  {} · request {}\n\n", time(item.at), one_line(&item.request_id, 128)));
    }
    if letter.more > 0 {
        text.push_str(&format!("… and {} more.\n\n", letter.more));
    }
    text + SETTINGS + "\n"
}

fn html(letter: &Letter) -> String {
    let [what, here, otherwise] = asking(letter);
    let page = html! {
        (DOCTYPE)
        html {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
            }
            body style="font-family:sans-serif;max-width:40em" {
                @if let Some(link) = &letter.link {
                    p { (what) }
                    p { (here) br; a href=(link) { (link) } }
                    p { (otherwise) }
                }
                @for item in &letter.items {
                    h3 { (item.title) }
                    ul { @for line in item.body.lines() { li { (line) } } }
                    p { small { (time(item.at)) " · request " (one_line(&item.request_id, 128)) } }
                }
                @if letter.more > 0 {
                    p { "… and " (letter.more) " more." }
                }
                @if letter.link.is_none() {
                    hr;
                    p { small { (SETTINGS) } }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(title: &str, recipient: &str) -> Result<Message, String> {
        let sender = Sender {
            from: "Govrnanza <no-reply@govrnanza.example>".parse().unwrap(),
            unsubscribe: Some("mailto:u@govrnanza.example".into()),
            public_url: "https://govrnanza.example".into(),
        };
        let item = Item {
            title: title.into(),
            body: "name: a → <b>".into(),
            at: DateTime::UNIX_EPOCH,
            request_id: "r1".into(),
        };
        let letter = Letter {
            id: Uuid::nil(),
            recipient: recipient.into(),
            subject: title.into(),
            created_at: DateTime::UNIX_EPOCH,
            items: vec![item],
            more: 3,
            link: None,
            invites: false,
        };
        compose(&sender, &letter)
    }

    fn written(title: &str, recipient: &str) -> Result<String, String> {
        made(title, recipient).map(|message| String::from_utf8_lossy(&message.formatted()).into_owned())
    }

    #[test]
    fn nothing_that_people_typed_becomes_a_header() {
        for title in
            ["API x\r\nBcc: evil@example.com", "a\nBcc: evil@example.com", "a\rBcc: e@example.com", "ü\r\n\r\n<script>"]
        {
            let mail = written(title, "ada@example.com").unwrap();
            let head = mail.split("\r\n\r\n").next().unwrap();
            assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
            assert!(head.contains("Message-ID: <00000000-0000-0000-0000-000000000000@govrnanza.example>"), "{head}");
            assert!(head.contains("List-Unsubscribe: <mailto:u@govrnanza.example>"), "{head}");
        }
    }

    #[test]
    fn domains_are_sent_in_ascii() {
        for (typed, sent) in [
            ("ada@müller.example", "ada@xn--mller-kva.example"),
            ("ada@xn--mller-kva.example", "ada@xn--mller-kva.example"),
            ("jürgen@müller.example", "jürgen@xn--mller-kva.example"),
        ] {
            assert_eq!(made("x", typed).unwrap().envelope().to()[0].to_string(), sent);
        }
    }

    #[test]
    fn addresses_that_are_none_are_no_mail() {
        for address in [
            "",
            "ada",
            "ada@example.com\r\nRCPT TO:<evil@example.com>",
            "a b@example.com",
            "ada@example.com, e@example.com",
        ] {
            assert!(written("x", address).is_err(), "{address}");
        }
        assert_eq!(
            written("x", "ada@example.com").unwrap().split("boundary").next(),
            written("x", "ada@example.com").unwrap().split("boundary").next()
        );
    }
    fn decoded(title: &str) -> String {
        let mail = written(title, "ada@example.com").unwrap();
        mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap().subject().unwrap_or_default().to_owned()
    }

    #[test]
    fn encoded_words_that_people_typed_stay_text() {
        for title in [
            "API =?utf-8?q?evil=0d=0aBcc:_x?= was changed",
            "=?utf-8?q?=E2=80=AE?=",
            "a =?utf-8?b?ZXZpbA==?= ü =?iso-8859-1?q?=0a?=",
            "a = ? b  two spaces",
            "=?",
        ] {
            assert_eq!(decoded(title), title);
        }
    }

    proptest::proptest! {
        /// Whatever was typed, another library reads the notification's title from the subject.
        #[test]
        fn subjects_say_what_was_typed(parts in proptest::collection::vec(
            proptest::prop_oneof!["\\PC{0,12}", "[ -~]{0,40}", "=\\?(utf-8|iso-8859-1)\\?[qb]\\?[=0-9a-f_A-Z]{0,12}\\?=", "[ =?_\r\n]{1,6}", ".{0,6}"], 0..8,
        )) {
            let title = crate::text::title(&parts.concat());
            proptest::prop_assume!(!title.is_empty());
            let mail = written(&title, "ada@example.com").unwrap();
            let head = mail.split("\r\n\r\n").next().unwrap_or_default();
            proptest::prop_assert!(head.is_ascii() && head.lines().all(|line| line.len() <= 78), "{}", head);
            proptest::prop_assert_eq!(decoded(&title), title);
        }
    }
}
