//! The first page: what is on this weekend, what is popular, what is on in the visitor's city, and what comes next.

use std::sync::Arc;

use askama::Template;
use axum::{http::header, response::Response};
use stubmart_client::{EventQuery, EventSort};
use stubmart_contract::{DayOrMoment, api::Event};
use stubmart_http_kit::cookies;

use crate::{
    failure::Failure,
    form::Form,
    format::weekend,
    layout::Layout,
    site::Facets,
    slug,
    view::EventView,
    visitor::{CITY_COOKIE, Visitor},
};

/// How long a browser keeps it, in seconds.
const CITY_KEPT: u32 = 365 * 24 * 3600;

/// Events in a row on a desk.
const ROW: u32 = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    layout: Layout,
    weekend: Vec<EventView>,
    popular: Vec<EventView>,
    /// What is on in the city that was chosen, if one was.
    near: Option<Near>,
    soon: Vec<EventView>,
    facets: Arc<Facets>,
}

/// What is on in a city.
struct Near {
    city: String,
    href: String,
    events: Vec<EventView>,
}

/// `GET /`.
pub(crate) async fn home(visitor: Visitor) -> Result<Response, Failure> {
    let query =
        |sort, limit| EventQuery { sort: Some(sort), limit: Some(limit), ..EventQuery::default() };
    let api = visitor.api();
    let (friday, sunday) = weekend(visitor.site.host.now());
    let weekend = EventQuery {
        from: Some(DayOrMoment::Moment(friday)),
        to: Some(DayOrMoment::Moment(sunday)),
        ..query(EventSort::Popular, ROW)
    };
    let (popular, soon) = (query(EventSort::Popular, ROW), query(EventSort::Date, 2 * ROW));
    let city = visitor.city.clone();
    let near = EventQuery { city: city.clone(), ..query(EventSort::Date, ROW) };
    let (user, soon, weekend, popular, near, facets) = tokio::try_join!(
        visitor.user(),
        async { api.events(&soon).await.map_err(Failure::from) },
        async { api.events(&weekend).await.map_err(Failure::from) },
        async { api.events(&popular).await.map_err(Failure::from) },
        async {
            match &city {
                Some(_) => Ok(Some(api.events(&near).await?)),
                None => Ok(None),
            }
        },
        async { visitor.site.facets().await.map_err(Failure::from) },
    )?;
    let view = |event: &Event| EventView::new(event, &visitor.site);
    let on_sale = |events: &[Event]| -> Vec<EventView> {
        events.iter().filter(|event| event.available > 0).map(view).collect()
    };
    let near = near.zip(city).map(|(found, slug)| Near {
        // The city's own spelling, where something is on there.
        city: found
            .items
            .first()
            .map_or_else(|| slug.replace('-', " "), |it| it.venue.city.clone()),
        href: slug::city(&slug),
        events: found.items.iter().map(view).collect(),
    });
    let page = Home {
        layout: visitor.layout(user, "Tickets for concerts, theater and sports").public(),
        weekend: on_sale(&weekend.items),
        popular: on_sale(&popular.items),
        near,
        soon: soon.items.iter().map(view).collect(),
        facets,
    };
    visitor.page(&page)
}

/// `POST /city`: keeps the city that the visitor chose, or none. Nobody is located.
pub(crate) async fn choose_city(visitor: Visitor, form: Form) -> Response {
    let mut response = visitor.go("/");
    let slug = slug::city(form.get("city"));
    let slug = slug.strip_prefix("/cities/").filter(|it| it.len() <= 300).unwrap_or_default();
    let cookie = match slug {
        "" => cookies::clear(CITY_COOKIE, visitor.secure),
        slug => cookies::set(CITY_COOKIE, slug, CITY_KEPT, visitor.secure),
    };
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
