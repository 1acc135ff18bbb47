//! What all requests share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::HeaderValue;
use bytes::Bytes;
use stubmart_client::{Client, ClientError};
use stubmart_contract::{
    Timestamp,
    api::{Event, EventFacets, Facet},
};
use stubmart_http_kit::Ingress;
use stubmart_ports::host::Host;

use crate::{
    assets::Assets,
    config::{Web, WebConfig},
    kept::KeptByEvent,
    page_cache::PageCache,
    prices::Prices,
};

/// How long a page waits for the API.
const API_MAX: Duration = Duration::from_secs(10);

/// How long a payment is waited for: the API may ask the provider more than once. Shorter than the 30
/// seconds after which the page's own answer is given up, so that the buyer sees a page.
pub(crate) const PAYMENT_MAX: Duration = Duration::from_secs(25);

/// How long the lists of categories and cities are kept.
const FACETS_KEPT: Duration = Duration::from_secs(60);

/// How many of each a page offers.
const FACETS_MAX: usize = 200;

/// How many cities the first page names.
const LARGE_CITIES: usize = 14;

/// What the pages stand on, made once.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) api: Client,
    pub(crate) config: WebConfig,
    pub(crate) ingress: Ingress,
    pub(crate) host: Host,
    pub(crate) assets: Assets,
    pub(crate) csp: HeaderValue,
    prices: KeptByEvent<Option<Arc<Prices>>>,
    event_facets: KeptByEvent<Arc<EventFacets>>,
    pub(crate) pages: PageCache,
    /// The sitemap that was made last, and when.
    pub(crate) sitemap: Mutex<Option<(Timestamp, Bytes)>>,
    facets: Mutex<Option<(Timestamp, Arc<Facets>)>>,
}

/// What one can filter by, as far as the coming events tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facets {
    pub(crate) categories: Vec<String>,
    pub(crate) cities: Vec<String>,
    /// The cities with most of them, most first.
    pub(crate) large_cities: Vec<String>,
}

impl Site {
    pub(crate) fn new(web: Web) -> Self {
        let Web { api, config, host } = web;
        let public = config.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        Self {
            ingress: Ingress {
                public_origin: public,
                trust_proxy: config.trust_proxy,
                ..Ingress::default()
            },
            api: api.with_time_limit(host.clone(), API_MAX),
            csp: content_security_policy(config.stripe_publishable_key.is_some()),
            assets: Assets::new(),
            prices: KeptByEvent::default(),
            event_facets: KeptByEvent::default(),
            pages: PageCache::default(),
            sitemap: Mutex::default(),
            facets: Mutex::new(None),
            config,
            host,
        }
    }

    /// The categories and cities with most coming events, as they were less than a minute ago.
    pub(crate) async fn facets(&self) -> Result<Arc<Facets>, ClientError> {
        let now = self.host.now();
        {
            let kept = self.facets.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, facets)) = kept.as_ref()
                && now >= *at
                && now.since(*at) < FACETS_KEPT
            {
                return Ok(Arc::clone(facets));
            }
        }
        let all = self.api.facets().await?;
        let sorted = |facets: Vec<Facet>| {
            let most = facets.into_iter().take(FACETS_MAX);
            let mut names: Vec<String> = most.map(|facet| facet.name).collect();
            names.sort_unstable();
            names
        };
        let large = all.cities.iter().take(LARGE_CITIES).map(|it| it.name.clone()).collect();
        let facets = Arc::new(Facets {
            categories: sorted(all.categories),
            cities: sorted(all.cities),
            large_cities: large,
        });
        let mut kept = self.facets.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((now, Arc::clone(&facets)));
        Ok(facets)
    }

    /// What the event's tickets cost, as it was less than ten seconds ago; `None` when nothing can be bought.
    pub(crate) async fn prices(
        &self,
        api: &Client,
        event: &Event,
    ) -> Result<Option<Arc<Prices>>, ClientError> {
        let read = async { Ok(Prices::of(&api.event_prices(event.id).await?).map(Arc::new)) };
        self.prices.of(event, self.host.now(), read).await
    }

    /// What the event's list of tickets can be narrowed to, likewise.
    pub(crate) async fn event_facets(
        &self,
        api: &Client,
        event: &Event,
    ) -> Result<Arc<EventFacets>, ClientError> {
        let read = async { api.event_facets(event.id).await.map(Arc::new) };
        self.event_facets.of(event, self.host.now(), read).await
    }

    /// A key for the `Idempotency-Key` of a form.
    pub(crate) fn form_key(&self) -> String {
        self.host.uuid().simple().to_string()
    }

    /// Whether no real money moves.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.config.stripe_publishable_key.is_none()
    }
}

/// Nothing but our own files, and Stripe's where it is used
/// (<https://docs.stripe.com/security/guide#content-security-policy>).
fn content_security_policy(stripe: bool) -> HeaderValue {
    HeaderValue::from_static(if stripe {
        "default-src 'none'; script-src 'self' https://js.stripe.com https://*.js.stripe.com; \
         style-src 'self'; img-src 'self' data: https://*.stripe.com; \
         connect-src 'self' https://api.stripe.com; \
         frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    })
}
