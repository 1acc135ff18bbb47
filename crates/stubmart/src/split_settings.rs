//! How the processes of a market reach each other when each runs a part of it.

use std::{collections::BTreeMap, fs, net::SocketAddr};

use axum::http::Uri;
use stubmart_calls::{Remote, Secret};
use stubmart_node::{Peers, Service};
use stubmart_ports::host::Host;

use crate::{
    only::Only,
    settings::{ADDRESS, Kind, Settings},
};

/// Where the other parts are, and how they know each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Where the services of this process are called by others.
    pub internal_listen: Option<SocketAddr>,
    /// What they know each other by.
    pub secret: Option<Secret>,
    /// Where the services are called that run elsewhere: `HOST:PORT`, of any number of instances.
    pub services: BTreeMap<Service, Vec<String>>,
    /// Where the pages reach the public API.
    pub api_url: Option<String>,
    /// Where the gateway reaches the public routes of the services: `HOST:PORT`, of any number of instances.
    pub public: BTreeMap<Service, Vec<String>>,
    /// Where the gateway reaches the pages.
    pub web: Option<Vec<String>>,
}

impl Split {
    /// Defines and reads the settings.
    pub(crate) fn read(it: &mut Settings) -> Self {
        let internal_listen = it.optional(
            INTERNAL_LISTEN,
            "The address to be called at by services that run elsewhere, or by the pages at a gateway; not for \
             the public",
            &ADDRESS,
        );
        let secret = it.optional(
            INTERNAL_SECRET,
            "The secret that all services of the market share, when they run in several processes",
            &Kind { value: "SECRET", parse: Secret::parse, show: |_| String::new() },
        );
        let in_file = it.optional(
            INTERNAL_SECRET_FILE,
            "The file that holds the secret, in place of the secret itself",
            &Kind { value: "FILE", parse: secret_in, show: |_| String::new() },
        );
        if secret.is_some() && in_file.is_some() {
            it.refuse(INTERNAL_SECRET_FILE, "the secret itself is given too: give one of the two");
        }
        let (mut services, mut public) = (BTreeMap::new(), BTreeMap::new());
        for (service, name) in SERVICE_URLS {
            let help = format!(
                "Where {} is called by services of this process when it runs elsewhere: the \
                 --internal-listen of its instances, with commas between them",
                service.name()
            );
            if let Some(addresses) = it.optional(name, &help, &INSTANCES) {
                services.insert(service, addresses);
            }
        }
        let api_url = it.optional(
            API_URL,
            "Where the pages reach the public API when the services run elsewhere: the --internal-listen of a \
             gateway",
            &Kind { value: "URL", parse: plain_url, show: Clone::clone },
        );
        for (service, name) in PUBLIC_URLS {
            let help = format!(
                "Where the gateway reaches the public API of {}: the --listen of its instances, with \
                 commas between them",
                service.name()
            );
            if let Some(addresses) = it.optional(name, &help, &INSTANCES) {
                public.insert(service, addresses);
            }
        }
        let web = it.optional(
            WEB_URL,
            "Where the gateway reaches the pages: the --listen of their instances; without it there are none",
            &INSTANCES,
        );
        Self { internal_listen, secret: secret.or(in_file), services, api_url, public, web }
    }

    /// Refuses what cannot work for a process that runs `only` these. `is_in_file` says whether its engines are
    /// embedded, and `listen` is its public address.
    pub(crate) fn check(
        &self,
        it: &mut Settings,
        only: &Only,
        is_in_file: bool,
        listen: SocketAddr,
    ) {
        if is_in_file && !only.services.is_empty() && !only.has_all_services() {
            it.miss(
                ONLY,
                "a part of the services needs servers (--mongodb-url, --nats-url, --redis-url): a market in a \
                 file is one process's",
            );
        }
        let (called, called_here) = (only.called_elsewhere(), only.called_from_elsewhere());
        for (service, name) in SERVICE_URLS {
            if called.contains(&service) && !self.services.contains_key(&service) {
                let who = only.services.iter().find(|it| it.calls().contains(&service));
                let (who, service) = (who.map_or("", |it| it.name()), service.name());
                it.miss(
                    name,
                    &format!("is needed: {who} calls {service}, which does not run here"),
                );
            }
        }
        if let Some(service) = called_here.first().filter(|_| self.internal_listen.is_none()) {
            let why = format!("is needed: {} is called by services elsewhere", service.name());
            it.miss(INTERNAL_LISTEN, &why);
        }
        let is_part = !called.is_empty() || !called_here.is_empty();
        if is_part && self.secret.is_none() && !it.is_faulty(INTERNAL_SECRET_FILE) {
            let why = "is needed, or --internal-secret-file: by it services know each other";
            it.miss(INTERNAL_SECRET, why);
        }
        let is_taken = |internal: SocketAddr| internal == listen && internal.port() != 0;
        if self.internal_listen.is_some_and(is_taken) {
            it.refuse(INTERNAL_LISTEN, "must not be --listen, which the public reaches");
        }
        for (service, name) in PUBLIC_URLS {
            if only.gateway && !self.public.contains_key(&service) {
                it.miss(name, "is needed: the gateway passes requests on to every service");
            }
        }
        if only.web && !only.has_all_services() && self.api_url.is_none() {
            it.miss(API_URL, "is needed: the pages use the public API, which does not run here");
        }
    }

