//! Full-text search over the shows: words of name, venue, city, region and category, as one types.

use std::{
    collections::HashSet,
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use stubmart_ports::{Cause, host::Host};
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term,
    collector::DocSetCollector,
    query::{BooleanQuery, FuzzyTermQuery, InvertedIndexRangeQuery, Query},
    schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{AsciiFoldingFilter, LowerCaser, SimpleTokenizer, TextAnalyzer, TokenStream as _},
};
use tokio::sync::oneshot;

use crate::{places::names, show::Show};

/// The least that tantivy's writer works with, in bytes; shows are few and small.
const WRITER_BYTES: usize = 15_000_000;

/// How many words of a query count; more than anybody types.
const WORDS_MAX: usize = 8;

/// How many characters of a word count.
const WORD_MAX: usize = 32;

/// Finds shows by words. It is kept in memory and built again at every start. A show's number is the one
/// that it has among the shows in memory.
pub(crate) struct Search {
    index: Index,
    reader: IndexReader,
    tokenizer: TextAnalyzer,
    text: Field,
    number: Field,
    /// Made when there is something to write.
    writer: Mutex<Option<IndexWriter>>,
    waiting: Mutex<Vec<Waiting>>,
    /// How many shows no search finds yet: those that wait, and those that are being taken up.
    pending: AtomicUsize,
    /// Held by the task that takes up what waits; the others wait here and not on a thread.
    turn: tokio::sync::Mutex<()>,
}

/// A show that no search finds yet.
struct Waiting {
    number: u64,
    text: String,
    /// Whether an older version of it can be found.
    replaces: bool,
}

