//! One file for each language.

mod de;
mod en;

use stubmart_contract::Language;

use crate::texts::Texts;

/// The texts of a language.
pub(crate) const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &en::TEXTS,
        Language::German => &de::TEXTS,
    }
}
