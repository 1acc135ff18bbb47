//! The first page.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use stubmart_client::{EventQuery, EventSort};
use stubmart_contract::api::Event;

use crate::{failure::Failure, layout::Layout, site::Facets, view::EventView, visitor::Visitor};

/// How many events are shown soonest first.
const SOON: u32 = 12;

/// How many events are shown cheapest first.
const DEALS: u32 = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    layout: Layout,
    soon: Vec<EventView>,
    deals: Vec<EventView>,
    facets: Arc<Facets>,
}

/// `GET /`.
pub(crate) async fn home(visitor: Visitor) -> Result<Response, Failure> {
    let now = visitor.site.host.now();
    let query = |sort, limit| EventQuery {
        from: Some(now),
        sort: Some(sort),
        limit: Some(limit),
        ..EventQuery::default()
    };
    let api = visitor.api();
    let (soon, deals) = (query(EventSort::Date, SOON), query(EventSort::Price, DEALS));
    let (user, soon, deals, facets) = tokio::try_join!(
        visitor.user(),
        async { api.events(&soon).await.map_err(Failure::from) },
        async { api.events(&deals).await.map_err(Failure::from) },
        async { visitor.site.facets().await.map_err(Failure::from) },
    )?;
    let currency = visitor.site.config.currency;
    let views = |events: Vec<Event>| -> Vec<EventView> {
        events.iter().map(|event| EventView::new(event, currency)).collect()
    };
    let page = Home {
        layout: visitor.layout(user, "Tickets to what you want to see").public(),
        soon: views(soon.items),
        deals: views(deals.items.into_iter().filter(|it| it.min_price.is_some()).collect()),
        facets,
    };
    visitor.page(&page)
}
