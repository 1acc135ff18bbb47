//! The web client: pages rendered on the server.
//!
//! It holds nothing of its own and uses the public API only, through [`stubmart_client::Client`], like
//! any other client: in this process, or over HTTP when the market is split. Every page and form works
//! without JavaScript; one small module adds what only a browser can do (live changes, the countdown,
//! search as one types).
//!
//! - [`router`] lists the pages; each lives in `pages/`, with its view and its template.
//! - `edge` stands before and behind every page: it refuses posts from other sites, turns failures into
//!   pages and sets the security headers.
//! - `visitor` is who asks: the session cookie, what to forward to the API, and how to answer.

mod assets;
mod edge;
mod failure;
mod flash;
mod form;
mod format;
mod kept;
mod pages;
mod prices;
mod site;
mod view;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use stubmart_client::Client;
use stubmart_contract::Currency;
use stubmart_ports::host::Host;

use crate::{failure::Failure, site::Site};

/// What an operator can set.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Stripe's publishable key. With it the checkout loads Stripe's own card form, the only request to
    /// another site there is; without it the sandbox's test cards are offered.
    pub stripe_publishable_key: Option<String>,
    /// Where visitors reach the site, such as `https://tickets.example`: for link previews, for the
    /// check of a form's origin behind a proxy, and for HSTS when it is `https`.
    pub public_url: Option<String>,
    /// The currency that sellers ask their prices in.
    pub currency: Currency,
    /// Whether a proxy in front sets `X-Forwarded-Proto`. Without one, anybody could.
    pub trust_proxy: bool,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            stripe_publishable_key: None,
            public_url: None,
            currency: Currency::USD,
            trust_proxy: false,
        }
    }
}

/// What the pages stand on.
#[derive(Debug, Clone)]
pub struct Web {
    /// The public API, in this process or over HTTP.
    pub api: Client,
    /// What the operator has set.
    pub config: WebConfig,
    /// The machine.
    pub host: Host,
}

/// Every page, ready to be mounted at `/` beside the API's `/api`. It answers unknown paths itself, so it
/// is best mounted as the fallback.
pub fn router(web: Web) -> Router {
    let site = Arc::new(Site::new(web));
    // Who reloads the answer to a form is led back to the page that the form stands on.
    let shop = Router::new()
        .route("/", get(pages::home::home))
        .route("/events", get(pages::search::search))
        .route("/events/{id}", get(pages::event::event))
        .route("/tickets/{id}", get(pages::ticket::ticket))
        .route("/tickets/{id}/buy", post(pages::ticket::buy).get(pages::above))
        .route("/orders", get(pages::orders::orders))
        .route("/orders/{id}", get(pages::checkout::order))
        .route("/orders/{id}/pay", post(pages::checkout::pay).get(pages::above))
        .route("/orders/{id}/confirm", post(pages::checkout::confirm).get(pages::above))
        .route("/orders/{id}/leave", post(pages::checkout::leave).get(pages::above));
    let seller = Router::new()
        .route("/selling", get(pages::selling::selling))
        .route("/tickets/{id}/price", post(pages::selling::change_price).get(pages::above))
        .route("/tickets/{id}/edit", get(pages::selling::edit).post(pages::selling::save))
        .route("/tickets/{id}/withdraw", post(pages::selling::withdraw).get(pages::above))
        .route("/sell", get(pages::sell::find))
        .route("/sell/event", get(pages::sell::new_event).post(pages::sell::create_event))
        .route("/sell/{id}", get(pages::sell::seats).post(pages::sell::list));
    let account = Router::new()
        .route("/signup", get(pages::session::signup).post(pages::session::create_account))
        .route("/login", get(pages::session::login).post(pages::session::open))
        .route("/logout", post(pages::session::close).get(pages::above))
        .route("/account", get(pages::account::account))
        .route("/account/profile", post(pages::account::change_profile).get(pages::above))
        .route("/account/password", post(pages::account::change_password).get(pages::above))
        .route("/account/sessions/{id}/end", post(pages::account::end_session).get(pages::above))
        .route("/account/tokens", post(pages::account::create_token).get(pages::above))
        .route("/account/tokens/{id}/revoke", post(pages::account::revoke_token).get(pages::above))
        .route("/account/delete", post(pages::account::delete).get(pages::above));
    let assets = Router::new()
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .route("/robots.txt", get(assets::robots));
    shop.merge(seller)
        .merge(account)
        .merge(assets)
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::Method)
        .layer(from_fn_with_state(Arc::clone(&site), edge::edge))
        .with_state(site)
}
