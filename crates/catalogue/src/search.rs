//! Full-text search over the shows: words of name, performers, venue, city, region, country, kind and year, as
//! people type them.

mod numbers;
mod words;

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
    query::{BooleanQuery, FuzzyTermQuery, InvertedIndexRangeQuery, Query, TermQuery},
    schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
};
use tokio::sync::oneshot;

use self::{numbers::Numbers, words::Word};
use crate::{places::names, show::Show};

/// The least that tantivy's writer works with, in bytes; shows are few and small.
const WRITER_BYTES: usize = 15_000_000;

/// The column with the number of a show.
const NUMBER: &str = "number";

/// Finds shows by words. It is kept in memory and built again at every start. A show's number is the one
/// that it has among the shows in memory.
pub(crate) struct Search {
    index: Index,
    reader: IndexReader,
    /// The words of name and performers.
    name: Field,
    /// Those of venue, city, region, country, kind and year.
    rest: Field,
    number: Field,
    /// Made when there is something to write.
    writer: Mutex<Option<IndexWriter>>,
    waiting: Mutex<Vec<Waiting>>,
    /// How many shows no search finds yet: those that wait, and those that are being taken up.
    pending: AtomicUsize,
    /// Held by the task that takes up what waits; the others wait here and not on a thread.
    turn: tokio::sync::Mutex<()>,
}

/// A show that a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) number: u32,
    pub(crate) fit: Fit,
}

/// How well a show fits a query, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Its name or its performers have each of the words.
    Named,
    /// They have words that begin so.
    Begun,
    /// Some of the words are elsewhere: in its venue, its city or its kind.
    Elsewhere,
    /// It has the words but for typos.
    Similar,
}

impl Fit {
    /// 0 for what fits best.
    pub(crate) const fn rank(self) -> u32 {
        match self {
            Self::Named => 0,
            Self::Begun => 1,
            Self::Elsewhere => 2,
            Self::Similar => 3,
        }
    }
}

/// How like a word of a query one of a show must be.
#[derive(Debug, Clone, Copy)]
struct Likeness {
    /// How many letters may be wrong, where the word allows for it.
    typos: u8,
    /// Whether it must not go on behind the word.
    is_whole: bool,
}

/// A show that no search finds yet.
struct Waiting {
    number: u64,
    name: String,
    rest: String,
    /// Whether an older version of it can be found.
    replaces: bool,
}

