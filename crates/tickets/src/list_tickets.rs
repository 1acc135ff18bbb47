//! Use cases: one ticket, and lists of tickets page by page.
//!
//! A list comes from the parts of one index that hold its tickets, each part in the list's order, merged. A
//! filter that no part answers alone looks at one ticket after the other until the page is full, so that a
//! page is empty only when nothing is left. Two kinds of lists have few tickets to choose from, in another
//! order: those are read whole and sorted.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
};

use stubmart_contract::{EventId, TicketId, UserId, api::TicketStatus};
use stubmart_kernel::{
    RepositoryError, Versioned,
    aggregate::{Key, KeyReader},
    page::{Cursor, Page, PageError, PageRequest},
};
use stubmart_ports::store::Scan;

use crate::{
    service::Tickets,
    ticket::{Phase, Ticket, index},
};

/// How many rows are read at once where a filter refuses some.
const ROWS: usize = 500;

/// How few rows are read at once of one part among several.
const ROWS_MIN: usize = 16;

/// Up to how many tickets are read whole and sorted.
const SORTED_MAX: usize = 2_000;

/// In which order. By price is by what one ticket costs with fees, currency by currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Cheapest first.
    Price,
    /// Dearest first.
    PriceDescending,
    /// Listed last first.
    Newest,
}

/// The filters and the order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketQuery {
    /// For this show.
    pub event_id: Option<EventId>,
    /// Of this seller.
    pub seller_id: Option<UserId>,
    /// In one of these states; `None`: what can be seen (one's own in every state, others' on offer).
    pub status: Option<Vec<TicketStatus>>,
    /// In this section, by its normal form; empty: in none.
    pub section: Option<String>,
    /// At least so much for one ticket, fees included.
    pub min_price: Option<u32>,
    /// At most so much for one ticket, fees included.
    pub max_price: Option<u32>,
    /// With so many seats.
    pub quantity: Option<u32>,
    /// Called so by its seller, whose tickets alone are asked for.
    pub external_id: Option<String>,
    /// With each of these words, in lower case, in what its seller says of it.
    pub words: Vec<String>,
    /// In which order.
    pub sort: Sort,
    /// The user who asks; `None` for a visitor.
    pub viewer: Option<UserId>,
}

/// A part of an index.
#[derive(Debug)]
struct Part {
    scan: Scan,
    /// The beginning that all of its keys share. In a part that is in the list's order, the rest of a key is the
    /// ticket's sort key.
    prefix: Key,
}

/// A ticket with its sort key.
type Row = (Vec<u8>, Versioned<Ticket>);

/// The rows of a part that were read and are not in the page yet.
struct Source {
    /// Where to read on.
    scan: Scan,
    /// How many rows to read at once.
    chunk: usize,
    rows: VecDeque<Row>,
    is_at_end: bool,
}

