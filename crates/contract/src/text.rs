//! Text: as people write it, and values that are one text on the wire.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// A text that people wrote, in the one form that it is kept in: without characters that cannot be seen
/// ([`is_unseen`]), composed ([`nfc`]), and without blanks at its ends. What shows nothing is empty.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let seen: Cow<'_, str> = if text.contains(is_unseen) {
        text.chars().filter(|it| !is_unseen(*it)).collect::<String>().into()
    } else {
        text.into()
    };
    let composed = match seen {
        Cow::Borrowed(text) => nfc(text),
        Cow::Owned(text) => nfc(&text).into_owned().into(),
    };
    match composed {
        Cow::Borrowed(text) => text.trim_matches(is_blank).into(),
        Cow::Owned(text) => text.trim_matches(is_blank).to_owned().into(),
    }
}

/// The text with each character in one spelling: `ä` may come as one code point or as two (Unicode Standard
/// Annex 15, Normalization Form C).
#[must_use]
pub fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether nobody sees this character: control characters, line separators, those that only steer how others
/// are shown (zero-width, bidirectional, variation selectors), and fillers. They make two texts of what
/// looks like one, and texts that look like others.
#[must_use]
pub fn is_unseen(it: char) -> bool {
    // The signs that stand over Arabic and Syriac numbers are of the same category, and are seen.
    let is_number_sign = matches!(
        it,
        '\u{600}'
            ..='\u{605}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'
                | '\u{891}'
                | '\u{8e2}'
                | '\u{110bd}'
                | '\u{110cd}'
    );
    let steers = matches!(
        CodePointMapData::<GeneralCategory>::new().get(it),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    (steers && !is_number_sign) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(it)
}

/// Whether this character is seen as empty room: white space, and the Braille cell without dots.
#[must_use]
pub fn is_blank(it: char) -> bool {
    it.is_whitespace() || it == '\u{2800}'
}

/// Reads a `T` from a text. The error is the one of its `FromStr`.
pub(crate) fn parse<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Parser(PhantomData))
}

struct Parser<T>(PhantomData<fn() -> T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parser<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_clean_stays_as_it_is() {
        for text in ["", "a", "a  b", "Zoë", "東京ドーム", "Ελλάδα", "שלום", "سلام", "٣\u{6dd}", "🎟"]
        {
            assert!(matches!(clean(text), Cow::Borrowed(it) if it == text), "{text:?}");
        }
    }

    /// Control, zero-width and bidirectional characters, soft hyphens, fillers, and what is said with them.
    #[test]
    fn what_nobody_sees_is_dropped() {
        for unseen in [
            '\0',
            '\u{7}',
            '\n',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{9f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert!(is_unseen(unseen), "{unseen:?}");
            assert_eq!(clean(&format!("a{unseen}b")), "ab", "{unseen:?}");
            assert_eq!(clean(&format!(" {unseen} ")), "", "{unseen:?}");
        }
        assert_eq!(clean("\u{202e}gnp.tekcit"), "gnp.tekcit");
    }

    #[test]
    fn blanks_at_the_ends_are_dropped_and_alone_are_nothing() {
        for blank in [' ', '\u{a0}', '\u{2003}', '\u{3000}', '\u{2800}'] {
            assert_eq!(
                clean(&format!("{blank}a{blank}b{blank}")),
                format!("a{blank}b"),
                "{blank:?}"
            );
            assert_eq!(clean(&format!("{blank}\u{200b}{blank}")), "", "{blank:?}");
        }
    }

    /// One character has one spelling, also where a character that is dropped stood within it.
    #[test]
    fn text_is_composed() {
        assert_eq!(clean("Zoe\u{308}"), "Zo\u{eb}");
        assert_eq!(clean("Zoe\u{200b}\u{308}"), "Zo\u{eb}");
        assert_eq!(clean("\u{1112}\u{1161}\u{11ab}"), "한");
        assert_eq!(clean("\u{212b}"), "\u{c5}");
        assert_eq!(clean("①ﬁ"), "①ﬁ", "compatibility characters look different and stay");
    }
}