impl Search {
    /// A search that finds nothing yet.
    ///
    /// # Errors
    /// The cause, when the search engine does not start.
    pub(crate) fn new() -> Result<Self, Cause> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("whitespace")
            .set_index_option(IndexRecordOption::Basic);
        let words = TextOptions::default().set_indexing_options(indexing);
        let name = schema.add_text_field("name", words.clone());
        let rest = schema.add_text_field("rest", words);
        let number = schema.add_u64_field(NUMBER, FAST | INDEXED);
        let index = Index::create_in_ram(schema.build());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self {
            index,
            reader,
            name,
            rest,
            number,
            writer: Mutex::default(),
            waiting: Mutex::default(),
            pending: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Adds a show, or replaces it. It is found after the next [`Self::catch_up`].
    pub(crate) fn add(&self, number: u32, show: &Show, replaces: bool) {
        let text = |parts: &[&str]| words::indexed(&parts.join(" ")).join(" ");
        let venue = &show.venue;
        let year = show.local_start().year().to_string();
        let mut name = vec![show.name.as_str()];
        name.extend(show.performers.iter().map(String::as_str));
        let mut rest = vec![venue.name.as_str(), &venue.city, &show.category, &year];
        rest.extend(venue.region.as_deref().into_iter().chain(venue.country.as_deref()));
        rest.extend(names(&venue.city).iter().map(String::as_str));
        let (name, rest) = (text(&name), text(&rest));
        self.pending.fetch_add(1, Ordering::SeqCst);
        lock(&self.waiting).push(Waiting { number: u64::from(number), name, rest, replaces });
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
        for Waiting { number, name, rest, replaces } in shows {
            if *replaces {
                writer.delete_term(Term::from_field_u64(self.number, *number));
            }
            let mut document = TantivyDocument::new();
            document.add_text(self.name, name);
            document.add_text(self.rest, rest);
            document.add_u64(self.number, *number);
            writer.add_document(document)?;
        }
        writer.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    /// The shows that have every word of `query`, the beginning of a word being enough, and how well each
    /// fits; if there are none, those that have it but for a small typo. `None` when `query` has no word.
    pub(crate) fn find(&self, query: &str) -> Result<Option<Vec<Hit>>, Cause> {
        let words = words::wanted(query);
        if words.is_empty() {
            return Ok(None);
        }
        let begun = Likeness { typos: 0, is_whole: false };
        let found = self.numbers(&words, &[self.name, self.rest], begun)?;
        if found.is_empty() {
            let similar = Likeness { typos: u8::MAX, ..begun };
            let found = self.numbers(&words, &[self.name, self.rest], similar)?;
            return Ok(Some(hits(found, |_| Fit::Similar)));
        }
        let named: HashSet<u64> = self.numbers(&words, &[self.name], begun)?.into_iter().collect();
        let whole = Likeness { is_whole: true, ..begun };
        let whole: HashSet<u64> = self.numbers(&words, &[self.name], whole)?.into_iter().collect();
        let fit = |number: u64| {
            if whole.contains(&number) {
                Fit::Named
            } else if named.contains(&number) {
                Fit::Begun
            } else {
                Fit::Elsewhere
            }
        };
        Ok(Some(hits(found, fit)))
    }

    fn numbers(&self, words: &[Word], fields: &[Field], like: Likeness) -> Result<Vec<u64>, Cause> {
        let all = words.iter().map(|word| self.word(word, fields, like)).collect();
        let query = BooleanQuery::intersection(all);
        Ok(self.reader.searcher().search(&query, &Numbers(NUMBER))?)
    }

    fn word(&self, Word(spellings): &Word, fields: &[Field], like: Likeness) -> Box<dyn Query> {
        let term = |term: &words::Term| -> Box<dyn Query> {
            let any = fields.iter().map(|field| term_query(*field, term, like)).collect();
            Box::new(BooleanQuery::union(any))
        };
        let spelling = |terms: &Vec<words::Term>| -> Box<dyn Query> {
            Box::new(BooleanQuery::intersection(terms.iter().map(term).collect()))
        };
        Box::new(BooleanQuery::union(spellings.iter().map(spelling).collect()))
    }
}

/// Finds what has a word that is `term`, begins with it, or does so but for some typos.
fn term_query(field: Field, term: &words::Term, like: Likeness) -> Box<dyn Query> {
    let word = &term.text;
    let first = Term::from_field_text(field, word);
    if term.is_whole || like.is_whole {
        return Box::new(TermQuery::new(first, IndexRecordOption::Basic));
    }
    let typos = typos_allowed(word).min(like.typos);
    if typos > 0 {
        return Box::new(FuzzyTermQuery::new_prefix(first, typos, true));
    }
    // No word holds the last code point, so that what begins with `word` sorts before this.
    let end = Term::from_field_text(field, &format!("{word}{}", char::MAX));
    Box::new(InvertedIndexRangeQuery::new(Bound::Included(first), Bound::Excluded(end)))
}

fn hits(numbers: Vec<u64>, fit: impl Fn(u64) -> Fit) -> Vec<Hit> {
    let hit = |number: u64| Some(Hit { number: u32::try_from(number).ok()?, fit: fit(number) });
    numbers.into_iter().filter_map(hit).collect()
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many letters may be wrong in a word: short words have too many neighbours, and so have numbers. For
/// long words, and for letters of many bytes, the automaton that finds neighbours takes more memory than they are worth.
fn typos_allowed(word: &str) -> u8 {
    if !word.bytes().all(|letter| letter.is_ascii_lowercase()) {
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

    /// What a query finds, the best first.
    fn found(search: &Search, query: &str) -> Vec<u32> {
        let mut hits = search.find(query).unwrap().unwrap();
        hits.sort_unstable_by_key(|hit| (hit.fit, hit.number));
        hits.into_iter().map(|hit| hit.number).collect()
    }

    #[test]
    fn a_show_is_found_by_words_of_name_venue_and_city_by_their_beginning_and_with_a_small_typo() {
        let search = search(&[
            ("Les Misérables", "Sondheim Theatre", "London"),
            ("Mamma Mia!", "Broadway Theatre", "New York City"),
            ("Hamlet", "Old Globe", "San Diego"),
        ]);
        let found = |query: &str| found(&search, query);
        assert_eq!(found("mamma"), [1]);
        assert_eq!(found("MIA mam"), [1]);
        assert_eq!(found("miserables london"), [0]);
        assert_eq!(found("theat"), [0, 1]);
        assert_eq!(found("hamlte"), [2], "two letters swapped");
        assert_eq!(found("sandheim"), [0], "one letter wrong");
        assert_eq!(found("new york"), [1]);
        assert_eq!(found("hamlet london"), Vec::<u32>::new(), "every word counts");
        assert_eq!(found("xyzzy"), Vec::<u32>::new());
    }

    /// FOUND G: what people type, on a catalogue of real names.
    #[test]
    fn searches_find_what_people_mean() {
        let shows = [
            ("Hamlet", "Globe", "London"),
            ("Killers", "Arena", "Las Vegas"),
            ("B.B. King", "Blues Hall", "Memphis"),
            ("Echo & the Bunnymen", "Academy", "Liverpool"),
            ("N.E.R.D.", "Arena", "Boston"),
            ("AC/DC", "Arena", "München"),
            ("Run-D.M.C.", "Garden", "New York City"),
            ("東京ドーム公演", "東京ドーム", "東京"),
            ("방탄소년단 콘서트", "올림픽공원", "서울"),
            ("Die Zauberflöte", "Opernhaus", "Zürich"),
            ("Εθνική Όπερα", "Θέατρο", "Αθήνα"),
            ("Щелкунчик в Ёлках", "Театр", "Москва"),
            ("Les Mise\u{301}rables", "Palace", "Manchester"),
            ("Nerdy Night", "Cellar", "Denver"),
        ];
        let search = search(&shows);
        for (query, expected) in [
            ("hamlet tickets", 0),
            ("tickets for hamlet", 0),
            ("hamlet 1970", 0),
            ("the killers", 1),
            ("bb king", 2),
            ("b.b. king", 2),
            ("b b king", 2),
            ("echo and the bunnymen", 3),
            ("echo & the bunnymen", 3),
            ("echo bunnymen", 3),
            ("nerd", 4),
            ("n.e.r.d", 4),
            ("acdc", 5),
            ("ac/dc", 5),
            ("ac dc", 5),
            ("acdc munich", 5),
            ("run dmc", 6),
            ("run-dmc", 6),
            ("rundmc", 6),
            ("dmc nyc", 6),
            ("ドーム", 7),
            ("ﾄﾞｰﾑ", 7),
            ("東京", 7),
            ("tokyo", 7),
            ("콘서트", 8),
            ("소년", 8),
            ("seoul", 8),
            ("zauberflote zurich", 9),
            ("ZAUBERFLÖTE", 9),
            ("οπερα", 10),
            ("ΕΘΝΙΚΗ", 10),
            ("елках", 11),
            ("moscow", 11),
            ("miserables", 12),
            ("misérables", 12),
            ("mise\u{301}r", 12),
        ] {
            assert_eq!(found(&search, query).first(), Some(&expected), "{query}");
        }
        for query in ["hamlet 1971", "ドーモ", "nerds tickets london"] {
            assert!(found(&search, query).is_empty(), "{query}");
        }
    }

    /// FOUND G: relevance first. A name counts for more than a venue, a whole word for more than a beginning.
    #[test]
    fn what_fits_best_comes_first() {
        let search = search(&[
            ("Concert", "Killers Hall", "Boston"),
            ("Killersworld", "Arena", "Boston"),
            ("Killers", "Arena", "Boston"),
        ]);
        assert_eq!(found(&search, "killers"), [2, 1, 0]);
        let fits: Vec<_> =
            search.find("kilers").unwrap().unwrap().iter().map(|it| it.fit).collect();
        assert_eq!(fits, [Fit::Similar; 3]);
    }

    #[test]
    fn a_query_without_a_word_is_no_query() {
        assert_eq!(search(&[("Hamlet", "Globe", "London")]).find(" ?! ").unwrap(), None);
    }

    /// Whatever is asked for takes a bounded amount of memory: the automaton that forgives typos grows
    /// with the square of what is typed, and with each letter of several bytes.
    #[test]
    fn only_short_words_of_plain_letters_may_have_typos() {
        let cyrillic: String = ('а'..='я').cycle().take(200).collect();
        let digits = "0123456789".repeat(20);
        let latin = "abcdefghijklmnopqrstuvwxyz".repeat(8);
        for (text, allowed) in [(&cyrillic, 0), (&digits, 0), (&latin, 20)] {
            for length in 1..=200 {
                let query: String = text.chars().take(length).collect();
                let words = words::wanted(&query);
                let [Word(spellings)] = &words[..] else { panic!("{words:?}") };
                let word = &spellings[0][0].text;
                assert_eq!(word.chars().count(), length.min(words::WORD_MAX));
                assert!(typos_allowed(word) == 0 || length <= allowed, "{word}");
            }
        }
    }

    #[test]
    fn a_long_word_is_found_by_its_beginning_and_writing_without_blanks_by_any_part() {
        let han: String = (0x4e00..).filter_map(char::from_u32).take(200).collect();
        let latin = "abcdefghijklmnopqrstuvwxyz".repeat(8);
        let search = search(&[(&han, "Globe", "London"), (&latin, "Globe", "London")]);
        let found = |query: String| found(&search, &query);
        assert_eq!(found(han.clone()), [0]);
        assert_eq!(found(han.chars().skip(70).take(3).collect()), [0]);
        assert_eq!(found(han.chars().skip(70).step_by(2).take(3).collect()), Vec::<u32>::new());
        assert_eq!(found(latin.clone()), [1]);
        assert_eq!(found(latin.chars().take(3).collect()), [1]);
        assert_eq!(found(latin.chars().skip(1).collect()), Vec::<u32>::new());
    }

    #[test]
    fn a_show_that_was_changed_is_found_by_what_it_is_now_alone() {
        let search = search(&[("Hamlet", "Globe", "London"), ("Faust", "Scala", "Milano")]);
        search.add(0, &show("Macbeth", "Plays", "Globe", "London"), true);
        search.take_up().unwrap();
        let found = |query: &str| found(&search, query);
        assert_eq!(found("hamlet"), Vec::<u32>::new());
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
