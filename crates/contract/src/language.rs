//! Languages in which the market speaks to people.

use serde::{Deserialize, Serialize};

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English, also for readers of any language that is not here.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag (RFC 5646), as it stands in `lang` attributes.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The best of these languages for a reader whose browser sends this `Accept-Language` (RFC 9110,
    /// 12.5.4): the one with the highest weight, the first of several. Text that is no such header asks
    /// for nothing.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let mut best = (Self::default(), 0);
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let tag = tag.trim().split('-').next().unwrap_or_default();
            let found = Self::ALL.into_iter().find(|it| it.tag().eq_ignore_ascii_case(tag));
            let weight = weight.trim().strip_prefix("q=").and_then(thousandths).unwrap_or(0);
            if let Some(language) = found
                && weight > best.1
            {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// A weight from 0 to 1 with at most three decimals, in thousandths.
fn thousandths(weight: &str) -> Option<u32> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals = if decimals.len() > 3 { return None } else { format!("{decimals:0<3}") };
    let (whole, decimals): (u32, u32) = (whole.parse().ok()?, decimals.parse().ok()?);
    (whole <= 1).then_some(whole * 1000 + decimals).filter(|it| *it <= 1000)
}

#[cfg(test)]
mod tests {
    use super::Language::{self, *};

    #[test]
    fn the_language_with_the_highest_weight_is_taken() {
        for (header, language) in [
            ("", English),
            ("de", German),
            ("de-AT,en;q=0.8", German),
            ("en-GB,de;q=0.9", English),
            ("fr,de;q=0.5,en;q=0.4", German),
            ("DE ; q=0.25, en;q=0.2", German),
            ("fr, *;q=0.1", English),
            ("de;q=0, fr", English),
            ("de;q=2", English),
            ("den", English),
            ("\u{0};;;,,q", English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header:?}");
        }
    }

    #[test]
    fn a_language_is_stored_by_its_tag() {
        for language in Language::ALL {
            let stored = serde_json::to_value(language).unwrap();
            assert_eq!(stored, language.tag());
            assert_eq!(serde_json::from_value::<Language>(stored).unwrap(), language);
        }
    }
}
