//! `POST /api/payments/webhook`: the provider says that something happened to an intent.

use stubmart_contract::{ChargeId, Code};
use stubmart_http_kit::Problem;
use stubmart_kernel::mutant;
use stubmart_ports::gateway::{BadNotice, GatewayError};

use crate::{Payments, charge::Command, settle::Unsettled};

impl Payments {
    /// Takes a notice. It is only a hint: what is done follows from the intent as it stands now, so a
    /// notice may come twice, late, and after later ones.
    pub(crate) async fn notice(&self, signature: &str, body: &[u8]) -> Result<(), Problem> {
        let notice =
            self.0.provider.notice(signature, body, self.0.host.now()).map_err(
                |bad| match bad {
                    BadNotice::Signature => Problem::new(Code::BadSignature),
                    BadNotice::Malformed(what) => Problem::invalid_field("body", what),
                },
            )?;
        let Some(payment_id) = notice.payment_id else { return Ok(()) };
        let charge_id = match notice.charge_id {
            Some(charge_id) => charge_id,
            None => self.charge_of(&payment_id).await?,
        };
        self.look_now(charge_id).await
    }

    /// Which charge an intent was made for.
    pub(crate) async fn charge_of(&self, payment_id: &str) -> Result<ChargeId, Problem> {
        match self.0.provider.payment(payment_id).await {
            Ok(intent) => Ok(intent.charge_id),
            Err(GatewayError::Refused { .. }) => Err(Problem::not_found()),
            Err(error) => Err(Problem::new(Code::PaymentProviderUnavailable).caused_by(error)),
        }
    }

    /// Looks at a charge at once. That it is to be looked at is saved before, so that it happens in any
    /// case once this has answered.
    pub(crate) async fn look_now(&self, charge_id: ChargeId) -> Result<(), Problem> {
        let Some(charge) = self.charge(charge_id).await? else {
            if mutant!("200 for an unknown notice") {
                return Ok(());
            }
            return Err(Problem::not_found());
        };
        let looked = self.apply_to(charge, &Command::Look).await?;
        match self.settle(looked.charge).await {
            Ok(_) => Ok(()),
            Err(Unsettled::Repo(error)) => Err(error.into()),
            Err(error) => {
                tracing::info!(charge.id = %charge_id, %error, "charge not settled, will look again");
                self.0.reconcile.wake();
                Ok(())
            }
        }
    }
}
