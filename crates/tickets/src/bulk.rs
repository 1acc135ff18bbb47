//! Use case: a seller says what many of their listings should be.
//!
//! An item is recognised by the seller's own name for it, so that the same batch can be sent again: what is
//! there already is changed where it differs, and else left alone. Each item is done for itself, by the same
//! commands as one listing; one that is refused harms no other. A batch can also be tried: then nothing is
//! saved, and the answer says what would be done.

mod order;
mod plan;
mod refused;
mod run;
mod try_out;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use stubmart_contract::{
    Context, TicketId, UserId,
    api::{BulkListing, BulkMode, BulkOutcome, EventByName, FieldError},
    calls::{NotFoundByName, ShowByName, ShowForListing},
};
use stubmart_kernel::{RepositoryError, Versioned, aggregate::Key};
use stubmart_ports::{calls::CallError, limits::LimitsUnavailable};

pub use self::refused::Refused;
use self::{
    order::Seating,
    plan::{Step, invalid, step, wanted_seats},
};
use crate::{
    service::Tickets,
    ticket::{Phase, Ticket, index},
};

/// How many items are worked on at the same time; the store commits them as a group.
const AT_ONCE: usize = 64;

/// How many listings are read at once.
const ROWS: usize = 500;

/// How a batch is done.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// What becomes of the seller's other listings.
    pub mode: BulkMode,
    /// Only say what would be done; it does not count towards what the account may list in a day.
    pub dry_run: bool,
    /// Whether the market knows the seller's account, so that it may list more in a day.
    pub is_established: bool,
}

/// The seller, and whether the market knows the account.
type Account = (UserId, bool);

/// An item as it came.
#[derive(Debug)]
pub struct Item {
    /// The seller's own name for the listing, where it could be read.
    pub external_id: Option<String>,
    /// The listing, or what is wrong with it.
    pub asked: Result<BulkListing, Vec<FieldError>>,
}

/// What became of an item, or of another listing that was to be withdrawn.
#[derive(Debug)]
pub struct Done {
    /// The seller's own name for the listing.
    pub external_id: Option<String>,
    /// The listing, where there is one.
    pub id: Option<TicketId>,
    /// What was done, or why nothing was.
    pub outcome: Result<BulkOutcome, Refused>,
}

/// Why a batch was not done, or not to its end. What was done is done; sending it again does the rest.
#[derive(Debug)]
pub enum BulkError {
    /// Nobody knows which listing this item means (the first is 1), so that nothing can be replaced.
    /// Nothing happened.
    Nameless(usize),
    /// The catalogue did not answer. Nothing happened.
    Call(CallError),
    /// The seller's account was deleted meanwhile. What was listed is withdrawn.
    SellerDeleted,
    /// The limits on what an account may list could not be asked.
    Limits(LimitsUnavailable),
    /// The store fails.
    Repository(RepositoryError),
}

impl From<CallError> for BulkError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RepositoryError> for BulkError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// An item that could be read, with what is there already.
struct Work {
    external_id: Option<String>,
    state: Result<Wanted, Refused>,
}

struct Wanted {
    asked: BulkListing,
    show: Option<ShowForListing>,
    current: Option<Versioned<Ticket>>,
    step: Step,
}

impl Wanted {
    /// The listing that is on sale.
    fn on_sale(&self) -> Option<&Ticket> {
        on_sale(self.current.as_ref())
    }

    fn seating(&self) -> Seating {
        Seating {
            has: self.on_sale().and_then(Ticket::wanted_seats),
            wants: wanted_seats(&self.asked, self.show.as_ref()),
        }
    }
}

fn on_sale(current: Option<&Versioned<Ticket>>) -> Option<&Ticket> {
    current.map(|it| &it.state).filter(|it| Phase::of(it.status) == Phase::Offered)
}

/// Shows by what items name them; or why there is none.
type Shows = BTreeMap<Named, Result<ShowForListing, Vec<FieldError>>>;

/// How an item names its show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Id(stubmart_contract::EventId),
    Name(EventByName),
}

