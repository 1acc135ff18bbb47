//! Whoever has card after card declined waits: stolen numbers are tried out in that way.

use std::net::IpAddr;

use stubmart_contract::UserId;
use stubmart_kernel::{
    limited::{self, Limited},
    network::network,
};
use stubmart_ports::limits::Quota;

use crate::service::Payments;

/// How many times as many declined cards as one account one network may have: an office shares an address.
const ACCOUNTS_IN_NETWORK: u32 = 5;

impl Payments {
    /// Sees to it that the buyer may try another card.
    ///
    /// # Errors
    /// [`Limited`]: nothing may be charged.
    pub(crate) async fn check_declines(
        &self,
        buyer: UserId,
        from: Option<IpAddr>,
    ) -> Result<(), Limited> {
        for (key, quota) in self.declines(buyer, from) {
            limited::check(self.limits(), &key, quota).await?;
        }
        Ok(())
    }

    /// Counts a card that was declined.
    pub(crate) async fn count_decline(&self, buyer: UserId, from: Option<IpAddr>) {
        for (key, quota) in self.declines(buyer, from) {
            // Whether one was left to take does not matter any more: this card is answered.
            if let Err(error) = self.limits().take(&key, quota).await {
                tracing::warn!(%error, "a declined card was not counted");
            }
        }
    }

    fn declines(
        &self,
        buyer: UserId,
        from: Option<IpAddr>,
    ) -> impl Iterator<Item = (String, Quota)> + use<> {
        let most = self.config().max_declines;
        let account = (format!("payments.declined.{buyer}"), limited::an_hour(most));
        let in_network = move |from: IpAddr| {
            let most = most.saturating_mul(ACCOUNTS_IN_NETWORK);
            (format!("payments.declined.{}", network(from)), limited::an_hour(most))
        };
        std::iter::once(account).chain(from.map(in_network))
    }
}
