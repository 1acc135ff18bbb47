//! Use case: what a listing would come to, before it is made.

use stubmart_contract::{
    Context, Currency, Price,
    api::{CreateTicketRequest, TicketPreview},
    calls::ShowForListing,
    fees::{Breakdown, Fees},
};

use crate::{
    list_ticket::{ListTicketError, in_its_currency},
    service::Tickets,
    ticket::{Ticket, check_money, fees_of},
};

impl Tickets {
    /// What the lot would come to for its buyer and its seller, and when the seller would be paid. Nothing
    /// is saved.
    ///
    /// # Errors
    /// As [`Self::list_ticket`]; nothing happens in any case.
    pub(crate) async fn preview_ticket(
        &self,
        context: &Context,
        listing: &CreateTicketRequest,
    ) -> Result<TicketPreview, ListTicketError> {
        let quantity = Ticket::quantity(listing).map_err(ListTicketError::Refused)?;
        let show = self.show_of(context, listing).await?;
        let listing = &in_its_currency(listing.clone(), show.as_ref())?;
        let currency = listing.currency.unwrap_or_default();
        let fees = fees_of(listing, show.as_ref().map(|it| &it.category), self.fees());
        let sale = fees.at(listing.price).map_err(|it| ListTicketError::Refused(it.into()))?;
        check_money(listing.price, sale, currency).map_err(ListTicketError::Refused)?;
        let it = Breakdown::new(listing.price, sale);
        let payout_on = show.as_ref().map(|it| it.ends_at.after(self.payout_after()));
        Ok(TicketPreview {
            price: it.price,
            buyer_fee: it.buyer_fee,
            seller_fee: it.seller_fee,
            total: it.total,
            seller_net: it.seller_net,
            price_per_ticket: it.price.per_ticket(quantity),
            total_per_ticket: it.total.per_ticket(quantity),
            payout_on,
            max_price: highest(&fees, currency),
            warnings: self.warnings(show.as_ref(), &it),
        })
    }

    fn warnings(&self, show: Option<&ShowForListing>, it: &Breakdown) -> Vec<String> {
        let has_begun = show.is_some_and(|show| show.starts_at <= self.host().now());
        let is_off = show.is_some_and(|show| !show.status.is_on_sale());
        let warnings = [
            (show.is_none(), "The listing names no event, so few buyers will find it."),
            (has_begun && !is_off, "The event has begun already."),
            (is_off, "The event is over or cancelled: nothing can be listed for it."),
            (it.seller_net == 0, "The fees take the whole price."),
        ];
        warnings.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text.to_owned()).collect()
    }
}

/// The highest price at which price and fees can be charged. A fee never falls with the price, so it is
/// found by halving.
fn highest(fees: &Fees, currency: Currency) -> Price {
    let (mut fits, mut too_much) = (Price::MIN, currency.most().saturating_add(1));
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        let price = Price::try_from(i64::from(middle)).unwrap_or(Price::LOWEST);
        let total = fees.at(price).map(|it| it.buyer.saturating_add(middle.into()));
        let can_be_charged = total.is_ok_and(|total| total <= currency.most().into());
        (fits, too_much) = if can_be_charged { (middle, too_much) } else { (fits, middle) };
    }
    Price::try_from(i64::from(fits)).unwrap_or(Price::HIGHEST)
}

#[cfg(test)]
mod tests {
    use stubmart_contract::fees::Fee;

    use super::*;

    #[test]
    fn the_highest_price_is_the_last_that_can_be_charged() {
        for bps in [0, 1, 1000, 10_000] {
            let fees = Fees { buyer: Fee { fixed: 7, ..Fee::share(bps) }, ..Fees::default() };
            let highest = i64::from(highest(&fees, Currency::USD).minor());
            let total =
                |price: i64| price + fees.at(Price::try_from(price).unwrap()).unwrap().buyer;
            assert!(total(highest) <= 99_999_999, "{bps}");
            assert!(total(highest + 1) > 99_999_999, "{bps}");
        }
    }
}
