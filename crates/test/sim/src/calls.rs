//! The calls between services, over a network that loses, delays and repeats them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{ChargeId, Context, OrderId, UserId, api, calls::Identity};
use stubmart_node::Service;
use stubmart_ports::calls::{
    self, CallError, LockRefusal, LockRequest, LockTickets, Locked, SecureOrders, SecureRefusal,
};
use stubmart_suite::fault::{Fault, injected};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    instance::Live,
    port::Port,
    scenario::Kind,
    world::{World, within},
};

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// One instance's way to the other services.
#[derive(Debug, Clone)]
pub(crate) struct Network(pub(crate) Port);

fn lost() -> CallError {
    CallError(injected())
}

/// Has some instance of `target` do `work`; `None` when no answer comes.
async fn invoke<T: Send + 'static>(
    world: &Arc<World>,
    target: Service,
    work: impl FnOnce(Live) -> BoxFuture<'static, T> + Send + 'static,
) -> Option<T> {
    let live = world.slots.pick(world, target)?;
    let (sender, answer) = oneshot::channel();
    world.exec.spawn(live.owner, async move {
        // A caller that has gone needs no answer.
        drop(sender.send(work(live).await));
    });
    within(&world.exec, PATIENCE, answer).await?.ok()
}

impl Network {
    async fn call<T: Send + 'static>(
        &self,
        target: Service,
        what: &'static str,
        subject: Uuid,
        work: impl Fn(Live) -> BoxFuture<'static, T> + Clone + Send + Sync + 'static,
    ) -> Result<T, CallError> {
        let world = &self.0.world;
        let stray = |delay: Duration| {
            let work = work.clone();
            world.later(delay, move |world| {
                let callee = Arc::clone(world);
                world.exec.spawn(crate::exec::WORLD, async move {
                    drop(invoke(&callee, target, work).await);
                });
            });
        };
        let answer = match self.0.begin(Kind::Call, what, subject).await {
            Fault::None | Fault::Forget => invoke(world, target, work).await,
            Fault::Fail => None,
            Fault::LoseAnswer => invoke(world, target, work).await.and(None),
            Fault::Late => {
                stray(self.0.lateness());
                None
            }
            Fault::Twice => {
                stray(world.time_below(Duration::from_secs(30)));
                invoke(world, target, work).await
            }
        };
        self.0.end(what, subject).await;
        answer.ok_or_else(lost)
    }
}

#[async_trait]
impl calls::Auth for Network {
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, CallError> {
        let (context, token) = (context.clone(), token.to_owned());
        let work = move |live: Live| -> BoxFuture<'static, _> {
            let (context, token) = (context.clone(), token.clone());
            Box::pin(async move {
                match live.auth {
                    Some(auth) => auth.introspect(&context, &token).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Auth, "introspect", Uuid::nil(), work).await?
    }
}

#[async_trait]
impl LockTickets for Network {
    async fn lock(&self, request: LockRequest) -> Result<Result<Locked, LockRefusal>, CallError> {
        let subject = request.ticket_id.0;
        let work = move |live: Live| -> BoxFuture<'static, _> {
            let request = request.clone();
            Box::pin(async move {
                match live.tickets {
                    Some(tickets) => tickets.lock(request).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Tickets, "lock", subject, work).await?
    }
}

#[async_trait]
impl SecureOrders for Network {
    async fn order(
        &self,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<api::Order>, CallError> {
        let work = move |live: Live| -> BoxFuture<'static, _> {
            Box::pin(async move {
                match live.orders {
                    Some(orders) => orders.order(buyer, order_id).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Orders, "order", order_id.0, work).await?
    }

    async fn secure(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        let work = move |live: Live| -> BoxFuture<'static, _> {
            Box::pin(async move {
                match live.orders {
                    Some(orders) => orders.secure(order_id, charge_id).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Orders, "secure", order_id.0, work).await?
    }
}
