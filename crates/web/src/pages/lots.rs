//! The list of an event's tickets: its filter, its rows.

use stubmart_client::{TicketQuery, TicketSort};
use stubmart_contract::{Currency, EventId};

use crate::{form::Form, format::read_price};

/// Tickets on a page.
const PAGE: u32 = 50;

/// One of several links, of which one is chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) is_on: bool,
}

/// What was asked for, as typed and as understood.
#[derive(Debug, Default)]
pub(crate) struct LotFilter {
    pub(crate) qty: String,
    pub(crate) max: String,
    pub(crate) sort: &'static str,
    pub(crate) max_error: Option<String>,
    /// Minor units, for the script that adds rows.
    pub(crate) max_minor: Option<u32>,
    pub(crate) seats: Option<u32>,
    cursor: Option<String>,
}

impl LotFilter {
    /// Reads a query; what cannot be read is marked and does not narrow the list.
    pub(crate) fn read(form: &Form, currency: Currency) -> Self {
        let mut filter = Self {
            qty: form.get("qty").to_owned(),
            max: form.get("max").to_owned(),
            sort: match form.get("sort") {
                "-price" => "-price",
                "newest" => "newest",
                _ => "price",
            },
            cursor: form.optional("cursor"),
            ..Self::default()
        };
        filter.seats = filter.qty.parse().ok().filter(|it| (1..=50).contains(it));
        if !filter.max.is_empty() {
            match read_price(&filter.max, currency) {
                Ok(price) => filter.max_minor = Some(price.minor()),
                Err(error) => filter.max_error = Some(error),
            }
        }
        filter
    }

    /// Whether the visitor narrowed the list.
    pub(crate) fn narrows(&self) -> bool {
        self.seats.is_some() || self.max_minor.is_some()
    }

    pub(crate) fn query(&self, event: EventId) -> TicketQuery {
        TicketQuery {
            event_id: Some(event),
            max_price: self.max_minor,
            quantity: self.seats,
            sort: Some(match self.sort {
                "-price" => TicketSort::PriceDescending,
                "newest" => TicketSort::Newest,
                _ => TicketSort::Price,
            }),
            limit: Some(PAGE),
            cursor: self.cursor.clone(),
            ..TicketQuery::default()
        }
    }

    /// [`Self::query`], as the API's address has it.
    pub(crate) fn query_text(&self, event: EventId) -> String {
        serde_urlencoded::to_string(self.query(event)).unwrap_or_default()
    }

    /// Whether pages come before this one.
    pub(crate) fn is_later(&self) -> bool {
        self.cursor.is_some()
    }

    /// The address of the page behind `cursor`.
    pub(crate) fn href(&self, event: EventId, cursor: &str) -> String {
        let (qty, max) = (self.qty.as_str(), self.max.as_str());
        let pairs = [("qty", qty), ("max", max), ("sort", self.sort), ("cursor", cursor)];
        self.address(event, &pairs)
    }

    /// How many tickets one can ask for: where it leads, the label, and whether it is asked for.
    pub(crate) fn quantities(&self, event: EventId, on_offer: &[u32]) -> Vec<Choice> {
        let label = |n: &u32| (n.to_string(), n.to_string());
        let asked = self.seats.filter(|it| !on_offer.contains(it));
        let mut numbers: Vec<u32> = on_offer.iter().copied().chain(asked).collect();
        numbers.sort_unstable();
        let any = (String::new(), "Any".to_owned());
        std::iter::once(any)
            .chain(numbers.iter().map(label))
            .map(|(qty, label)| Choice {
                is_on: qty == self.seats.map(|it| it.to_string()).unwrap_or_default(),
                href: self
                    .address(event, &[("qty", &qty), ("max", &self.max), ("sort", self.sort)]),
                label,
            })
            .collect()
    }

    /// The event's page, narrowed like this.
    fn address(&self, event: EventId, pairs: &[(&str, &str)]) -> String {
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty() && *value != "price");
        let query = serde_urlencoded::to_string(pairs.collect::<Vec<_>>()).unwrap_or_default();
        if query.is_empty() {
            format!("/events/{event}")
        } else {
            format!("/events/{event}?{query}")
        }
    }
}