    /// The ways to the services that are called elsewhere.
    pub(crate) fn peers(&self, only: &Only, host: &Host) -> Peers {
        let called = only.called_elsewhere();
        let remote = |service: Service| {
            let addresses = self.services.get(&service).filter(|_| called.contains(&service))?;
            Some(Remote::new(addresses.clone(), self.secret.clone()?, host.clone()))
        };
        Peers {
            auth: remote(Service::Auth).map(Remote::auth),
            tickets: remote(Service::Tickets).map(Remote::tickets),
            catalogue: remote(Service::Catalogue).map(Remote::catalogue),
            orders: remote(Service::Orders).map(Remote::orders),
            payments: remote(Service::Payments).map(Remote::payments),
        }
    }
}

/// The setting that says what a process runs.
pub(crate) const ONLY: &str = "only";
const INTERNAL_LISTEN: &str = "internal-listen";
const INTERNAL_SECRET: &str = "internal-secret";
const INTERNAL_SECRET_FILE: &str = "internal-secret-file";
const API_URL: &str = "api-url";
const WEB_URL: &str = "web-url";
const SERVICE_URLS: [(Service, &str); 5] = [
    (Service::Auth, "auth-url"),
    (Service::Tickets, "tickets-url"),
    (Service::Catalogue, "catalogue-url"),
    (Service::Orders, "orders-url"),
    (Service::Payments, "payments-url"),
];

const PUBLIC_URLS: [(Service, &str); 7] = [
    (Service::Auth, "auth-api-url"),
    (Service::Tickets, "tickets-api-url"),
    (Service::Catalogue, "catalogue-api-url"),
    (Service::Orders, "orders-api-url"),
    (Service::Payments, "payments-api-url"),
    (Service::Delivery, "delivery-api-url"),
    (Service::Notify, "notify-api-url"),
];

const INSTANCES: Kind<Vec<String>> =
    Kind { value: "URLS", parse: instances, show: |it| it.join(",") };

/// Reads the URLs of instances as `HOST:PORT`.
fn instances(text: &str) -> Result<Vec<String>, String> {
    let urls = text.split(',').map(str::trim).filter(|url| !url.is_empty());
    let addresses: Vec<String> = urls
        .map(|url| plain_url(url).map(|url| url.trim_start_matches("http://").to_owned()))
        .collect::<Result<_, _>>()?;
    if addresses.is_empty() { Err(NO_URL.to_owned()) } else { Ok(addresses) }
}

const NO_URL: &str = "must be http:// with a host and a port, such as http://tickets.internal:8081";

/// A plain URL of a host and a port: what is between the services is for the network to protect.
fn plain_url(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|_| NO_URL.to_owned())?;
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let authority = uri.authority().filter(|it| it.port().is_some() && !it.as_str().contains('@'));
    match authority {
        Some(authority) if uri.scheme_str() == Some("http") && is_bare => {
            Ok(format!("http://{authority}"))
        }
        _ => Err(NO_URL.to_owned()),
    }
}

/// The secret in a file, without the end of its line.
fn secret_in(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Secret::parse(text.trim_end()).map_err(|message| format!("{path}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_plain_urls_with_a_port() {
        let two = instances("http://tickets-0:8081, http://[::1]:8081/").unwrap();
        assert_eq!(two, ["tickets-0:8081", "[::1]:8081"]);
        for wrong in
            ["", ",", "tickets:8081", "https://a:1", "http://a", "http://a:1/x", "http://u@a:1"]
        {
            assert!(instances(wrong).is_err(), "{wrong}");
        }
    }
}
