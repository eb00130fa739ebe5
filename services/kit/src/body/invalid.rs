//! Checks of values that were read: collected, so a client learns of all its mistakes at once.

use std::ops::RangeInclusive;

use super::invisible;

use crate::error::{Error, FieldError};

/// What a body checks about itself, field by field; references to other rows are checked where it is written.
pub trait Validate {
    /// Members whose texts are kept as they were typed, at whatever depth: passwords. All others are brought to NFC.
    const AS_TYPED: &'static [&'static str] = &[];

    /// Adds an error for every field whose value can't be taken; by default every value can.
    fn validate(&self, invalid: &mut Invalid) {
        let _ = invalid;
    }

    /// Refuses what must not even be read, given the body as it came: its values are quoted in no answer then (422).
    fn screen(body: &[u8]) -> Option<FieldError> {
        let _ = body;
        None
    }
}

/// The errors found so far.
#[derive(Clone, Debug, Default)]
pub struct Invalid {
    errors: Vec<FieldError>,
}

impl Invalid {
    /// Adds an error for a field.
    pub fn add(&mut self, field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> &mut Self {
        self.errors.push(FieldError::new(field, code, message));
        self
    }

    /// Adds an error unless `ok`.
    pub fn require(&mut self, ok: bool, field: &str, code: &str, message: &str) -> &mut Self {
        if !ok {
            self.add(field, code, message);
        }
        self
    }

    /// A text of so many characters, not only white space, without control characters (line breaks and tabs allowed).
    pub fn text(&mut self, field: &str, text: &str, length: RangeInclusive<usize>) -> &mut Self {
        let count = text.chars().count();
        if count > *length.end() {
            self.add(field, "too_long", format!("may have {} characters at most", length.end()));
        } else if count < *length.start() || (*length.start() > 0 && text.trim().is_empty()) {
            self.add(field, "too_short", format!("must have {} characters at least", length.start()));
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(field, "control_character", "must not hold control characters");
        }
        self
    }

    /// The same for a text that may be absent.
    pub fn optional_text(&mut self, field: &str, text: Option<&str>, length: RangeInclusive<usize>) -> &mut Self {
        match text {
            Some(text) => self.text(field, text, length),
            None => self,
        }
    }

    /// A single-line name of 1..=max characters without white space at its ends or twice in a row, and without anything invisible.
    pub fn name(&mut self, field: &str, name: &str, max: usize) -> &mut Self {
        let before = self.errors.len();
        self.text(field, name, 1..=max);
        let spaces =
            name.chars().zip(name.chars().skip(1)).any(|(one, next)| one.is_whitespace() && next.is_whitespace());
        if self.errors.len() == before && (spaces || name.trim() != name || name.contains(['\n', '\r', '\t'])) {
            self.add(
                field,
                "invalid_format",
                "must be one line without white space at its ends, nor two spaces in a row",
            );
        } else if self.errors.len() == before && invisible::hides_something(name) {
            self.add(field, "invisible_character", "must not hold invisible characters");
        }
        self
    }

    /// The same for a name that may be absent.
    pub fn optional_name(&mut self, field: &str, name: Option<&str>, max: usize) -> &mut Self {
        match name {
            Some(name) => self.name(field, name, max),
            None => self,
        }
    }

    /// An e-mail address in its stored form ([`super::email`] reads it so): only a mail that arrives proves more.
    pub fn email(&mut self, field: &str, email: &str) -> &mut Self {
        if crate::email::stored(email).as_deref() != Some(email) {
            self.add(field, "invalid_format", "must be an e-mail address");
        }
        self
    }

    /// A number within bounds.
    pub fn range<N: PartialOrd + std::fmt::Display>(
        &mut self,
        field: &str,
        number: N,
        range: RangeInclusive<N>,
    ) -> &mut Self {
        if !range.contains(&number) {
            self.add(field, "out_of_range", format!("must lie between {} and {}", range.start(), range.end()));
        }
        self
    }

    /// Nothing found so far?
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// All errors as one 422, or nothing.
    pub fn into_result(self) -> Result<(), Error> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(check: impl FnOnce(&mut Invalid)) -> Vec<String> {
        let mut invalid = Invalid::default();
        check(&mut invalid);
        invalid.errors.into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn texts_and_names() {
        assert_eq!(
            codes(|i| {
                i.text("t", &"ä".repeat(200), 1..=200);
            }),
            Vec::<String>::new(),
            "characters, not bytes"
        );
        assert_eq!(
            codes(|i| {
                i.text("t", &"a".repeat(10_000), 1..=200);
            }),
            ["too_long"]
        );
        assert_eq!(
            codes(|i| {
                i.text("t", "  ", 1..=200);
            }),
            ["too_short"]
        );
        assert_eq!(
            codes(|i| {
                i.text("t", "a\u{7}", 1..=200);
            }),
            ["control_character"]
        );
        assert_eq!(
            codes(|i| {
                i.text("t", "two\nlines", 1..=200);
            }),
            Vec::<String>::new()
        );
        assert_eq!(
            codes(|i| {
                i.name("n", "two\nlines", 200);
            }),
            ["invalid_format"]
        );
        assert_eq!(
            codes(|i| {
                i.name("n", " a", 200);
                i.name("m", "a  b", 200);
            }),
            ["invalid_format", "invalid_format"]
        );
        assert_eq!(
            codes(|i| {
                i.range("n", 5, 1..=4).range("m", 4, 1..=4);
            }),
            ["out_of_range"]
        );
    }

    #[test]
    fn all_mistakes_at_once() {
        let mut invalid = Invalid::default();
        invalid.name("name", "", 10).email("email", "nobody");
        let Err(Error::Invalid(errors)) = invalid.into_result() else { panic!("taken") };
        assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["name", "email"]);
    }
}
