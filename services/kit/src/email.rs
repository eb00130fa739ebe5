//! E-mail addresses: which can be mailed to, and the one form that is stored, compared and sent. Whoever takes an address and
//! whoever sends to it ask here, so that none is taken that can't be sent to.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::char::is_combining_mark;

use crate::nfc;

/// An address as it is stored: the local part in NFC, the domain in its ASCII form (IDNA 2008, by UTS 46 non-transitional), where
/// it has another. None: no mail can be sent to it.
///
/// A local part beyond ASCII is allowed; it reaches only servers with SMTPUTF8. Quoted local parts and addresses of machines
/// (`a@[192.0.2.1]`) are not taken.
pub fn stored(typed: &str) -> Option<String> {
    let (local, domain) = typed.rsplit_once('@')?;
    let local = nfc(local);
    let fits = (1..=64).contains(&local.len()) && local.split('.').all(is_atom);
    let stored = format!("{local}@{}", ascii(domain)?);
    (fits && stored.len() <= 254).then_some(stored)
}

/// A stored address as it was stored before domains were kept in ASCII; None where that is the same.
pub fn with_unicode_domain(stored: &str) -> Option<String> {
    let (local, domain) = stored.rsplit_once('@')?;
    let (unicode, _) = idna::domain_to_unicode(domain);
    (!unicode.is_ascii()).then(|| format!("{local}@{unicode}"))
}

/// One word of a local part: what RFC 5322 calls an atom, letters and digits of any script among them. Marks that don't
/// compose with their letter, symbols and invisible characters are none: mailers refuse them.
fn is_atom(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
}

/// The domain in ASCII; as it was typed where it is that already.
fn ascii(domain: &str) -> Option<Cow<'_, str>> {
    // UTS 46 would leave out what is invisible, and take symbols, which IDNA 2008 does not. The joiners stand in words of some scripts.
    let known =
        |c: char| c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '-' | '.' | '\u{200c}' | '\u{200d}');
    if !domain.chars().all(known) {
        return None;
    }
    let ascii =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    let ascii = ascii.ok()?;
    Some(if domain.is_ascii() { Cow::Borrowed(domain) } else { ascii.into_owned().into() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_is_refused_or_stored_in_one_form() {
        let long_local = format!("{}@b.example", "a".repeat(65));
        let longest_local = format!("{}@b.example", "a".repeat(64));
        let long_domain = format!("a@{}.example", "b".repeat(64));
        let long = format!("a@{}example", "b234567.".repeat(32));
        let same = |address| (address, Some(address));
        let table: &[(&str, Option<&str>)] = &[
            same("a@b.example"),
            same("first.last+tag@sub.domain.example"),
            same("o'neil@x.example"),
            same("a@localhost"),
            same("A@B.Example"),
            same(&longest_local),
            same("!#$%&'*+-/=?^_`{|}~@x.example"),
            same("a@xn--mller-kva.example"),
            same("a@r3---sn.example"),
            ("a@müller.example", Some("a@xn--mller-kva.example")),
            ("a@mu\u{308}ller.example", Some("a@xn--mller-kva.example")),
            ("a@MÜLLER.Example", Some("a@xn--mller-kva.example")),
            // Non-transitional: ß is no ss, and a final sigma stays one.
            ("a@faß.example", Some("a@xn--fa-hia.example")),
            ("a@日本.example", Some("a@xn--wgv71a.example")),
            ("a@हिन्दी.example", Some("a@xn--j2bd4cyah0f.example")),
            same("é@x.example"),
            ("e\u{301}@x.example", Some("é@x.example")),
            same("用户@x.example"),
            ("用户@例え.example", Some("用户@xn--r8jz45g.example")),
            ("", None),
            ("a", None),
            ("a@", None),
            ("@b.example", None),
            ("a b@c.example", None),
            ("a@b c.example", None),
            ("a@b..example", None),
            ("a@.b.example", None),
            ("a@b.example.", None),
            ("a@-b.example", None),
            ("a@b-.example", None),
            ("a@b_c.example", None),
            ("a\n@b.example", None),
            ("a@b@c.example", None),
            (".a@b.example", None),
            ("a.@b.example", None),
            ("a..b@b.example", None),
            ("\"a b\"@c.example", None),
            ("a@[192.0.2.1]", None),
            ("a<b@c.example", None),
            ("e🙂@x.example", None),
            ("i€@x.example", None),
            ("a\u{200b}@x.example", None),
            ("a\u{ad}b@x.example", None),
            ("a\u{202e}b@x.example", None),
            ("q\u{301}@x.example", None),
            ("a@x\u{200b}.example", None),
            ("a@x\u{ad}y.example", None),
            ("a@i❤.example", None),
            ("a@xn--a.example", None),
            ("a@xn--mller-kva!.example", None),
            (&long_local, None),
            (&long_domain, None),
            (&long, None),
        ];
        for (typed, stored) in table {
            assert_eq!(super::stored(typed).as_deref(), *stored, "{typed:?}");
            if let Some(stored) = stored {
                assert_eq!(super::stored(stored).as_deref(), Some(*stored), "{typed:?}: stored once more");
            }
        }
    }

    #[test]
    fn the_form_before() {
        use super::with_unicode_domain;
        assert_eq!(with_unicode_domain("A@xn--mller-kva.example").as_deref(), Some("A@müller.example"));
        assert_eq!(with_unicode_domain("é@b.example"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_stored_is_stored_alike(typed in "\\PC{1,8}@[a-zäß\\u{308}日.-]{1,12}|\\PC*") {
            if let Some(stored) = super::stored(&typed) {
                proptest::prop_assert_eq!(super::stored(&stored), Some(stored.clone()));
                proptest::prop_assert!(stored.rsplit('@').next().is_some_and(str::is_ascii));
            }
        }
    }
}