impl Tickets {
    /// Has a seller's listings be as the items say; `noted` is called once for each item that is done. The
    /// answer has one entry for each item, in their order, and one for each other listing that was to be
    /// withdrawn.
    ///
    /// # Errors
    /// [`BulkError`], which says what happened.
    pub async fn bulk(
        &self,
        context: &Context,
        seller: UserId,
        how: Bulk,
        items: Vec<Item>,
        noted: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<Done>, BulkError> {
        if how.mode == BulkMode::Replace
            && let Some(at) = items.iter().position(|it| it.external_id.is_none())
        {
            return Err(BulkError::Nameless(at.saturating_add(1)));
        }
        let items = each_once(items);
        let shows = self.shows(context, &items).await?;
        let names: BTreeSet<String> =
            items.iter().filter_map(|it| it.external_id.clone()).collect();
        let others = match how.mode {
            BulkMode::Upsert => Vec::new(),
            BulkMode::Replace => self.others(seller, &shows, &names).await?,
        };
        let batch: Vec<Work> = stream::iter(items)
            .map(|item| self.work(seller, item, &shows))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let account = (seller, how.is_established);
        if how.dry_run {
            self.try_out(account, batch, others, noted).await
        } else {
            self.run(context, account, batch, others, noted).await
        }
    }

    /// The shows that the items name.
    async fn shows(&self, context: &Context, items: &[Item]) -> Result<Shows, CallError> {
        let named = items.iter().filter_map(|it| it.asked.as_ref().ok()).filter_map(named);
        let named: BTreeSet<Named> = named.collect();
        stream::iter(named)
            .map(async |named| {
                let found = self.show_named(context, &named).await?;
                Ok((named, found))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn show_named(
        &self,
        context: &Context,
        named: &Named,
    ) -> Result<Result<ShowForListing, Vec<FieldError>>, CallError> {
        let wrong = |field: &str, message: &str| {
            vec![FieldError { field: field.to_owned(), message: message.to_owned() }]
        };
        match named {
            Named::Id(id) => {
                let show = self.catalogue().show(context, *id).await?;
                Ok(show.ok_or_else(|| wrong("eventId", "there is no such event")))
            }
            Named::Name(event) => {
                let asked = ShowByName {
                    name: event.name.clone(),
                    venue: event.venue.clone(),
                    city: event.city.clone(),
                    local_start: event.local_start,
                };
                let show = self.catalogue().show_by_name(context, asked).await?;
                Ok(show.map_err(|refusal| match refusal {
                    NotFoundByName::Unknown => {
                        wrong("event", "there is no event with this name, venue and start")
                    }
                    NotFoundByName::Several => wrong(
                        "event",
                        "fits more than one event: give its city, its time or its id",
                    ),
                }))
            }
        }
    }

    /// The seller's listings on sale, of these events, that no item names.
    async fn others(
        &self,
        seller: UserId,
        shows: &Shows,
        names: &BTreeSet<String>,
    ) -> Result<Vec<Ticket>, RepositoryError> {
        let events: BTreeSet<_> = shows.values().flatten().map(|it| it.id).collect();
        let mut others = Vec::new();
        for event_id in events {
            let on_sale = Key::new().id(seller.0).id(event_id.0).number(Phase::Offered.number());
            let mut scan = self.tickets().scan(index::SELLER_EVENT, &on_sale).limit(ROWS);
            loop {
                let found = self.tickets().find(scan.clone()).await?;
                let Some(last) = found.last() else { break };
                scan = scan.behind(&last.key);
                let found = found.into_iter().map(|row| row.found.state);
                let name =
                    |it: &Ticket| it.external_id.clone().unwrap_or_else(|| it.id.to_string());
                let is_named = |it: &Ticket| names.contains(&name(it));
                others.extend(found.filter(|it| !is_named(it)));
            }
        }
        Ok(others)
    }

    /// An item with what is there already, and what has to be done about it.
    async fn work(
        &self,
        seller: UserId,
        item: Item,
        shows: &Shows,
    ) -> Result<Work, RepositoryError> {
        let Item { external_id, asked } = item;
        let state = match asked {
            Ok(asked) => self.wanted(seller, asked, shows).await?,
            Err(errors) => Err(Refused::Invalid(errors)),
        };
        Ok(Work { external_id, state })
    }

    async fn wanted(
        &self,
        seller: UserId,
        asked: BulkListing,
        shows: &Shows,
    ) -> Result<Result<Wanted, Refused>, RepositoryError> {
        if asked.event_id.is_some() && asked.event.is_some() {
            return Ok(Err(invalid("event", "cannot be given beside eventId")));
        }
        let show = match named(&asked).map(|named| shows.get(&named)) {
            None | Some(None) => None,
            Some(Some(Ok(show))) => Some(show.clone()),
            Some(Some(Err(errors))) => return Ok(Err(Refused::Invalid(errors.clone()))),
        };
        let current = self.called(seller, &asked.external_id).await?;
        let step = step(&asked, show.as_ref(), current.as_ref().map(|it| &it.state));
        Ok(step.map(|step| Wanted { asked, show, current, step }))
    }

    /// The seller's listing of this name: the one on sale, else one that is sold, else one that was
    /// withdrawn. A listing without a name is called by its id.
    async fn called(
        &self,
        seller: UserId,
        external_id: &str,
    ) -> Result<Option<Versioned<Ticket>>, RepositoryError> {
        let named = Key::new().id(seller.0).text(external_id);
        if let Some(called) = self.tickets().by_unique(index::EXTERNAL, &named).await? {
            return Ok(Some(called));
        }
        let Ok(id) = external_id.parse::<TicketId>() else { return Ok(None) };
        let nameless = self.tickets().load(id).await?;
        Ok(nameless.filter(|it| it.state.user_id == seller && it.state.external_id.is_none()))
    }
}

/// How an item names its show.
fn named(asked: &BulkListing) -> Option<Named> {
    let by_name = || asked.event.clone().map(Named::Name);
    asked.event_id.map(Named::Id).or_else(by_name)
}

/// Refuses items that mean the same listing: which of them is right, nobody knows.
fn each_once(items: Vec<Item>) -> Vec<Item> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for name in items.iter().filter_map(|it| it.external_id.as_ref()) {
        *counts.entry(name.clone()).or_default() += 1;
    }
    let is_twice = |item: &Item| {
        let count = item.external_id.as_ref().and_then(|it| counts.get(it));
        count.is_some_and(|it| *it > 1)
    };
    let refuse = |item: Item| match is_twice(&item) {
        true => Item {
            asked: Err(vec![FieldError {
                field: "externalId".to_owned(),
                message: "is that of another item too".to_owned(),
            }]),
            ..item
        },
        false => item,
    };
    items.into_iter().map(refuse).collect()
}
