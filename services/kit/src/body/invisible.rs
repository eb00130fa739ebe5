//! What nobody sees in a name: with it two names look alike.

use unicode_properties::{GeneralCategory, UnicodeEmoji as _, UnicodeGeneralCategory as _};

/// Whether a name holds something invisible. Joiners and variation selectors belong to the writing of some scripts and to emoji: they may stand
/// after a letter or sign of these, and joiners not at the end nor twice. Of the spaces only that of ASCII and the ideographic one, which is
/// wider, are told apart by the eye.
pub(super) fn hides_something(name: &str) -> bool {
    // Nothing of ASCII that a name may hold is invisible, and each other letter is looked up in a table.
    if name.is_ascii() {
        return false;
    }
    let (mut before, mut hidden) = (' ', false);
    for letter in name.chars() {
        hidden |= match letter {
            '\u{200C}' | '\u{200D}' => !(joins(before) || before == '\u{FE0F}'),
            '\u{FE00}'..='\u{FE0F}' => !(joins(before) || is_ideograph(before)),
            '\u{E0100}'..='\u{E01EF}' => !is_ideograph(before),
            _ => is_invisible(letter),
        };
        before = letter;
    }
    hidden || name.ends_with(['\u{200C}', '\u{200D}'])
}

/// Letters of scripts that are written with joiners (from Arabic to Sinhala, Myanmar, Khmer, Mongolian, and those added to them later), and what
/// emoji are joined of.
fn joins(letter: char) -> bool {
    let script = matches!(
        letter,
        '\u{600}'..='\u{DFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1780}'..='\u{18AF}'
            | '\u{A8E0}'..='\u{A8FF}'
            | '\u{A9E0}'..='\u{A9FF}'
            | '\u{AA60}'..='\u{AA7F}'
            | '\u{FB50}'..='\u{FDFF}'
            | '\u{FE70}'..='\u{FEFC}'
            | '\u{11000}'..='\u{11FFF}'
    );
    script || is_sign(letter)
}

fn is_sign(letter: char) -> bool {
    !letter.is_ascii() && letter.is_emoji_char() || letter.general_category() == GeneralCategory::OtherSymbol
}

fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
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
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator};
    let space = kind == SpaceSeparator && !matches!(letter, ' ' | '\u{3000}');
    space || filler || ignored || nobodys || matches!(kind, Format | LineSeparator | ParagraphSeparator | PrivateUse)
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
            "葛\u{E0100}",
            "a b",
        ] {
            assert!(!hides_something(name), "{}", name.escape_unicode());
        }
    }
}
