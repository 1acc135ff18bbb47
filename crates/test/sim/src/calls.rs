//! The calls between services, over a network that loses, delays and repeats them.

use std::{future::ready, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_catalogue::Catalogue;
use stubmart_contract::{
    ChargeId, Context, EventId, OrderId, TicketId, UserId,
    calls::{
        ExpiredLock, Identity, Listing, Listings, ListingsRequest, LockRefusal, LockRequest,
        Locked, NotFoundByName, OpenSales, OrderForPayment, OverdueLocks, OverdueLocksRequest,
        Profile, Recipient, SecureRefusal, ShowByName, ShowForListing,
    },
};
use stubmart_node::Service;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::calls::{self, CallError};
use stubmart_suite::fault::{Fault, injected};
use stubmart_tickets::Tickets;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    port::Port,
    scenario::Kind,
    slots::Live,
    world::{World, within},
};

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an instance does for a caller.
type Call<T> = BoxFuture<'static, Result<T, CallError>>;

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
    let live = world.pick(target)?;
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

    async fn recipient(
        &self,
        context: &Context,
        id: UserId,
    ) -> Result<Option<Recipient>, CallError> {
        let context = context.clone();
        let work = move |live: Live| -> BoxFuture<'static, _> {
            let context = context.clone();
            Box::pin(async move {
                match live.auth {
                    Some(auth) => auth.recipient(&context, id).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Auth, "recipient", id.0, work).await?
    }

    async fn profile(&self, context: &Context, id: UserId) -> Result<Option<Profile>, CallError> {
        let context = context.clone();
        let work = move |live: Live| -> BoxFuture<'static, _> {
            let context = context.clone();
            Box::pin(async move {
                match live.auth {
                    Some(auth) => auth.profile(&context, id).await,
                    None => Err(lost()),
                }
            })
        };
        self.call(Service::Auth, "profile", id.0, work).await?
    }
}

#[async_trait]
impl calls::Catalogue for Network {
    async fn show(
        &self,
        context: &Context,
        id: EventId,
    ) -> Result<Option<ShowForListing>, CallError> {
        let context = context.clone();
        self.catalogue("show", id.0, move |it| {
            let context = context.clone();
            Box::pin(async move { calls::Catalogue::show(&it, &context, id).await })
        })
        .await
    }

    async fn show_by_name(
        &self,
        context: &Context,
        asked: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        let context = context.clone();
        self.catalogue("show by name", Uuid::nil(), move |it| {
            let (context, asked) = (context.clone(), asked.clone());
            Box::pin(async move { calls::Catalogue::show_by_name(&it, &context, asked).await })
        })
        .await
    }

    async fn listing_changed(&self, context: &Context, listing: Listing) -> Result<(), CallError> {
        let context = context.clone();
        self.catalogue("listing changed", listing.ticket.id.0, move |it| {
            let (context, listing) = (context.clone(), listing.clone());
            Box::pin(async move { calls::Catalogue::listing_changed(&it, &context, listing).await })
        })
        .await
    }
}

impl Network {
    /// Has some instance of catalogue do `work`.
    async fn catalogue<T: Send + 'static>(
        &self,
        what: &'static str,
        subject: Uuid,
        work: impl Fn(Catalogue) -> Call<T> + Clone + Send + Sync + 'static,
    ) -> Result<T, CallError> {
        let work = move |live: Live| live.catalogue.map_or_else(nobody, &work);
        self.call(Service::Catalogue, what, subject, work).await?
    }

    /// Has some instance of tickets do `work`.
    async fn tickets<T: Send + 'static>(
        &self,
        what: &'static str,
        ticket_id: TicketId,
        work: impl Fn(Tickets) -> Call<T> + Clone + Send + Sync + 'static,
    ) -> Result<T, CallError> {
        let work = move |live: Live| live.tickets.map_or_else(nobody, &work);
        self.call(Service::Tickets, what, ticket_id.0, work).await?
    }

    /// Has some instance of orders do `work`.
    async fn orders<T: Send + 'static>(
        &self,
        what: &'static str,
        order_id: OrderId,
        work: impl Fn(Orders) -> Call<T> + Clone + Send + Sync + 'static,
    ) -> Result<T, CallError> {
        let work = move |live: Live| live.orders.map_or_else(nobody, &work);
        self.call(Service::Orders, what, order_id.0, work).await?
    }
}

/// The answer of an instance that is only just starting.
fn nobody<T: Send + 'static>() -> Call<T> {
    Box::pin(ready(Err(lost())))
}

#[async_trait]
impl calls::Tickets for Network {
    async fn lock(
        &self,
        context: &Context,
        request: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        let context = context.clone();
        self.tickets("lock", request.ticket_id, move |it| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { calls::Tickets::lock(&it, &context, request).await })
        })
        .await
    }

    async fn release(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let context = context.clone();
        self.tickets("release", ticket_id, move |it| {
            let context = context.clone();
            Box::pin(
                async move { calls::Tickets::release(&it, &context, ticket_id, order_id).await },
            )
        })
        .await
    }

    async fn sell(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let context = context.clone();
        self.tickets("sell", ticket_id, move |it| {
            let context = context.clone();
            Box::pin(async move { calls::Tickets::sell(&it, &context, ticket_id, order_id).await })
        })
        .await
    }

    async fn listings(
        &self,
        context: &Context,
        request: ListingsRequest,
    ) -> Result<Listings, CallError> {
        let context = context.clone();
        self.tickets("listings", TicketId(Uuid::nil()), move |it| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { calls::Tickets::listings(&it, &context, request).await })
        })
        .await
    }

    async fn overdue_locks(
        &self,
        context: &Context,
        request: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        let context = context.clone();
        self.tickets("overdue locks", TicketId(Uuid::nil()), move |it| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { calls::Tickets::overdue_locks(&it, &context, request).await })
        })
        .await
    }
}

#[async_trait]
impl calls::Orders for Network {
    async fn order(
        &self,
        context: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        let context = context.clone();
        self.orders("order", order_id, move |it| {
            let context = context.clone();
            Box::pin(async move { calls::Orders::order(&it, &context, buyer, order_id).await })
        })
        .await
    }

    async fn secure(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        let context = context.clone();
        self.orders("secure", order_id, move |it| {
            let context = context.clone();
            Box::pin(async move { calls::Orders::secure(&it, &context, order_id, charge_id).await })
        })
        .await
    }

    async fn complete(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        let context = context.clone();
        self.orders("complete", order_id, move |it| {
            let context = context.clone();
            Box::pin(
                async move { calls::Orders::complete(&it, &context, order_id, charge_id).await },
            )
        })
        .await
    }

    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        let context = context.clone();
        self.orders("fail", order_id, move |it| {
            let context = context.clone();
            Box::pin(async move { calls::Orders::fail(&it, &context, order_id, charge_id).await })
        })
        .await
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        let context = context.clone();
        self.orders("expire", lock.order_id, move |it| {
            let (context, lock) = (context.clone(), lock.clone());
            Box::pin(async move { calls::Orders::expire(&it, &context, lock).await })
        })
        .await
    }
}

#[async_trait]
impl calls::Payments for Network {
    async fn open_sales(&self, context: &Context, seller: UserId) -> Result<OpenSales, CallError> {
        let context = context.clone();
        let ask = move |it: Payments| -> Call<OpenSales> {
            let context = context.clone();
            Box::pin(async move { calls::Payments::open_sales(&it, &context, seller).await })
        };
        let work = move |live: Live| live.payments.map_or_else(nobody, &ask);
        self.call(Service::Payments, "open sales", seller.0, work).await?
    }
}
