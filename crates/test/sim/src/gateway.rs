//! The provider, as one instance sees it.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_ports::gateway::{
    AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentGateway, PaymentState,
    RefundRequest,
};
use stubmart_suite::fault::{Fault, injected};
use uuid::Uuid;

use crate::{notices, port::Port, scenario::Kind, world::World};

/// The provider, as one instance sees it.
#[derive(Debug, Clone)]
pub(crate) struct SimGateway(pub(crate) Port);

impl SimGateway {
    async fn call<T: Send>(
        &self,
        what: &'static str,
        subject: Uuid,
        work: impl Fn(&Arc<World>) -> Result<T, GatewayError> + Clone + Send + Sync + 'static,
    ) -> Result<T, GatewayError> {
        let world = &self.0.world;
        let fault = self.0.begin(Kind::Provider, what, subject).await;
        if fault != Fault::Fail {
            world.provider.asked_again(what, subject);
        }
        let work = move |world: &Arc<World>| {
            let done = work(world);
            world.provider.did(what, subject);
            done
        };
        let answer = match fault {
            Fault::None | Fault::Forget => work(world),
            Fault::Fail => Err(GatewayError::Unavailable(injected())),
            Fault::LoseAnswer => {
                drop(work(world));
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Late => {
                world.later(self.0.lateness(), move |world| drop(work(world)));
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Twice => {
                drop(work(world));
                work(world)
            }
        };
        self.0.end(what, subject).await;
        // An instance that is killed before this has not heard of it.
        if matches!(fault, Fault::None | Fault::Twice) {
            world.provider.heard(what, subject);
        }
        answer
    }
}

#[async_trait]
impl PaymentGateway for SimGateway {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let request = request.clone();
        let subject = request.charge_id.0;
        self.call("authorise", subject, move |world| world.authorise(&request)).await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let id = payment_id.to_owned();
        self.call("capture", charge_id.0, move |world| world.capture(&id, false)).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let id = payment_id.to_owned();
        self.call("void", charge_id.0, move |world| world.void(&id)).await
    }

    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        let asked = request.clone();
        self.call("refund", request.charge_id.0, move |world| world.refund(&asked)).await
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        let id = payment_id.to_owned();
        let charge_id = self.0.world.provider.charge_of(payment_id).map_or(Uuid::nil(), |it| it.0);
        let find = move |world: &Arc<World>| world.provider.payment(&id, world.now());
        self.call("payment", charge_id, find).await
    }

    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        let find = move |world: &Arc<World>| Ok(world.provider.payment_of(charge_id, world.now()));
        self.call("payment of", charge_id.0, find).await
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        notices::read(signature, body, now)
    }

    async fn undelivered_notices(&self, _: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        Ok(Vec::new())
    }
}
