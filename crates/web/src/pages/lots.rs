//! The list of an event's tickets: its filter, its rows.

use stubmart_client::{TicketQuery, TicketSort};
use stubmart_contract::{
    Currency, EventId,
    api::{EventFacets, SectionFacet},
    seats::normal_section,
};

use crate::{
    form::Form,
    format::{money, read_price},
    view::place,
};

/// Tickets on a page.
const PAGE: u32 = 50;

/// How long the name of a section is at the most.
const SECTION_MAX: usize = 80;

/// What the API takes for tickets without a section.
const NO_SECTION: &str = "-";

/// One of several links, or of several values, of which one is chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Where it leads, or its value.
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) is_on: bool,
}

/// What was asked for, as typed and as understood.
#[derive(Debug, Default)]
pub(crate) struct LotFilter {
    pub(crate) qty: String,
    pub(crate) section: String,
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
            section: form.get("section").to_owned(),
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
        self.seats.is_some() || self.max_minor.is_some() || self.section().is_some()
    }

    /// The section that is asked for, as typed; no section has a name as long as what is left out.
    fn section(&self) -> Option<String> {
        let is_name = (1..=SECTION_MAX).contains(&self.section.chars().count());
        is_name.then(|| self.section.clone())
    }

    pub(crate) fn query(&self, event: EventId) -> TicketQuery {
        TicketQuery {
            event_id: Some(event),
            section: self.section(),
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
        let pairs = [
            ("qty", qty),
            ("section", self.section.as_str()),
            ("max", max),
            ("sort", self.sort),
            ("cursor", cursor),
        ];
        self.address(event, &pairs)
    }

    /// How many tickets one can ask for, of what is on offer in the section: where it leads, the label, and
    /// whether it is asked for.
    pub(crate) fn quantities(&self, event: EventId, facets: &EventFacets) -> Vec<Choice> {
        let section = facets.sections.iter().find(|it| self.is_in(it));
        let on_offer = section.map_or(&facets.quantities, |it| &it.quantities);
        let on_offer: Vec<u32> = on_offer.iter().map(|it| it.quantity).collect();
        let label = |n: &u32| (n.to_string(), n.to_string());
        let asked = self.seats.filter(|it| !on_offer.contains(it));
        let mut numbers: Vec<u32> = on_offer.into_iter().chain(asked).collect();
        numbers.sort_unstable();
        let any = (String::new(), "Any".to_owned());
        std::iter::once(any)
            .chain(numbers.iter().map(label))
            .map(|(qty, label)| Choice {
                is_on: qty == self.seats.map(|it| it.to_string()).unwrap_or_default(),
                value: self.address(
                    event,
                    &[
                        ("qty", &qty),
                        ("section", &self.section),
                        ("max", &self.max),
                        ("sort", self.sort),
                    ],
                ),
                label,
            })
            .collect()
    }

    /// The sections on offer, with what the cheapest ticket in each costs; none where there is no choice.
    /// One that is asked for and sold out stays among them.
    pub(crate) fn sections(&self, facets: &EventFacets) -> Vec<Choice> {
        let choice = |section: &SectionFacet| {
            let name = section.section.as_deref();
            let from = section.min_price.map(|it| money(it.minor(), facets.currency));
            let from = from.map(|from| format!(" · from {from}")).unwrap_or_default();
            Choice {
                value: name.unwrap_or(NO_SECTION).to_owned(),
                label: format!("{}{from}", place(name, None, &[]).0),
                is_on: self.is_in(section),
            }
        };
        let mut choices: Vec<Choice> = facets.sections.iter().map(choice).collect();
        let is_on = choices.iter().any(|it| it.is_on);
        if let Some(asked) = self.section().filter(|_| !is_on) {
            let label =
                place(Some(&asked).filter(|it| *it != NO_SECTION).map(String::as_str), None, &[]).0;
            choices.push(Choice { value: asked, label, is_on: true });
        }
        if choices.len() < 2 && self.section().is_none() { Vec::new() } else { choices }
    }

    /// Whether this section is asked for, in whatever spelling.
    fn is_in(&self, section: &SectionFacet) -> bool {
        let name = section.section.as_deref().unwrap_or_default();
        self.section().is_some_and(|asked| normal_section(&asked) == normal_section(name))
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
