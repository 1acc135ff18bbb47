//! The web client: pages rendered on the server.
//!
//! It holds nothing of its own and uses the public API only, through [`stubmart_client::Client`], like
//! any other client: in this process, or over HTTP when the market is split. Every page and form works
//! without JavaScript; one small module adds what only a browser can do (live changes, the countdown,
//! search as one types).
//!
//! - [`router`] lists the pages; each lives in `pages/`, with its view and its template.
//! - `middleware` runs around every page: it refuses posts from other sites, turns failures into
//!   pages and sets the security headers.
//! - `visitor` knows the session cookie, what to forward to the API, and how to answer.

mod assets;
mod config;
mod failure;
mod flash;
mod form;
mod format;
mod hold;
mod kept;
mod layout;
mod middleware;
mod page_cache;
mod pages;
mod poster;
mod prices;
mod qr;
mod rendered;
mod reprice;
mod seats;
mod seller;
mod site;
mod slug;
mod view;
mod visitor;

use std::sync::Arc;

use crate::{
    failure::Failure,
    pages::{two_step, webhooks},
    site::Site,
};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};

pub use config::{Web, WebConfig};
pub use failure::EarlyRefusal;

/// Every page, ready to be mounted at `/` beside the API's `/api`. It answers unknown paths itself, so it
/// is best mounted as the fallback.
pub fn router(web: Web) -> Router {
    let site = Arc::new(Site::new(web));
    // A visitor who reloads the answer to a form is sent back to the form's page.
    let shop = Router::new()
        .route("/", get(pages::home::home))
        .route("/events", get(pages::search::search))
        .route("/events/{id}", get(pages::event::event))
        .route("/cities/{city}", get(pages::place::city))
        .route("/venues/{city}/{venue}", get(pages::place::venue))
        .route("/performers/{performer}", get(pages::place::performer))
        .route("/city", post(pages::home::choose_city).get(pages::above))
        .route("/tickets/{id}", get(pages::ticket::ticket))
        .route("/tickets/{id}/buy", post(pages::ticket::buy).get(pages::above))
        .route("/orders", get(pages::orders::orders))
        .route("/orders/{id}", get(pages::checkout::order))
        .route("/orders/{id}/pay", post(pages::checkout::pay).get(pages::above))
        .route("/orders/{id}/confirm", post(pages::checkout::confirm).get(pages::above))
        .route("/orders/{id}/leave", post(pages::checkout::leave).get(pages::above))
        .route("/orders/{id}/files/{n}", get(pages::files::page))
        .route("/orders/{id}/accept", post(pages::delivery::accept).get(pages::above))
        .route("/orders/{id}/late", post(pages::delivery::decide).get(pages::above))
        .route("/orders/{id}/claim", get(pages::claim::claim).post(pages::claim::make));
    let assets = Router::new()
        .route("/assets/{name}", get(pages::assets::asset))
        .route("/posters/{name}", get(pages::assets::poster))
        .route("/favicon.ico", get(pages::assets::favicon))
        .route("/robots.txt", get(pages::assets::robots))
        .route("/sitemap.xml", get(pages::sitemap::sitemap));
    shop.merge(seller())
        .merge(account())
        .merge(alerts())
        .merge(assets)
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::Method)
        .layer(from_fn_with_state(Arc::clone(&site), middleware::around_pages))
        .with_state(site)
}

/// Signing up and in, and the account.
fn account() -> Router<Arc<Site>> {
    Router::new()
        .route("/signup", get(pages::session::signup).post(pages::session::create_account))
        .route("/login", get(pages::session::login).post(pages::session::open))
        .route("/forgot-password", get(pages::recovery::forgot).post(pages::recovery::ask))
        .route("/reset-password", get(pages::recovery::new_password).post(pages::recovery::reset))
        .route("/verify-email", get(pages::recovery::address).post(pages::recovery::verify))
        .route("/verify-email/resend", post(pages::recovery::resend).get(pages::above))
        .route("/logout", post(pages::session::close).get(pages::above))
        .route("/account", get(pages::account::account))
        .route("/account/profile", post(pages::account::change_profile).get(pages::above))
        .route("/account/password", post(pages::account::change_password).get(pages::above))
        .route("/account/two-step", get(two_step::two_step).post(two_step::begin))
        .route("/account/two-step/confirm", post(two_step::confirm).get(pages::above))
        .route("/account/two-step/end", post(two_step::end).get(pages::above))
        .route("/account/sessions/{id}/end", post(pages::account::end_session).get(pages::above))
        .route("/account/tokens", post(pages::account::create_token).get(pages::above))
        .route("/account/tokens/{id}/revoke", post(pages::account::revoke_token).get(pages::above))
        .route("/account/webhooks", get(webhooks::webhooks).post(webhooks::create))
        .route("/account/webhooks/{id}", get(webhooks::webhook))
        .route("/account/webhooks/{id}/ping", post(webhooks::ping).get(pages::above))
        .route("/account/webhooks/{id}/secret", post(webhooks::rotate).get(pages::above))
        .route("/account/webhooks/{id}/enabled", post(webhooks::switch).get(pages::above))
        .route("/account/webhooks/{id}/replay", post(webhooks::replay).get(pages::above))
        .route("/account/webhooks/{id}/delete", post(webhooks::delete).get(pages::above))
        .route(
            "/account/webhooks/{id}/deliveries/{delivery}/replay",
            post(webhooks::replay_one).get(pages::above),
        )
        .route("/account/delete", post(pages::account::delete).get(pages::above))
}

/// What people wait for.
fn alerts() -> Router<Arc<Site>> {
    use pages::{
        alerts,
        recovery::{alert_stopped, stop_alert},
        ticket,
    };
    Router::new()
        .route("/alerts", post(alerts::create).get(pages::above))
        .route("/alerts/new", get(alerts::new))
        .route("/alerts/stop", get(stop_alert).post(alert_stopped))
        .route("/account/alerts", get(alerts::alerts))
        .route("/account/alerts/{id}/end", post(alerts::end).get(pages::above))
        .route("/tickets/{id}/line", post(ticket::join_line).get(pages::above))
        .route("/tickets/{id}/line/leave", post(ticket::leave_line).get(pages::above))
}

/// The pages of who sells.
fn seller() -> Router<Arc<Site>> {
    Router::new()
        .route("/selling", get(pages::selling::selling))
        .route("/selling/sales", get(pages::payouts::sales))
        .route("/selling/payouts", get(pages::payouts::payouts))
        .route("/selling/payouts.csv", get(pages::payouts::statement))
        .route("/selling/export.csv", get(pages::export::file))
        .route("/selling/prices", post(pages::reprice::change).get(pages::above))
        .route("/selling/import", get(pages::import::choose).post(pages::import::import))
        .route("/selling/import/report", post(pages::import::report_file).get(pages::above))
        .route("/orders/{id}/deliver", get(pages::delivery::deliver).post(pages::delivery::sent))
        .route("/orders/{id}/claim/answer", post(pages::claim::answer).get(pages::above))
        .route("/tickets/{id}/price", post(pages::selling::change_price).get(pages::above))
        .route("/tickets/{id}/edit", get(pages::selling::edit).post(pages::selling::save))
        .route("/tickets/{id}/files", get(pages::files::files).post(pages::files::upload))
        .route("/tickets/{id}/withdraw", post(pages::selling::withdraw).get(pages::above))
        .route("/sell", get(pages::sell::find))
        .route("/sell/event", get(pages::sell::new_event).post(pages::sell::create_event))
        .route("/sell/{id}", get(pages::sell::seats).post(pages::sell::list))
}