impl Search {
    /// A search that finds nothing yet.
    ///
    /// # Errors
    /// The cause, when the search engine does not start.
    pub(crate) fn new() -> Result<Self, Cause> {
        let tokenizer = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
            .build();
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("words")
            .set_index_option(IndexRecordOption::Basic);
        let text =
            schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
        let number = schema.add_u64_field("number", FAST | INDEXED);
        let index = Index::create_in_ram(schema.build());
        index.tokenizers().register("words", tokenizer.clone());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self {
            index,
            reader,
            tokenizer,
            text,
            number,
            writer: Mutex::default(),
            waiting: Mutex::default(),
            pending: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Adds a show, or replaces it. It is found after the next [`Self::catch_up`].
    pub(crate) fn add(&self, number: u32, show: &Show, replaces: bool) {
        let region = show.venue.region.as_deref().unwrap_or("");
        let mut parts = vec![
            show.name.as_str(),
            show.venue.name.as_str(),
            show.venue.city.as_str(),
            region,
            show.category.as_str(),
        ];
        parts.extend(show.performers.iter().map(String::as_str));
        parts.extend(names(&show.venue.city).iter().map(String::as_str));
        let text = parts.join(" ");
        self.pending.fetch_add(1, Ordering::SeqCst);
        lock(&self.waiting).push(Waiting { number: u64::from(number), text, replaces });
    }

    /// Makes every show findable that was added, away from the tasks that serve requests.
    ///
    /// # Errors
    /// The cause, when the search engine fails; what waited waits on.
    pub(crate) async fn catch_up(self: &Arc<Self>, host: &Host) -> Result<(), Cause> {
        if self.pending.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if self.pending.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let (done, taken_up) = oneshot::channel();
        let it = Arc::clone(self);
        host.spawner.blocking(Box::new(move || {
            // The caller may have gone; the work is done all the same.
            drop(done.send(it.take_up()));
        }));
        taken_up.await?
    }

    /// Takes up what waits. It is put back when that fails.
    fn take_up(&self) -> Result<(), Cause> {
        let mut writer = lock(&self.writer);
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return Ok(());
        }
        let written = self.write(&mut writer, &waiting);
        if written.is_ok() {
            self.pending.fetch_sub(waiting.len(), Ordering::SeqCst);
        } else {
            // A writer that has failed once may be beyond use.
            *writer = None;
            lock(&self.waiting).extend(waiting);
        }
        written
    }

    fn write(&self, writer: &mut Option<IndexWriter>, shows: &[Waiting]) -> Result<(), Cause> {
        let writer = match writer {
            Some(writer) => writer,
            none => none.insert(self.index.writer_with_num_threads(1, WRITER_BYTES)?),
        };
        for Waiting { number, text, replaces } in shows {
            if *replaces {
                writer.delete_term(Term::from_field_u64(self.number, *number));
            }
            let mut document = TantivyDocument::new();
            document.add_text(self.text, text);
            document.add_u64(self.number, *number);
            writer.add_document(document)?;
        }
        writer.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    /// The numbers of the shows that have every word of `query`, the beginning of a word being enough;
    /// if there are none, of those that have it but for a small typo. `None` when `query` has no word.
    pub(crate) fn find(&self, query: &str) -> Result<Option<HashSet<u64>>, Cause> {
        let words = self.words(query);
        if words.is_empty() {
            return Ok(None);
        }
        let exact = self.search(&words, |_| 0)?;
        if !exact.is_empty() || words.iter().all(|word| typos_allowed(word) == 0) {
            return Ok(Some(exact));
        }
        Ok(Some(self.search(&words, typos_allowed)?))
    }

    fn words(&self, query: &str) -> Vec<String> {
        let mut tokenizer = self.tokenizer.clone();
        let mut stream = tokenizer.token_stream(query);
        let mut words = Vec::new();
        while stream.advance() && words.len() < WORDS_MAX {
            words.push(stream.token().text.chars().take(WORD_MAX).collect());
        }
        words
    }

    fn search(&self, words: &[String], typos: impl Fn(&str) -> u8) -> Result<HashSet<u64>, Cause> {
        let terms = words.iter().map(|word| self.begins_with(word, typos(word))).collect();
        let searcher = self.reader.searcher();
        let found = searcher.search(&BooleanQuery::intersection(terms), &DocSetCollector)?;
        let columns = searcher.segment_readers().iter();
        let columns = columns.map(|segment| segment.fast_fields().u64("number"));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let number = |address: tantivy::DocAddress| {
            columns.get(usize::try_from(address.segment_ord).ok()?)?.first(address.doc_id)
        };
        Ok(found.into_iter().filter_map(number).collect())
    }

    /// Finds what has a word that begins with `word`, but for so many typos.
    fn begins_with(&self, word: &str, typos: u8) -> Box<dyn Query> {
        let term = Term::from_field_text(self.text, word);
        if typos > 0 {
            return Box::new(FuzzyTermQuery::new_prefix(term, typos, true));
        }
        // No word holds the last code point, so that what begins with `word` sorts before this.
        let end = Term::from_field_text(self.text, &format!("{word}{}", char::MAX));
        Box::new(InvertedIndexRangeQuery::new(Bound::Included(term), Bound::Excluded(end)))
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many letters may be wrong in a word: short words have too many neighbours. For long words, and
/// for letters of many bytes, the automaton that finds neighbours takes more memory than they are worth.
fn typos_allowed(word: &str) -> u8 {
    if !word.is_ascii() {
        return 0;
    }
    match word.len() {
        4..=7 => 1,
        8..=20 => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stubmart_contract::{
        EventId, TimeZone, Timestamp,
        api::{CreateEventRequest, Venue},
    };

    fn show(name: &str, category: &str, venue: &str, city: &str) -> Show {
        let venue = Venue { time_zone: Some(TimeZone::UTC), ..Venue::new(venue, city) };
        let start = TimeZone::UTC.local(Timestamp::EPOCH);
        let asked = CreateEventRequest::new(name, category, venue, start);
        Show::new(EventId(uuid::Uuid::nil()), &asked).unwrap()
    }

    fn search(shows: &[(&str, &str, &str)]) -> Search {
        let search = Search::new().unwrap();
        for (number, (name, venue, city)) in (0..).zip(shows) {
            search.add(number, &show(name, "Musicals", venue, city), false);
        }
        search.take_up().unwrap();
        search
    }

    #[test]
    fn a_show_is_found_by_words_of_name_venue_and_city_by_their_beginning_and_with_a_small_typo() {
        let search = search(&[
            ("Les Misérables", "Sondheim Theatre", "London"),
            ("Mamma Mia!", "Broadway Theatre", "New York City"),
            ("Hamlet", "Old Globe", "San Diego"),
        ]);
        let found = |query: &str| {
            let mut numbers: Vec<_> = search.find(query).unwrap().unwrap().into_iter().collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(found("mamma"), [1]);
        assert_eq!(found("MIA mam"), [1]);
        assert_eq!(found("miserables london"), [0]);
        assert_eq!(found("theat"), [0, 1]);
        assert_eq!(found("hamlte"), [2], "two letters swapped");
        assert_eq!(found("sandheim"), [0], "one letter wrong");
        assert_eq!(found("new york"), [1]);
        assert_eq!(found("hamlet london"), Vec::<u64>::new(), "every word counts");
        assert_eq!(found("xyzzy"), Vec::<u64>::new());
    }

    #[test]
    fn a_query_without_a_word_is_no_query() {
        assert_eq!(search(&[("Hamlet", "Globe", "London")]).find(" ?! ").unwrap(), None);
    }

    /// Whatever is asked for takes a bounded amount of memory: the automaton that forgives typos grows
    /// with the square of what is typed, and with each letter of several bytes.
    #[test]
    fn only_short_words_of_plain_letters_may_have_typos() {
        let search = search(&[]);
        let cjk: String = (0x4e00..).filter_map(char::from_u32).take(200).collect();
        let latin = "abcdefghijklmnopqrstuvwxyz".repeat(8);
        for (text, allowed) in [(&cjk, 0), (&latin, 20)] {
            for length in 1..=200 {
                let query: String = text.chars().take(length).collect();
                let words = search.words(&query);
                let [word] = &words[..] else { panic!("{words:?}") };
                assert_eq!(word.chars().count(), length.min(32));
                assert!(typos_allowed(word) == 0 || length <= allowed, "{word}");
            }
        }
        assert_eq!(search.words(&"word ".repeat(40)).len(), WORDS_MAX);
    }

    #[test]
    fn a_long_word_and_one_of_another_script_are_found_by_their_beginning() {
        let name: String = (0x4e00..).filter_map(char::from_u32).take(200).collect();
        let search = search(&[(&name, "Globe", "London")]);
        let found = |query: &str| search.find(query).unwrap().unwrap().len();
        assert_eq!((found(&name), found(&name.chars().take(3).collect::<String>())), (1, 1));
        assert_eq!(found(&name.chars().skip(1).collect::<String>()), 0);
    }

    #[test]
    fn a_show_that_was_changed_is_found_by_what_it_is_now_alone() {
        let search = search(&[("Hamlet", "Globe", "London"), ("Faust", "Scala", "Milano")]);
        search.add(0, &show("Macbeth", "Plays", "Globe", "London"), true);
        search.take_up().unwrap();
        let found = |query: &str| {
            let mut numbers: Vec<_> = search.find(query).unwrap().unwrap().into_iter().collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(found("hamlet"), Vec::<u64>::new());
        assert_eq!(
            (found("macbeth"), found("london"), found("faust")),
            (vec![0], vec![0], vec![1])
        );
    }

    #[test]
    fn what_was_not_taken_up_for_a_failure_waits_on() {
        let search = search(&[]);
        search.add(0, &show("Hamlet", "Plays", "Globe", "London"), false);
        // An index has one writer at a time.
        lock(&search.writer).take();
        let other: IndexWriter = search.index.writer_with_num_threads(1, WRITER_BYTES).unwrap();
        search.take_up().unwrap_err();
        assert_eq!(search.find("hamlet").unwrap().unwrap().len(), 0);
        drop(other);
        search.take_up().unwrap();
        assert_eq!(search.find("hamlet").unwrap().unwrap().len(), 1);
        assert_eq!(search.pending.load(Ordering::SeqCst), 0);
    }
}
