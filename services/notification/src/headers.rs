//! Header fields that lettre hasn't got, or has in another way.

use email_encoding::headers::{rfc2047, writer::EmailWriter};
use lettre::message::header::{self, HeaderName, HeaderValue};

type ParseError = Box<dyn std::error::Error + Send + Sync>;

/// Longer subjects are folded, and so encoded: not every reader keeps the spaces that a line is folded at.
const PLAIN_CHARS_MAX: usize = 60;

/// The subject, so that it is read as it was typed. lettre leaves ASCII as it is, also where it looks like an encoded word (`=?utf-8?q?…?=`),
/// and a reader's program would then decode what somebody typed: line breaks and all.
#[derive(Clone)]
pub struct Subject(pub String);

impl Subject {
    fn encoded(&self) -> String {
        let text = &self.0;
        let is_plain = |letter: char| letter.is_ascii_graphic() || letter == ' ';
        if text.len() <= PLAIN_CHARS_MAX && text.chars().all(is_plain) && !text.contains("=?") && !text.contains("  ") {
            return text.clone();
        }
        let mut encoded = String::new();
        // Writing into a string can't fail.
        let _ = rfc2047::encode(text, &mut EmailWriter::new(&mut encoded, "Subject: ".len(), 0, false));
        encoded
    }
}

impl header::Header for Subject {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Subject")
    }

    fn parse(value: &str) -> Result<Self, ParseError> {
        Ok(Self(value.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.encoded())
    }
}

/// RFC 2369.
#[derive(Clone)]
pub struct Unsubscribe(pub String);

impl header::Header for Unsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(value: &str) -> Result<Self, ParseError> {
        Ok(Self(value.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// RFC 3834: nobody's holiday answer is wanted.
#[derive(Clone)]
pub struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, ParseError> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
