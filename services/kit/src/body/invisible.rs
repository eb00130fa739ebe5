//! What nobody sees in a name: with it two names look alike.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Whether a name holds something invisible. Joiners and variation selectors belong to the writing of some scripts and to emoji: they may stand
/// after a letter or sign that isn't ASCII, and joiners not at the end nor twice.
pub(super) fn hides_something(name: &str) -> bool {
    // Nothing of ASCII that a name may hold is invisible, and each other letter is looked up in a table.
    if name.is_ascii() {
        return false;
    }
    let (mut before, mut hidden) = (' ', false);
    for letter in name.chars() {
        let joiner = matches!(letter, '\u{200C}' | '\u{200D}');
        let selects = matches!(letter, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
        hidden |= if joiner || selects { before.is_ascii() } else { is_invisible(letter) };
        before = if joiner { ' ' } else { letter };
    }
    hidden || name.ends_with(['\u{200C}', '\u{200D}'])
}

/// Characters for formatting, fillers, those that are ignored where they aren't known, ends of lines, and what is no character for anybody.
fn is_invisible(letter: char) -> bool {
    let filler = matches!(
        letter,
        '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'
            ..='\u{180F}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    );
    let ignored = matches!(letter, '\u{2065}' | '\u{FFF0}'..='\u{FFF8}' | '\u{E0000}'..='\u{E0FFF}' | '\u{1D159}');
    let nobodys = matches!(letter, '\u{FDD0}'..='\u{FDEF}') || u32::from(letter) & 0xFFFE == 0xFFFE;
    let kind = letter.general_category();
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator, PrivateUse};
    filler || ignored || nobodys || matches!(kind, Format | LineSeparator | ParagraphSeparator | PrivateUse)
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
            "日本",
            "a b",
        ] {
            assert!(!hides_something(name), "{}", name.escape_unicode());
        }
    }
}
