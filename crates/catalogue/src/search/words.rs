//! The words of a text, as they are indexed and as they are asked for.
//!
//! A word counts as it is written and without its punctuation (`AC/DC` as `ac`, `dc` and `acdc`), initials
//! count as one word too (`B. B.` as `bb`), and writing without blanks, such as Chinese, Japanese and Korean, is cut into
//! pairs of characters that overlap.

use stubmart_contract::names::folded;

/// How many words of a query count; more than anybody types.
pub(super) const WORDS_MAX: usize = 8;

/// How many characters of a word count.
pub(super) const WORD_MAX: usize = 32;

/// Words that a query need not have an answer for, when it has others.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "at", "concert", "concerts", "for", "in", "live", "of", "on", "show",
    "shows", "the", "to", "tour", "with",
];

/// What somebody wants to buy, as far as it is typed.
const TICKETS: &str = "tickets";

/// How many letters of [`TICKETS`] tell that it is meant.
const TICKETS_MIN: usize = 4;

/// A word to look for: the text begins with it, or is it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) is_whole: bool,
}

/// A word of a query: any of some spellings, each of which is words that all are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Vec<Term>>);

/// The words under which a text is found.
pub(super) fn indexed(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut initials = String::new();
    for chunk in chunks(text) {
        let parts = parts(&chunk);
        for part in &parts {
            if part.chars().count() == 1 && !is_unspaced(part) {
                initials.push_str(part);
                continue;
            }
            take_initials(&mut initials, &mut words);
        }
        for part in &parts {
            if is_unspaced(part) {
                words.extend(pairs(part));
                // A single character is looked for at the beginning of pairs.
                words.extend(part.chars().next_back().map(String::from));
            } else {
                words.push(short(part));
            }
        }
        if parts.len() > 1 && !parts.iter().any(|part| is_unspaced(part)) {
            words.push(short(&parts.concat()));
        }
    }
    take_initials(&mut initials, &mut words);
    words
}

fn take_initials(initials: &mut String, words: &mut Vec<String>) {
    if initials.chars().nth(1).is_some() {
        words.push(short(initials));
    }
    initials.clear();
}

/// The words that a query needs.
pub(super) fn wanted(query: &str) -> Vec<Word> {
    let all: Vec<String> = chunks(query).collect();
    let needed = |chunk: &&String| !is_stop_word(chunk);
    let mut words: Vec<_> = all.iter().filter(needed).map(|chunk| word(chunk)).collect();
    if words.is_empty() {
        words = all.iter().map(|chunk| word(chunk)).collect();
    }
    words.truncate(WORDS_MAX);
    words
}

fn is_stop_word(chunk: &str) -> bool {
    let is_tickets = chunk.len() >= TICKETS_MIN && TICKETS.starts_with(chunk);
    is_tickets || STOP_WORDS.contains(&chunk)
}

fn word(chunk: &str) -> Word {
    let parts = parts(chunk);
    let begins = |text: &str| vec![Term { text: short(text), is_whole: false }];
    let apart = || parts.iter().flat_map(|part| terms(part)).collect::<Vec<_>>();
    if parts.iter().any(|part| is_unspaced(part)) {
        return Word(vec![apart()]);
    }
    let joined = begins(&parts.concat());
    let is_initials = parts.iter().all(|part| part.chars().count() == 1);
    Word(if is_initials || parts.len() == 1 { vec![joined] } else { vec![joined, apart()] })
}

/// What has to be there for a part of a query.
fn terms(part: &str) -> Vec<Term> {
    let pairs = if is_unspaced(part) { pairs(part) } else { Vec::new() };
    if pairs.is_empty() {
        return vec![Term { text: short(part), is_whole: false }];
    }
    pairs.into_iter().take(WORD_MAX).map(|text| Term { text, is_whole: true }).collect()
}

/// What stands between blanks, folded, and has a letter or a digit; `&` is a word.
fn chunks(text: &str) -> impl Iterator<Item = String> {
    let folded = folded(text).replace(['&', '+'], " and ");
    let chunks: Vec<String> = folded.split(' ').map(ToOwned::to_owned).collect();
    chunks.into_iter().filter(|chunk| chunk.contains(char::is_alphanumeric))
}

/// The parts of a chunk between its punctuation, and where writing with blanks meets writing without.
fn parts(chunk: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut last = None;
    for letter in chunk.chars() {
        let kind = letter.is_alphanumeric().then(|| is_unspaced_letter(letter));
        match (kind, parts.last_mut()) {
            (Some(_), Some(part)) if kind == last => part.push(letter),
            (Some(_), _) => parts.push(letter.into()),
            (None, _) => {}
        }
        last = kind;
    }
    parts
}

/// The pairs of characters that stand side by side; none where there is one character only.
fn pairs(part: &str) -> Vec<String> {
    let letters: Vec<char> = part.chars().collect();
    letters.windows(2).map(|pair| pair.iter().collect()).collect()
}

fn short(word: &str) -> String {
    word.chars().take(WORD_MAX).collect()
}

fn is_unspaced(part: &str) -> bool {
    part.chars().next().is_some_and(is_unspaced_letter)
}

/// Whether a character is of Chinese, Japanese or Korean writing.
const fn is_unspaced_letter(letter: char) -> bool {
    matches!(letter,
        '\u{1100}'..='\u{11ff}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}'
        | '\u{3130}'..='\u{318f}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(query: &str) -> Vec<Vec<String>> {
        let joined = |terms: &Vec<Term>| {
            let mark =
                |it: &Term| if it.is_whole { it.text.clone() } else { format!("{}…", it.text) };
            terms.iter().map(mark).collect::<Vec<_>>().join(" ")
        };
        wanted(query).iter().map(|word| word.0.iter().map(joined).collect()).collect()
    }

    #[test]
    fn a_word_is_indexed_with_and_without_its_punctuation() {
        assert_eq!(indexed("AC/DC"), ["ac", "dc", "acdc"]);
        assert_eq!(indexed("N.E.R.D."), ["n", "e", "r", "d", "nerd", "nerd"]);
        assert_eq!(indexed("B. B. King"), ["b", "b", "bb", "king"]);
        assert_eq!(indexed("Echo & the Bunnymen"), ["echo", "and", "the", "bunnymen"]);
        assert_eq!(indexed("Destiny's Child"), ["destiny", "s", "destinys", "child"]);
        assert_eq!(indexed("東京ドーム"), ["東京", "京ド", "ドー", "ーム", "ム"]);
        assert_eq!(indexed("K-POP 콘서트"), ["k", "pop", "kpop", "콘서", "서트", "트"]);
    }

    #[test]
    fn a_query_needs_its_words_but_for_those_that_say_nothing() {
        assert_eq!(spellings("the Killers tickets"), [["killers…"]]);
        assert_eq!(spellings("hamlet tick"), [["hamlet…"]]);
        assert_eq!(spellings("The The"), [["the…"], ["the…"]], "nothing else was typed");
        assert_eq!(spellings("ac/dc"), [["acdc…", "ac… dc…"]]);
        assert_eq!(spellings("n.e.r.d."), [["nerd…"]]);
        assert_eq!(spellings("ドーム"), [["ドー ーム"]]);
        assert_eq!(spellings("東"), [["東…"]]);
        assert!(spellings(" ?! ").is_empty());
        assert_eq!(wanted(&"word ".repeat(40)).len(), WORDS_MAX);
    }
}
