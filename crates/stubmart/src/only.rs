//! What a process runs.

use std::collections::BTreeSet;

use stubmart_node::Service;

/// The name of the pages among the services.
const WEB: &str = "web";

/// The name of what leads to all others.
const GATEWAY: &str = "gateway";

/// What a process runs: services and the pages, or the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// The services.
    pub services: BTreeSet<Service>,
    /// The pages.
    pub web: bool,
    /// The whole market on one address, by passing requests on: nothing else runs beside it.
    pub gateway: bool,
}

impl Only {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self { services: BTreeSet::from(Service::ALL), web: true, gateway: false }
    }

    /// Whether every service runs here, so that none is elsewhere.
    #[must_use]
    pub fn has_all_services(&self) -> bool {
        self.services.len() == Service::ALL.len()
    }

    /// The services that run elsewhere and are called from here.
    pub fn called_elsewhere(&self) -> BTreeSet<Service> {
        let called = self.services.iter().flat_map(|it| it.calls());
        called.filter(|it| !self.services.contains(it)).copied().collect()
    }

    /// The services here that are called from elsewhere.
    pub fn called_from_elsewhere(&self) -> BTreeSet<Service> {
        let others = Service::ALL.iter().filter(|it| !self.services.contains(it));
        let called = others.flat_map(|it| it.calls());
        called.filter(|it| self.services.contains(it)).copied().collect()
    }

    /// What runs, by name: `all`, or as it was asked for.
    #[must_use]
    pub fn text(&self) -> String {
        if *self == Self::all() {
            return "all".to_owned();
        }
        let services = self.services.iter().map(|it| it.name());
        let others = [self.web.then_some(WEB), self.gateway.then_some(GATEWAY)];
        services.chain(others.into_iter().flatten()).collect::<Vec<_>>().join(",")
    }

    /// Reads names with commas between them, or `all`.
    ///
    /// # Errors
    /// There is no such service, or none is named.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "all" {
            return Ok(Self::all());
        }
        let mut only = Self { services: BTreeSet::new(), web: false, gateway: false };
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match Service::ALL.into_iter().find(|service| service.name() == name) {
                Some(service) => {
                    only.services.insert(service);
                }
                None if name == WEB => only.web = true,
                None if name == GATEWAY => only.gateway = true,
                None => {
                    let names = Self::names().join(", ");
                    return Err(format!("there is no service {name:?}; there are {names}"));
                }
            }
        }
        let has_others = !only.services.is_empty() || only.web;
        match (only.gateway, has_others) {
            (true, true) => Err("the gateway runs alone: it passes every request on".to_owned()),
            (false, false) => Err(format!("must name one of {}", Self::names().join(", "))),
            _ => Ok(only),
        }
    }

    /// What can be named.
    pub(crate) fn names() -> Vec<&'static str> {
        Service::ALL.into_iter().map(Service::name).chain([WEB, GATEWAY]).collect()
    }
}
