//! What a process answers to the public, and what to the services that run elsewhere.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{StatusCode, header},
    middleware::map_request,
    response::{IntoResponse as _, Response},
};
use stubmart_calls::{Secret, Served};
use stubmart_client::Client;
use stubmart_contract::Code;
use stubmart_http_kit::{ClientAddr, Problem, layer};
use stubmart_node::Services;
use stubmart_ports::{Cause, host::Host};
use stubmart_web::{EarlyRefusal, Web, WebConfig};
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::{config::Config, docs};

/// How long the pages wait for the public API where it runs elsewhere: longer than it takes as a rule to say
/// that it cannot answer.
const API_MAX: Duration = Duration::from_secs(30);

/// Everything that is served to the public: the API of the services here, with its documentation where that is
/// all of it; the pages; and what operators ask (`ops`).
///
/// # Errors
/// The cause: the address of the API is not valid.
pub(crate) fn public(
    routes: OpenApiRouter,
    ops: Router,
    config: &Config,
    host: &Host,
) -> Result<Router, Cause> {
    let with_layer = |router| layer::apply(router, host.clone(), config.ingress());
    let (mut api, document) = routes.split_for_parts();
    if config.only.has_all_services() {
        let document = docs::complete(document);
        api = api.merge(docs::router(&document, config.public_url.as_deref()));
    }
    let all = api.clone().merge(ops);
    if !config.only.web {
        return Ok(with_layer(all));
    }
    let api = match &config.split.api_url {
        Some(url) if !config.only.has_all_services() => {
            Client::http(url)?.with_time_limit(host.clone(), API_MAX)
        }
        _ => Client::in_process(with_layer(api).layer(map_request(forwarded_by_pages))),
    };
    let web = stubmart_web::router(Web {
        api,
        config: WebConfig {
            stripe_publishable_key: config.stripe.publishable_key.clone(),
            public_url: config.public_url.clone(),
            trust_proxy: config.trust_proxy,
            ..WebConfig::default()
        },
        host: host.clone(),
    });
    let all = all.fallback(move |request: Request| {
        let web = web.clone();
        async move { page(web, request).await }
    });
    Ok(with_layer(all).layer(map_request(refused_as_page)))
}

/// What services that run elsewhere call, if they know the secret.
pub(crate) fn internal(services: &Services, secret: Secret, host: &Host) -> Router {
    let Services { auth, tickets, catalogue, orders, payments, .. } = services.clone();
    let mut served = Served::default();
    if let Some(auth) = auth {
        served.auth = Some(Arc::new(auth));
    }
    if let Some(tickets) = tickets {
        served.tickets = Some(Arc::new(tickets));
    }
    if let Some(catalogue) = catalogue {
        served.catalogue = Some(Arc::new(catalogue));
    }
    if let Some(orders) = orders {
        served.orders = Some(Arc::new(orders));
    }
    if let Some(payments) = payments {
        served.payments = Some(Arc::new(payments));
    }
    served.router(secret, host)
}

/// A call from a page counts for its visitor in the limits by address.
async fn forwarded_by_pages(mut request: Request) -> Request {
    if let Some(ConnectInfo(visitor)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let address = ClientAddr(visitor.ip());
        request.extensions_mut().insert(address);
    }
    request
}

/// Leaves it to the pages to tell a visitor that the server has refused the request.
async fn refused_as_page(mut request: Request) -> Request {
    let may_pass = |it: &Problem| matches!(it.code(), Code::TooManyRequests | Code::Unavailable);
    if !is_of_api(&request)
        && takes_pages(&request)
        && request.extensions().get().is_some_and(may_pass)
        && let Some(problem) = request.extensions_mut().remove()
    {
        request.extensions_mut().insert(EarlyRefusal(problem));
    }
    request
}

fn is_of_api(request: &Request) -> bool {
    let path = request.uri().path();
    path == "/api" || path.starts_with("/api/")
}

fn takes_pages(request: &Request) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter();
    accept.filter_map(|it| it.to_str().ok()).any(|it| it.contains("text/html"))
}

/// Serves a page. A client that does not accept HTML gets an error in the API's form.
async fn page(web: Router, mut request: Request) -> Response {
    if is_of_api(&request) {
        return Problem::not_found().into_response();
    }
    if let Some(ClientAddr(address)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
    }
    let takes_pages = takes_pages(&request);
    let response = web.oneshot(request).await.into_response();
    let code = match response.status() {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        _ => return response,
    };
    if takes_pages {
        return response;
    }
    let mut problem = Problem::new(code).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}
