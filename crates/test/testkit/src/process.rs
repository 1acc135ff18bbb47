//! A process of the market, as the binary runs it, on the engines of a world.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use axum::{extract::Request, middleware::map_request};
use stubmart_http_kit::{ClientAddr, Ingress, layer};
use stubmart_node::{Background, Config, Engines, Market, Role, Service};
use stubmart_ports::host::Host;

use crate::{api::Api, world::World};

/// A process that plays a role: its routes are served in this process behind the same layers as the
/// binary's. Its consumers and workers run within [`Self::work`] alone, so that nothing happens between two
/// lines of a test. Dropping it is a crash: nothing is left of it but what the world keeps.
#[derive(Debug)]
pub struct Process<S> {
    /// The service, for what is called in place of another service.
    pub service: S,
    api: Api,
    role: Role<()>,
    engines: Engines,
    world: World,
}

impl<S> Process<S> {
    /// Serves a role that was started on these engines of the world.
    #[must_use]
    pub fn of(world: &World, engines: &Engines, role: Role<S>) -> Self {
        Self::behind(world, engines, role, Ingress::default())
    }

    /// The same, where what stands between people and the process is another.
    #[must_use]
    pub fn behind(world: &World, engines: &Engines, role: Role<S>, ingress: Ingress) -> Self {
        let Role { service, router, handlers, workers } = role;
        let (routes, _) = router.split_for_parts();
        let routes = layer::apply(routes, world.host.clone(), ingress);
        let routes = routes.layer(map_request(forwarded));
        Self {
            service,
            api: Api::in_process(routes),
            role: Role { service: (), router: Box::default(), handlers, workers },
            engines: engines.clone(),
            world: world.clone(),
        }
    }

    /// Runs consumers, workers and the relays of events until none has anything left to do at this moment,
    /// and cuts them off there, as a crash might.
    pub async fn work(&self) {
        let loops = self.world.loops();
        let host = Host { spawner: loops.clone(), ..self.world.host.clone() };
        let (bus, shutdown) = (Arc::clone(&self.engines.bus), self.world.shutdown.clone());
        let background = Background::new(host, bus, shutdown);
        background.run(&self.role);
        for service in Service::STORED {
            let bus = Arc::new(self.world.bus.clone());
            background.run_worker(self.world.store.relay(service.name(), bus));
        }
        self.world.settle().await;
        loops.cut_off().await;
    }
}

impl Process<Market> {
    /// A process with every role, on engines without any fault.
    pub async fn market(world: &World) -> Self {
        Self::market_on(world, &world.engines(), &Config::default()).await
    }

    /// A process with every role.
    pub async fn market_on(world: &World, engines: &Engines, config: &Config) -> Self {
        let role = Market::start(engines, config, &world.shutdown).await.unwrap();
        Self::of(world, engines, role)
    }
}

impl<S> Deref for Process<S> {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// A visitor's address is that which the pages name, as in the binary.
async fn forwarded(mut request: Request) -> Request {
    let named = request.headers().get("x-forwarded-for").and_then(|it| it.to_str().ok());
    if let Some(address) = named.and_then(|it| it.parse::<IpAddr>().ok()) {
        request.extensions_mut().insert(ClientAddr(address));
    }
    request
}
