//! Full-text search over the shows: words of name, venue, city, region and category, as one types.

use std::{collections::HashSet, sync::Mutex};

use stubmart_ports::Cause;
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term,
    collector::DocSetCollector,
    query::{BooleanQuery, FuzzyTermQuery, Query},
    schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{AsciiFoldingFilter, LowerCaser, SimpleTokenizer, TextAnalyzer, TokenStream as _},
};

use crate::show::Show;

/// The least that tantivy's writer works with, in bytes; shows are few and small.
const WRITER_BYTES: usize = 15_000_000;

/// How many words of a query count; more than anybody types.
const WORDS_MAX: usize = 8;

/// Finds shows by words. Kept in memory and rebuilt at every start; a show's number is its place in
/// the catalogue.
pub(crate) struct Search {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    engine: Option<Engine>,
    waiting: Vec<(u64, String)>,
}

struct Engine {
    writer: IndexWriter,
    reader: IndexReader,
    tokenizer: TextAnalyzer,
    text: Field,
    number: Field,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner::default()) }
    }

    /// Adds a show; the next search finds it.
    pub(crate) fn add(&self, number: u64, show: &Show) {
        let region = show.venue.region.as_deref().unwrap_or("");
        let text =
            [&show.name, &show.venue.name, &show.venue.city, region, &show.category].join(" ");
        self.lock().waiting.push((number, text));
    }

    /// The numbers of the shows that have every word of `query`, the beginning of a word being enough;
    /// if there are none, of those that have it but for a small typo. `None` when `query` has no word.
    pub(crate) fn find(&self, query: &str) -> Result<Option<HashSet<u64>>, Cause> {
        let mut inner = self.lock();
        let waiting = std::mem::take(&mut inner.waiting);
        let engine = match &mut inner.engine {
            Some(engine) => engine,
            none => none.insert(Engine::new()?),
        };
        engine.add(waiting)?;
        let words = engine.words(query);
        if words.is_empty() {
            return Ok(None);
        }
        let exact = engine.search(&words, |_| 0)?;
        if !exact.is_empty() {
            return Ok(Some(exact));
        }
        Ok(Some(engine.search(&words, typos_allowed)?))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How many letters may be wrong in a word: short words have too many neighbours.
fn typos_allowed(word: &str) -> u8 {
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

impl Engine {
    fn new() -> Result<Self, Cause> {
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
        let number = schema.add_u64_field("number", FAST);
        let index = Index::create_in_ram(schema.build());
        index.tokenizers().register("words", tokenizer.clone());
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { writer, reader, tokenizer, text, number })
    }

    fn add(&mut self, waiting: Vec<(u64, String)>) -> Result<(), Cause> {
        if waiting.is_empty() {
            return Ok(());
        }
        for (number, text) in waiting {
            let mut document = TantivyDocument::new();
            document.add_text(self.text, text);
            document.add_u64(self.number, number);
            self.writer.add_document(document)?;
        }
        self.writer.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    fn words(&mut self, query: &str) -> Vec<String> {
        let mut stream = self.tokenizer.token_stream(query);
        let mut words = Vec::new();
        while stream.advance() && words.len() < WORDS_MAX {
            words.push(stream.token().text.clone());
        }
        words
    }

    fn search(&self, words: &[String], typos: impl Fn(&str) -> u8) -> Result<HashSet<u64>, Cause> {
        let terms = words.iter().map(|word| {
            let term = Term::from_field_text(self.text, word);
            let query: Box<dyn Query> =
                Box::new(FuzzyTermQuery::new_prefix(term, typos(word), true));
            query
        });
        let searcher = self.reader.searcher();
        let found =
            searcher.search(&BooleanQuery::intersection(terms.collect()), &DocSetCollector)?;
        let mut numbers = HashSet::with_capacity(found.len());
        for address in found {
            let segment = searcher.segment_reader(address.segment_ord);
            numbers.extend(segment.fast_fields().u64("number")?.first(address.doc_id));
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stubmart_contract::{EventId, Timestamp, api::Venue};

    fn search(shows: &[(&str, &str, &str)]) -> Search {
        let search = Search::new();
        for (number, (name, venue, city)) in (0..).zip(shows) {
            let show = Show {
                id: EventId(uuid::Uuid::nil()),
                name: (*name).to_owned(),
                category: "Musicals".to_owned(),
                venue: Venue { name: (*venue).to_owned(), city: (*city).to_owned(), region: None },
                starts_at: Timestamp::EPOCH,
                created_at: Timestamp::EPOCH,
            };
            search.add(number, &show);
        }
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
}
