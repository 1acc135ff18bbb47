//! Use case: a seller looks at their sales, their payouts, and what is held for them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use stubmart_contract::{
    Currency, OrderId, SaleId, Timestamp, UserId,
    api::{HeldFor, HoldReason, PayoutBalance, SaleStatus},
    calls::OpenSales,
};
use stubmart_kernel::{
    RepositoryError, Versioned,
    aggregate::Key,
    page::{Cursor, Page, PageError, PageRequest},
};

use crate::{
    payout::{self, Payout},
    sale::{Sale, index, of_seller_in},
    service::Payments,
};

/// How many sales are read at once.
const BATCH: usize = 500;

/// The length of the end of a key that says which sale it is: when it was sold, and its id.
const PLACE: usize = 24;

impl Payments {
    /// One page of a seller's sales, newest first, all or those with one of some statuses: merged from the parts of
    /// the index that have them.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn sales_of(
        &self,
        seller: UserId,
        statuses: Option<&[SaleStatus]>,
        page: &PageRequest,
    ) -> Result<Page<Sale>, PageError> {
        let Some(statuses) = statuses else {
            let scan = self.sales().scan(index::SELLER, &Key::new().id(seller.0)).descending();
            return Ok(self.sales().page(scan, page, |_| true).await?.map(|it| it.state));
        };
        let parts: BTreeSet<Key> = statuses.iter().map(|it| of_seller_in(seller, *it)).collect();
        let list: Vec<u8> = parts.iter().flat_map(|part| part.bytes().iter().copied()).collect();
        let behind = match page.cursor.as_ref().map(Cursor::key) {
            Some(key) => {
                let place = key.strip_prefix(list.as_slice()).filter(|it| it.len() == PLACE);
                Some(place.ok_or(PageError::ForeignCursor)?)
            }
            None => None,
        };
        let mut rows = Vec::new();
        for part in parts {
            let mut scan = self.sales().scan(index::SELLER_STATUS, &part).descending();
            if let Some(place) = behind {
                scan = scan.behind(&[part.bytes(), place].concat());
            }
            let found = self.sales().find(scan.limit(page.limit.saturating_add(1))).await?;
            rows.extend(found.into_iter().map(|row| row.found.state));
        }
        let place = |it: &Sale| (it.sold_at, SaleId::of(it.order_id));
        rows.sort_by_key(|it: &Sale| Reverse(place(it)));
        rows.dedup_by_key(|it| it.order_id);
        let rows = rows.into_iter().take(page.limit.saturating_add(1));
        let key = |it: &Sale| {
            let (sold_at, id) = place(it);
            [list.as_slice(), Key::new().time(sold_at).id(id.0).bytes()].concat()
        };
        let rows = rows.map(|it| (key(&it), it)).collect();
        Ok(Page::of(page.limit, rows, |(key, _)| key, |(_, sale)| sale))
    }

    /// A seller's sale, by its order.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn sale_of(
        &self,
        seller: UserId,
        order_id: OrderId,
    ) -> Result<Option<Versioned<Sale>>, RepositoryError> {
        let found = self.sales().load(SaleId::of(order_id)).await?;
        Ok(found.filter(|it| it.state.seller_id == seller))
    }

    /// One page of a seller's payouts, newest first.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn payouts_of(
        &self,
        seller: UserId,
        page: &PageRequest,
    ) -> Result<Page<Payout>, PageError> {
        let prefix = Key::new().id(seller.0);
        let scan = self.payouts().scan(payout::index::SELLER, &prefix).descending();
        Ok(self.payouts().page(scan, page, |_| true).await?.map(|it| it.state))
    }

    /// What is held for a seller, what is due and owed, and what was paid, in each currency.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn balance_of(
        &self,
        seller: UserId,
    ) -> Result<Vec<PayoutBalance>, RepositoryError> {
        let now = self.host().now();
        let mut balances: BTreeMap<String, PayoutBalance> = BTreeMap::new();
        let of = |balances: &mut BTreeMap<String, PayoutBalance>,
                  currency: Currency,
                  add: &dyn Fn(&mut PayoutBalance)| {
            add(balances.entry(currency.to_string()).or_insert_with(|| nothing(currency)));
        };
        let add = |sale: &Sale| of(&mut balances, sale.currency, &|it| count(it, sale, now));
        self.each_open_sale(seller, add).await?;
        // The last payout in each currency says what was paid in all.
        let mut scan = self.payouts().scan(payout::index::NUMBER, &Key::new().id(seller.0));
        scan = scan.descending().limit(1);
        loop {
            let Some(row) = self.payouts().find(scan.clone()).await?.pop() else { break };
            let last = row.found.state;
            let currency = last.to_pay.currency;
            of(&mut balances, currency, &|it| it.paid = last.paid_in_all);
            scan = scan.behind(payout::of_seller_in(seller, currency).bytes());
        }
        Ok(balances.into_values().collect())
    }

    /// What is still open of a seller's sales.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn open_sales_of(&self, seller: UserId) -> Result<OpenSales, RepositoryError> {
        let mut open = OpenSales::default();
        let count = |sale: &Sale| {
            open.unsettled = open.unsettled.saturating_add(1);
            if sale.is_to_deliver() {
                open.undelivered = open.undelivered.saturating_add(1);
            }
        };
        self.each_open_sale(seller, count).await?;
        Ok(open)
    }

    /// Shows every sale of a seller that is not settled.
    async fn each_open_sale(
        &self,
        seller: UserId,
        mut see: impl FnMut(&Sale),
    ) -> Result<(), RepositoryError> {
        let mut scan = self.sales().scan(index::OPEN, &Key::new().id(seller.0)).limit(BATCH);
        loop {
            let rows = self.sales().find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            rows.iter().for_each(|row| see(&row.found.state));
        }
    }
}

const fn nothing(currency: Currency) -> PayoutBalance {
    PayoutBalance { currency, held: 0, held_for: Vec::new(), due: 0, owed: 0, paid: 0 }
}

/// Counts what one open sale adds to a seller's balance.
fn count(balance: &mut PayoutBalance, sale: &Sale, now: Timestamp) {
    let position = sale.position();
    match sale.status() {
        SaleStatus::Held => {
            let amount = sale.part.net - position.paid;
            balance.held += amount;
            let holds = sale.holds(now);
            // The one that is the seller's to end, or the last to end, counts.
            let reason = first_of(&holds);
            hold_for(balance, reason, amount, sale.payout_on());
        }
        SaleStatus::Due => balance.due += position.balance(),
        SaleStatus::Owed => balance.owed -= position.balance(),
        SaleStatus::Paid | SaleStatus::Reversed => {}
    }
}

/// Of several reasons the one to tell first.
fn first_of(holds: &[HoldReason]) -> HoldReason {
    const FIRST: [HoldReason; 6] = [
        HoldReason::Claim,
        HoldReason::Manual,
        HoldReason::EventOff,
        HoldReason::NotDelivered,
        HoldReason::BeforeEvent,
        HoldReason::ClaimWindow,
    ];
    FIRST.into_iter().find(|it| holds.contains(it)).unwrap_or(HoldReason::ClaimWindow)
}

fn hold_for(
    balance: &mut PayoutBalance,
    reason: HoldReason,
    amount: i64,
    until: Option<Timestamp>,
) {
    match balance.held_for.iter_mut().find(|it| it.reason == reason) {
        Some(known) => {
            known.amount += amount;
            known.count += 1;
            known.next_on = known.next_on.into_iter().chain(until).min();
        }
        None => balance.held_for.push(HeldFor { reason, amount, count: 1, next_on: until }),
    }
}