impl Tickets {
    /// The ticket, if there is one that `viewer` may see.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn ticket(
        &self,
        id: TicketId,
        viewer: Option<UserId>,
    ) -> Result<Option<Versioned<Ticket>>, RepositoryError> {
        let found = self.tickets().load(id).await?;
        Ok(found.filter(|found| found.state.is_visible_to(viewer)))
    }

    /// One page of tickets.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn list_tickets(
        &self,
        query: &TicketQuery,
        page: &PageRequest,
    ) -> Result<Page<Versioned<Ticket>>, PageError> {
        let behind = page.cursor.as_ref().map(Cursor::key);
        if behind.is_some_and(|key| key.len() != query.sort_key_length()) {
            return Err(PageError::ForeignCursor);
        }
        let wanted = page.limit.saturating_add(1);
        let rows = match self.sorted(query, behind, wanted).await? {
            Some(rows) => rows,
            None => self.merged(query, behind, wanted).await?,
        };
        Ok(Page::of(page.limit, rows, |(key, _)| key, |(_, ticket)| ticket))
    }

    /// The list, where it has few tickets to choose from in another order.
    async fn sorted(
        &self,
        query: &TicketQuery,
        behind: Option<&[u8]>,
        wanted: usize,
    ) -> Result<Option<Vec<Row>>, RepositoryError> {
        let Some(few) = self.few(query).await? else { return Ok(None) };
        let mut rows = Vec::new();
        let mut left = few.at_most;
        for part in few.parts {
            let mut scan = part.scan.limit(ROWS);
            loop {
                let found = self.tickets().find(scan.clone()).await?;
                let Some(last) = found.last() else { break };
                scan = scan.behind(&last.key);
                left = match left.checked_sub(found.len()) {
                    Some(left) => left,
                    None => return Ok(None),
                };
                let fitting = found.into_iter().map(|row| row.found);
                let fitting = fitting.filter(|it| query.fits(&it.state));
                rows.extend(fitting.map(|it| (query.sort_key(&it.state), it)));
                // Reading so many documents keeps a thread busy; others come first.
                tokio::task::yield_now().await;
            }
        }
        rows.retain(|(key, _)| behind.is_none_or(|behind| query.order(key, behind).is_gt()));
        rows.sort_by(|(a, _), (b, _)| query.order(a, b));
        rows.truncate(wanted);
        Ok(Some(rows))
    }

    /// The list, merged from parts that are in its order.
    async fn merged(
        &self,
        query: &TicketQuery,
        behind: Option<&[u8]>,
        wanted: usize,
    ) -> Result<Vec<Row>, RepositoryError> {
        let parts = self.parts(query).await?;
        let chunk = match parts.len() {
            0 | 1 => wanted,
            several => wanted.div_ceil(several).max(ROWS_MIN),
        };
        let source = |part: Part| {
            let scan = match behind {
                Some(behind) => part.scan.behind(&[part.prefix.bytes(), behind].concat()),
                None => part.scan,
            };
            Source { scan, chunk, rows: VecDeque::new(), is_at_end: false }
        };
        let mut sources: Vec<Source> = parts.into_iter().map(source).collect();
        let mut rows = Vec::with_capacity(wanted);
        while rows.len() < wanted {
            for source in &mut sources {
                self.fill(query, source).await?;
            }
            let first = |source: &&mut Source| source.rows.front().map(|(key, _)| key.clone());
            let next = sources
                .iter_mut()
                .filter_map(|source| first(&source).map(|key| (key, source)))
                .min_by(|(a, _), (b, _)| query.order(a, b));
            match next.and_then(|(_, source)| source.rows.pop_front()) {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    /// Reads on in a source until it has a row, or is at its end.
    async fn fill(&self, query: &TicketQuery, source: &mut Source) -> Result<(), RepositoryError> {
        while source.rows.is_empty() && !source.is_at_end {
            let scan = source.scan.clone().limit(source.chunk);
            let found = self.tickets().find(scan.clone()).await?;
            source.is_at_end = found.len() < scan.at_most();
            if let Some(last) = found.last() {
                source.scan = scan.behind(&last.key);
            }
            let fitting = found.into_iter().map(|row| row.found);
            let fitting = fitting.filter(|it| query.fits(&it.state));
            source.rows.extend(fitting.map(|it| (query.sort_key(&it.state), it)));
            if source.rows.is_empty() {
                source.chunk = ROWS;
                // Reading so many documents keeps a thread busy; others come first.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The parts of an index that hold the list's tickets, each in the list's order.
    async fn parts(&self, query: &TicketQuery) -> Result<Vec<Part>, RepositoryError> {
        let by_price = query.sort != Sort::Newest;
        let (index, prefixes) = match (query.seller(), query.event_id, &query.section) {
            _ if query.phases().is_empty() => return Ok(Vec::new()),
            (Some(seller), _, _) if by_price => (index::SELLER_EACH, vec![Key::new().id(seller.0)]),
            (Some(seller), Some(event_id), _) => {
                let prefix = Key::new().id(seller.0).id(event_id.0);
                (index::SELLER_EVENT, query.in_phases(&prefix))
            }
            (Some(seller), _, _) => (index::SELLER, query.in_phases(&Key::new().id(seller.0))),
            (None, Some(event_id), section) => {
                let event = query.in_phases(&Key::new().id(event_id.0));
                match section {
                    _ if !by_price => (index::EVENT_NEWEST, event),
                    Some(section) => {
                        let section = event.into_iter().map(|it| it.text(section)).collect();
                        let index = index::EVENT_SECTION;
                        (index, self.by_quantity(query, index, section).await?)
                    }
                    None if query.quantity.is_some() => {
                        let index = index::EVENT_QUANTITY_EACH;
                        (index, self.by_quantity(query, index, event).await?)
                    }
                    None => (index::EVENT_EACH, event),
                }
            }
            (None, None, Some(section)) if by_price => {
                let phases = query.in_phases(&Key::new());
                (index::SECTION, phases.into_iter().map(|it| it.text(section)).collect())
            }
            (None, None, _) => {
                let index = if by_price { index::QUANTITY_EACH } else { index::QUANTITY };
                let phases = query.in_phases(&Key::new());
                (index, self.by_quantity(query, index, phases).await?)
            }
        };
        let mut parts = Vec::new();
        for prefix in prefixes {
            if by_price && query.has_bounds() {
                for currency in self.next_numbers(index, &prefix).await? {
                    parts.push(self.bounded(query, index, &prefix, currency));
                }
            } else {
                let scan = self.tickets().scan(index, &prefix);
                let scan = if query.descends() { scan.descending() } else { scan };
                parts.push(Part { scan, prefix });
            }
        }
        Ok(parts)
    }

    /// These beginnings of keys, each with the number of seats that is asked for, or with those there are.
    async fn by_quantity(
        &self,
        query: &TicketQuery,
        index: &'static str,
        prefixes: Vec<Key>,
    ) -> Result<Vec<Key>, RepositoryError> {
        let mut longer = Vec::new();
        for prefix in prefixes {
            let quantities = match query.quantity {
                Some(quantity) => vec![quantity],
                None => self.next_numbers(index, &prefix).await?,
            };
            longer.extend(quantities.into_iter().map(|it| prefix.clone().number(it)));
        }
        Ok(longer)
    }

    /// The numbers that follow this beginning of a key.
    async fn next_numbers(
        &self,
        index: &'static str,
        prefix: &Key,
    ) -> Result<Vec<u32>, RepositoryError> {
        let mut scan = self.tickets().scan(index, prefix).limit(1);
        let mut numbers = Vec::new();
        loop {
            let keys = self.tickets().keys(scan.clone()).await?;
            let number = keys
                .first()
                .and_then(|(key, _)| KeyReader::new(key.strip_prefix(prefix.bytes())?).number());
            let Some(number) = number else { return Ok(numbers) };
            numbers.push(number);
            let Some(next) = number.checked_add(1) else { return Ok(numbers) };
            scan.from = prefix.clone().number(next).into_bytes();
        }
    }

    /// The parts of an index to read whole, where those hold few tickets.
    async fn few(&self, query: &TicketQuery) -> Result<Option<Few>, RepositoryError> {
        if query.phases().is_empty() {
            return Ok(None);
        }
        if query.status.as_deref() == Some(&[TicketStatus::Locked]) {
            // There are never more than checkouts that are under way.
            let all = Key::new();
            let scan = self.tickets().scan(index::LOCKED, &all);
            let parts = vec![Part { scan, prefix: all }];
            return Ok(Some(Few { parts, at_most: usize::MAX }));
        }
        if let (Some(seller), Some(external_id)) = (query.seller_id, &query.external_id) {
            let prefix = Key::new().id(seller.0).text(external_id);
            let scan = self.tickets().scan(index::EXTERNAL, &prefix);
            return Ok(Some(Few { parts: vec![Part { scan, prefix }], at_most: usize::MAX }));
        }
        let is_narrow = query.has_bounds()
            || query.section.is_some()
            || query.event_id.is_some() && query.quantity.is_some();
        if query.sort != Sort::Newest || !is_narrow {
            return Ok(None);
        }
        let by_price = TicketQuery { sort: Sort::Price, ..query.clone() };
        Ok(Some(Few { parts: self.parts(&by_price).await?, at_most: SORTED_MAX }))
    }

    /// The part of an index with this beginning and currency, as far as the prices that are asked for.
    fn bounded(
        &self,
        query: &TicketQuery,
        index: &'static str,
        prefix: &Key,
        currency: u32,
    ) -> Part {
        let in_it = prefix.clone().number(currency);
        let mut scan = self.tickets().scan(index, &in_it);
        if let Some(min) = query.min_price {
            scan.from = in_it.clone().number(min).into_bytes();
        }
        if let Some(behind) = query.max_price.and_then(|max| max.checked_add(1)) {
            scan.to = Some(in_it.number(behind).into_bytes());
        }
        let scan = if query.descends() { scan.descending() } else { scan };
        Part { scan, prefix: prefix.clone() }
    }
}

/// Parts of an index to read whole, if there are not more tickets than these in them.
struct Few {
    parts: Vec<Part>,
    at_most: usize,
}

impl TicketQuery {
    /// Whether the list goes from the end of its index to the beginning. Ids grow with time, so the
    /// newest come last in theirs.
    const fn descends(&self) -> bool {
        !matches!(self.sort, Sort::Price)
    }

    /// Compares two sort keys.
    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        if self.descends() { b.cmp(a) } else { a.cmp(b) }
    }

    /// Where a ticket stands in the list.
    fn sort_key(&self, ticket: &Ticket) -> Vec<u8> {
        let key = match self.sort {
            Sort::Newest => Key::new(),
            Sort::Price | Sort::PriceDescending => ticket.each(Key::new()),
        };
        key.id(ticket.id.0).into_bytes()
    }

    const fn sort_key_length(&self) -> usize {
        match self.sort {
            Sort::Newest => 16,
            Sort::Price | Sort::PriceDescending => 24,
        }
    }

    /// Whether a ticket in this state can be in the list.
    fn lists(&self, status: TicketStatus) -> bool {
        let own = self.viewer.is_some() && self.viewer == self.seller_id;
        let is_asked_for = match &self.status {
            Some(statuses) => statuses.contains(&status),
            None => own || Phase::of(status) == Phase::Offered,
        };
        // Only its seller sees a ticket that was withdrawn.
        let is_others = self.viewer.is_none() || self.seller_id.is_some() && !own;
        is_asked_for && !(is_others && status == TicketStatus::Withdrawn)
    }

    /// The phases that the list's tickets are in.
    fn phases(&self) -> BTreeSet<Phase> {
        use TicketStatus::{Available, Locked, Sold, Withdrawn};
        let listed = [Available, Locked, Sold, Withdrawn].into_iter().filter(|it| self.lists(*it));
        listed.map(Phase::of).collect()
    }

    /// This beginning of a key with each of those phases.
    fn in_phases(&self, prefix: &Key) -> Vec<Key> {
        self.phases().into_iter().map(|phase| prefix.clone().number(phase.number())).collect()
    }

    const fn has_bounds(&self) -> bool {
        self.min_price.is_some() || self.max_price.is_some()
    }

    /// Whose tickets the list can be taken from: of what was withdrawn only one's own is shown.
    fn seller(&self) -> Option<UserId> {
        let is_own = self.phases().first() == Some(&Phase::Withdrawn);
        self.seller_id.or(self.viewer.filter(|_| is_own))
    }

    /// Whether a ticket belongs into the list.
    fn fits(&self, ticket: &Ticket) -> bool {
        let each = ticket.total_per_ticket().minor();
        self.lists(ticket.status_to(self.viewer))
            && ticket.is_visible_to(self.viewer)
            && self.event_id.is_none_or(|event_id| ticket.event_id == Some(event_id))
            && self.external_id.as_ref().is_none_or(|it| ticket.external_id.as_ref() == Some(it))
            && self.seller_id.is_none_or(|seller_id| ticket.user_id == seller_id)
            && (self.words.is_empty() || has_words(ticket, &self.words))
            && self.min_price.is_none_or(|min| each >= min)
            && self.max_price.is_none_or(|max| each <= max)
            && self.quantity.is_none_or(|quantity| ticket.quantity == quantity)
            && self.section.as_ref().is_none_or(|asked| *asked == ticket.normal_section())
    }
}

/// The words that a list is narrowed by, of a text.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect()
}

/// Whether each of the words is in what the seller says of a ticket.
fn has_words(ticket: &Ticket, words: &[String]) -> bool {
    let texts = [
        Some(&ticket.title),
        ticket.section.as_ref(),
        ticket.row.as_ref(),
        ticket.external_id.as_ref(),
    ];
    let texts = texts.into_iter().flatten().chain(&ticket.seats);
    let text = texts.map(|it| it.to_lowercase()).collect::<Vec<_>>().join("\n");
    words.iter().all(|word| text.contains(word.as_str()))
}
