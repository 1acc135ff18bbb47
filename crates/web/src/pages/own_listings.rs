//! Which of one's own listings are meant: what the list, the export and the change of prices share.

use stubmart_client::{Client, ClientError, TicketQuery, TicketSort};
use stubmart_contract::api::{Ticket, TicketStatus};

use crate::{form::Form, view::status_word};

/// Listings of a page, where all of them are read.
const PAGE: u32 = 200;

/// What the list is narrowed to, and its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) q: String,
    pub(super) status: Option<TicketStatus>,
    /// `price`, `-price`, or empty: the newest first.
    pub(super) sort: &'static str,
}

impl Filter {
    pub(super) fn read(form: &Form) -> Self {
        let status = match form.get("status") {
            "available" => Some(TicketStatus::Available),
            "locked" => Some(TicketStatus::Locked),
            "sold" => Some(TicketStatus::Sold),
            "withdrawn" => Some(TicketStatus::Withdrawn),
            _ => None,
        };
        let sort = match form.get("sort") {
            "price" => "price",
            "-price" => "-price",
            _ => "",
        };
        Self { q: form.get("q").chars().take(200).collect(), status, sort }
    }

    pub(super) fn status_word(&self) -> &'static str {
        self.status.map_or("", status_word)
    }

    pub(super) fn query(&self) -> TicketQuery {
        TicketQuery {
            seller_id: Some("me".to_owned()),
            q: Some(self.q.clone()).filter(|it| !it.is_empty()),
            status: self.status,
            sort: Some(match self.sort {
                "price" => TicketSort::Price,
                "-price" => TicketSort::PriceDescending,
                _ => TicketSort::Newest,
            }),
            ..TicketQuery::default()
        }
    }

    /// The address of what these are the parameters of, with these beside them.
    pub(super) fn path_with(&self, page: &str, more: &[(&str, &str)]) -> String {
        let own = [("q", self.q.as_str()), ("status", self.status_word()), ("sort", self.sort)];
        let given: Vec<_> = own.iter().chain(more).filter(|(_, it)| !it.is_empty()).collect();
        let query = serde_urlencoded::to_string(given).unwrap_or_default();
        if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
    }

    pub(super) fn path(&self, page: &str) -> String {
        self.path_with(page, &[])
    }

    /// The address with another status.
    pub(super) fn tab(&self, status: Option<TicketStatus>) -> String {
        Self { status, ..self.clone() }.path("/selling")
    }
}

/// The listings that are meant, at most so many. Where no state is asked for, those on sale.
pub(super) async fn all(
    api: &Client,
    filter: &Filter,
    most: usize,
) -> Result<Vec<Ticket>, ClientError> {
    let mut all = Vec::new();
    let mut query = TicketQuery { limit: Some(PAGE), ..filter.query() };
    loop {
        let page = api.tickets(&query).await?;
        let is_meant = |it: &Ticket| {
            filter.status.is_some()
                || matches!(it.status, TicketStatus::Available | TicketStatus::Locked)
        };
        all.extend(page.items.into_iter().filter(is_meant));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || all.len() >= most {
            all.truncate(most);
            return Ok(all);
        }
    }
}
