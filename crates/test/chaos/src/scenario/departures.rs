//! Accounts are deleted while their owners pay or are paid for.

use std::{collections::BTreeMap, fmt, time::Duration};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_contract::{
    Code, OrderId, TicketId,
    api::{DeleteUserRequest, OrderStatus, TicketStatus},
};
use tokio::time::sleep;

use crate::{
    Failure,
    actor::{Actor, PASSWORD},
    history::Outcome,
    scenario::Cast,
    system::System,
};

/// How far apart a payment and a deletion are at the most, in milliseconds: a deletion first checks a
/// password, and many at once wait for each other.
const APART_MAX_MS: u64 = 1_000;

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How often a payment that met a deletion ended how.
    pub endings: BTreeMap<&'static str, usize>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deleted accounts:")?;
        self.endings.iter().try_for_each(|(ending, count)| write!(f, " {ending} {count}"))
    }
}

/// A purchase during which one side's account was deleted.
struct Purchase {
    ticket: TicketId,
    order: OrderId,
    paid: Outcome,
    buyer_left: bool,
    /// The seller's account was kept, since the sale came first.
    stays: bool,
}

/// Deletes `accounts` accounts while a payment is under way: of buyers and of sellers in turn. The session
/// is dead afterwards, or the sale came first and its seller stays; a buyer who learned that the payment succeeded has
/// the ticket, and no lock stays.
///
/// # Errors
/// [`Failure::Unmet`] when an answer does not fit what became of the ticket; whatever the audit finds.
pub async fn run(
    system: &dyn System,
    accounts: usize,
    patience: Duration,
    seed: u64,
) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&system.base(), accounts + 2).await?;
    let mut actors = cast.actors(&system.base())?.into_iter();
    let (Some(seller), Some(buyer)) = (actors.next(), actors.next()) else {
        return Err(Failure::Unmet("departures need accounts that stay".into()));
    };
    let mut random = Rng::with_seed(seed);
    let purchases = actors.enumerate().map(|(number, leaver)| {
        let sides = if number % 2 == 0 { (&seller, &leaver) } else { (&leaver, &buyer) };
        let (seller, buyer) = (sides.0.clone(), sides.1.clone());
        let mut wait = || Duration::from_millis(random.u64(0..=APART_MAX_MS));
        purchase(number, seller, buyer, leaver, (wait(), wait()))
    });
    let purchases: Vec<_> =
        join_all(purchases).await.into_iter().collect::<Result<_, Failure>>()?;
    // The accounts that are gone have nothing that is open; those that stay come to rest.
    let stay = Cast { accounts: cast.accounts.into_iter().take(2).collect(), ..cast };
    stay.come_to_rest(&system.base(), patience).await?;
    let mut report = Report::default();
    for purchase in &purchases {
        *report.endings.entry(settled(purchase, &seller, &buyer).await?).or_default() += 1;
    }
    system.audit().await?;
    system.inspect_log()?;
    Ok(report)
}

async fn purchase(
    number: usize,
    seller: Actor,
    buyer: Actor,
    leaver: Actor,
    (pay, leave): (Duration, Duration),
) -> Result<Purchase, Failure> {
    let listed = seller.list_ticket(&format!("Departure {number}"), 1_000, None).await;
    let Some(ticket) = listed.ticket().map(|it| it.id) else {
        return Err(Failure::Unmet(format!("no ticket to buy: {listed:?}")));
    };
    let ordered = buyer.order(ticket, None).await;
    let Some(order) = ordered.order().map(|it| it.id) else {
        return Err(Failure::Unmet(format!("no order to pay for: {ordered:?}")));
    };
    let password = DeleteUserRequest { current_password: PASSWORD.to_owned() };
    let (paid, left) = tokio::join!(
        async {
            sleep(pay).await;
            buyer.pay(order, "pm_card_visa", None).await
        },
        async {
            sleep(leave).await;
            leaver.client.delete_user(&password).await
        }
    );
    let buyer_left = leaver.user == buyer.user;
    // The payment was first: until the sale is settled, its seller's account stays.
    let stays = match left {
        Ok(_) => false,
        Err(error) if !buyer_left && error.code() == Some(Code::OpenSales) => true,
        Err(error) => return Err(error.into()),
    };
    sleep(Duration::from_secs(1)).await;
    match (stays, leaver.all_orders("").await) {
        (false, Err(_)) | (true, Ok(_)) => Ok(Purchase { ticket, order, paid, buyer_left, stays }),
        (false, Ok(_)) => Err(Failure::Unmet("a deleted account was let in a second later".into())),
        (true, Err(error)) => Err(error),
    }
}

/// Compares the buyer's answer with what became of the ticket.
async fn settled(
    purchase: &Purchase,
    seller: &Actor,
    buyer: &Actor,
) -> Result<&'static str, Failure> {
    let Purchase { ticket, order, paid, buyer_left, stays } = purchase;
    let is_sold = if *buyer_left {
        match seller.read_ticket(*ticket).await.ticket().map(|it| it.status) {
            Some(TicketStatus::Sold) => true,
            Some(TicketStatus::Available) => false,
            other => return Err(Failure::Unmet(format!("ticket {ticket} ended as {other:?}"))),
        }
    } else {
        match buyer.read_order(*order).await.order().map(|it| it.status) {
            Some(OrderStatus::Completed) => true,
            Some(OrderStatus::Cancelled) => false,
            other => return Err(Failure::Unmet(format!("order {order} ended as {other:?}"))),
        }
    };
    let refusals = [Code::OrderCancelled, Code::OrderExpired, Code::NotFound, Code::NotSignedIn];
    match (paid, is_sold) {
        (Outcome::Charges(_), true) if *buyer_left => Ok("buyer: paid"),
        (Outcome::Charges(_), true) if *stays => Ok("seller: paid, and stays"),
        (Outcome::Charges(_), true) => Ok("seller: paid"),
        (Outcome::Refused(code), false) if refusals.contains(code) && *buyer_left => {
            Ok("buyer: refused")
        }
        (Outcome::Refused(code), false) if refusals.contains(code) && !stays => {
            Ok("seller: refused")
        }
        _ => {
            Err(Failure::Unmet(format!("answered {paid:?}, and sold is {is_sold}: order {order}")))
        }
    }
}
