//! The first page: what is on this weekend, what there is most of, and what comes next.

use std::{cmp::Reverse, sync::Arc};

use askama::Template;
use axum::response::Response;
use stubmart_client::{EventQuery, EventSort};
use stubmart_contract::{Timestamp, api::Event};

use crate::{
    failure::Failure, format::weekend, layout::Layout, site::Facets, view::EventView,
    visitor::Visitor,
};

/// How many events the market is looked through for those with most listings.
const SOON: u32 = 60;

/// Events in a row on a desk.
const ROW: usize = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    layout: Layout,
    weekend: Vec<EventView>,
    most: Vec<EventView>,
    soon: Vec<EventView>,
    facets: Arc<Facets>,
}

/// `GET /`.
pub(crate) async fn home(visitor: Visitor) -> Result<Response, Failure> {
    let now = visitor.site.host.now();
    let query = |from: Option<Timestamp>, to: Option<Timestamp>, limit| EventQuery {
        from: from.map(Into::into),
        to: to.map(Into::into),
        sort: Some(EventSort::Date),
        limit: Some(limit),
        ..EventQuery::default()
    };
    let api = visitor.api();
    let (friday, sunday) = weekend(now);
    let (soon, near) = (query(None, None, SOON), query(Some(friday), Some(sunday), SOON));
    let (user, soon, near, facets) = tokio::try_join!(
        visitor.user(),
        async { api.events(&soon).await.map_err(Failure::from) },
        async { api.events(&near).await.map_err(Failure::from) },
        async { visitor.site.facets().await.map_err(Failure::from) },
    )?;
    let first = |events: &[Event], some: usize| -> Vec<EventView> {
        events.iter().take(some).map(|event| EventView::new(event, &visitor.site)).collect()
    };
    let page = Home {
        layout: visitor.layout(user, "Tickets for concerts, theater and sports").public(),
        weekend: first(&on_sale(&near.items), ROW),
        most: first(&on_sale(&soon.items), ROW),
        soon: first(&soon.items, 2 * ROW),
        facets,
    };
    visitor.page(&page)
}

/// Those with tickets, most listings first.
fn on_sale(events: &[Event]) -> Vec<Event> {
    let mut some: Vec<Event> = events.iter().filter(|it| it.available > 0).cloned().collect();
    some.sort_by_key(|event| Reverse(event.available));
    some
}
