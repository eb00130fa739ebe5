//! What nobody sees in a name: with it two names look alike. By Unicode's own tables.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiPresentation, GeneralCategory, JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether a name holds something invisible. The joiners may stand where they change what is written (RFC 5892, appendix A, and in emoji), the
/// selector of emoji after a sign that is text without it. Other selectors choose among forms of one letter. Of the spaces only that of
/// ASCII and the ideographic one, which is wider, are told apart by the eye.
pub(super) fn hides_something(name: &str) -> bool {
    // Nothing of ASCII that a name may hold is invisible, and each other letter is looked up in a table.
    if name.is_ascii() {
        return false;
    }
    let letters: Vec<char> = name.chars().collect();
    let hides = |(at, letter): (usize, &char)| {
        let (before, after) = (&letters[..at], &letters[at + 1..]);
        match letter {
            '\u{200C}' => !(before.last().is_some_and(is_virama) || parts(before, after)),
            '\u{200D}' => {
                !(before.last().is_some_and(is_virama)
                    || after.first().is_some_and(is_virama)
                    || composes(before, after))
            }
            '\u{FE0F}' => !before.last().is_some_and(|sign| is_emoji(sign) && !is_always_emoji(sign)),
            _ => is_invisible(*letter),
        }
    };
    letters.iter().enumerate().any(hides)
}

fn is_virama(letter: &char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(*letter) == CanonicalCombiningClass::Virama
}

/// Whether two letters would join, were nothing between them.
fn parts(before: &[char], after: &[char]) -> bool {
    let joining = |letter: &char| CodePointMapData::<JoiningType>::new().get(*letter);
    let mut left = before.iter().rev().map(joining).filter(|joining| *joining != JoiningType::Transparent);
    let mut right = after.iter().map(joining).filter(|joining| *joining != JoiningType::Transparent);
    matches!(left.next(), Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right.next(), Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Whether two emoji are one, joined.
fn composes(before: &[char], after: &[char]) -> bool {
    before.last().is_some_and(|sign| is_emoji(sign) || *sign == '\u{FE0F}') && after.first().is_some_and(is_emoji)
}

/// Also a digit can be one, which is not meant here.
fn is_emoji(sign: &char) -> bool {
    !sign.is_ascii() && CodePointSetData::new::<Emoji>().contains(*sign)
}

fn is_always_emoji(sign: &char) -> bool {
    CodePointSetData::new::<EmojiPresentation>().contains(*sign)
}

/// Characters for formatting, fillers, those that are ignored where they aren't known, spaces of other widths, ends of lines, what is no
/// character for anybody, and what is none yet.
fn is_invisible(letter: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate, Unassigned,
    };
    // Signs, letters and marks by their kind, but nothing is drawn.
    let blank = matches!(letter, '\u{2800}' | '\u{2D7F}' | '\u{FFFC}' | '\u{1107F}' | '\u{16FE4}' | '\u{1D159}');
    let kind = CodePointMapData::<GeneralCategory>::new().get(letter);
    let space = kind == SpaceSeparator && !matches!(letter, ' ' | '\u{3000}');
    blank
        || space
        || matches!(kind, Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter)
}

#[cfg(test)]
mod tests {
    use super::hides_something;

    #[test]
    fn names_that_look_like_others_are_seen() {
        for name in [
            "a\u{200B}b",
            "a\u{AD}b",
            "\u{FEFF}a",
            "a\u{2060}",
            "a\u{202E}b",
            "a\u{200D}b",
            "a\u{FE0F}",
            "é\u{200D}",
            "é\u{200D}\u{200D}x",
            "\u{3164}",
            "a\u{E0041}",
            "a\u{2800}b",
            "a\u{2065}b",
            "a\u{FFF0}",
            "a\u{E0002}",
            "a\u{1D159}",
            "a\u{FFFE}",
            "a\u{FDD0}",
            "a\u{10FFFF}",
            "a\u{E000}",
            "a\u{2028}b",
            "é\u{200D}b",
            "д\u{200C}д",
            "é\u{FE0F}",
            "日\u{200D}本",
            "👩\u{200D}\u{200D}💻",
            "1\u{FE0F}",
            "❤\u{FE0F}\u{FE0F}",
            "ab\u{A0}c",
            "a\u{2002}b",
            "a\u{202F}b",
            "a\u{FFFC}b",
            "a\u{16FE4}b",
            "a\u{1107F}b",
            "a\u{378}b",
            "\u{627}\u{200C}\u{628}",
            "\u{628}\u{200C}",
            "\u{628}\u{200D}\u{628}",
            "日\u{FE00}",
            "葛\u{E0100}",
            "👩\u{FE0F}",
            "€\u{FE0F}",
        ] {
            assert!(hides_something(name), "{}", name.escape_unicode());
        }
        for name in [
            "Payments",
            "Ärzte & Söhne",
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "👩\u{200D}💻 team",
            "❤\u{FE0F}",
            "🏳\u{FE0F}\u{200D}🌈",
            "日本",
            "日\u{3000}本",
            "ব\u{9B0}\u{200D}\u{9CD}যাব",
            "a b",
        ] {
            assert!(!hides_something(name), "{}", name.escape_unicode());
        }
    }
}
