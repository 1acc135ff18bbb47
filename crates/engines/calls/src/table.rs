//! Every call there is, once: the client's methods and the server's routes are made of this table. A call that
//! is missing here does not compile.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{
    ChargeId, Context, EventId, OrderId, TicketId, UserId,
    calls::{
        ExpiredLock, Identity, Listing, Listings, ListingsRequest, LockRefusal, LockRequest,
        Locked, NotFoundByName, OpenSales, OrderForPayment, OverdueLocks, OverdueLocksRequest,
        Profile, Recipient, SecureRefusal, ShowByName, ShowForListing,
    },
};
use stubmart_ports::calls::{self, CallError};

use crate::{client::Remote, routes::Routes};

/// The calls that a service answers: `CALL(ARGUMENT: TYPE, …) -> ANSWER;`. A type that is borrowed is followed by
/// `=> OWNED`, as it arrives. `everywhere` behind the answer: every instance is called, not one of them.
macro_rules! service {
    ($service:ident: $port:ident {
        $($call:ident($($argument:ident: $type:ty $(=> $owned:ty)?),*) -> $answer:ty $(: $everywhere:ident)?;)*
    }) => {
        impl Remote {
            #[doc = concat!("The service as ", stringify!($service), ", which it must be.")]
            #[must_use]
            pub fn $service(self: Arc<Self>) -> Arc<dyn calls::$port> {
                self
            }
        }

        #[async_trait]
        impl calls::$port for Remote {
            $(async fn $call(
                &self,
                context: &Context,
                $($argument: $type),*
            ) -> Result<$answer, CallError> {
                let name = (stringify!($service), stringify!($call));
                service!(@send self $($everywhere)?)(self, name, context, ($($argument,)*)).await
            })*
        }

        /// Adds the routes of the service.
        pub(crate) fn $service(routes: &mut Routes, service: &Arc<dyn calls::$port>) {
            $({
                let service = Arc::clone(service);
                routes.add(
                    (stringify!($service), stringify!($call)),
                    move |context: Context, arguments: ($(service!(@owned $type $(=> $owned)?),)*)| {
                        let service = Arc::clone(&service);
                        async move {
                            let ($($argument,)*) = arguments;
                            service.$call(&context, $(service!(@lend $argument $($owned)?)),*).await
                        }
                    },
                );
            })*
        }
    };
    (@send $this:ident) => { Remote::call };
    (@send $this:ident everywhere) => { Remote::call_everywhere };
    (@owned $type:ty) => { $type };
    (@owned $type:ty => $owned:ty) => { $owned };
    (@lend $argument:ident) => { $argument };
    (@lend $argument:ident $owned:ty) => { &$argument };
}

service!(auth: Auth {
    introspect(token: &str => String) -> Option<Identity>;
    recipient(user_id: UserId) -> Option<Recipient>;
    profile(user_id: UserId) -> Option<Profile>;
});

service!(tickets: Tickets {
    lock(request: LockRequest) -> Result<Locked, LockRefusal>;
    release(ticket_id: TicketId, order_id: OrderId) -> ();
    sell(ticket_id: TicketId, order_id: OrderId) -> ();
    listings(request: ListingsRequest) -> Listings;
    overdue_locks(request: OverdueLocksRequest) -> OverdueLocks;
});

service!(catalogue: Catalogue {
    show(id: EventId) -> Option<ShowForListing>;
    show_by_name(asked: ShowByName) -> Result<ShowForListing, NotFoundByName>;
    listing_changed(listing: Listing) -> (): everywhere;
});

service!(orders: Orders {
    order(buyer: UserId, order_id: OrderId) -> Option<OrderForPayment>;
    secure(order_id: OrderId, charge_id: ChargeId) -> Result<(), SecureRefusal>;
    complete(order_id: OrderId, charge_id: ChargeId) -> ();
    fail(order_id: OrderId, charge_id: ChargeId) -> ();
    expire(lock: ExpiredLock) -> ();
});

service!(payments: Payments {
    open_sales(seller: UserId) -> OpenSales;
});
