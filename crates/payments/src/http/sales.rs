//! The routes of what sellers get.

use axum::{Json, extract::State};
use serde::Deserialize;
use stubmart_contract::{
    OrderId, Timestamp,
    api::{self, Page, PayoutBalance, SaleStatus},
};
use stubmart_http_kit::{Caller, Paged, PathId, Problem, list::PageParams, problems};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::AppState;
use crate::{payout::Payout, sale::Sale, service::Payments};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_sales))
        .routes(routes!(get_sale))
        .routes(routes!(list_payouts))
        .routes(routes!(get_payout_balance))
}

problems! {
    ListSalesProblems: [ValidationFailed, NotSignedIn];
    GetSaleProblems: [NotSignedIn, NotFound "the caller has no such sale"];
    ListPayoutsProblems: [NotSignedIn];
    GetPayoutBalanceProblems: [NotSignedIn];
}

/// A sale as its seller sees it.
fn public(sale: Sale, now: Timestamp) -> api::Sale {
    let breakdown = sale.breakdown();
    api::Sale {
        order_id: sale.order_id,
        number: sale.order_id.number(),
        ticket_id: sale.ticket_id,
        status: sale.status(),
        price: breakdown.price,
        seller_fee: breakdown.seller_fee,
        seller_net: breakdown.seller_net,
        net: sale.part.net,
        paid: sale.position().paid,
        currency: sale.currency,
        payout_on: sale.payout_on(),
        holds: sale.holds(now),
        delivery_status: sale.delivery.map(|it| it.status),
        deliver_by: sale.delivery.map(|it| it.deliver_by),
        sold_at: sale.sold_at,
        updated_at: sale.updated_at,
        ticket: sale.ticket,
    }
}

fn public_payout(payout: Payout) -> api::Payout {
    let items = payout.to_pay.items.into_iter();
    api::Payout {
        id: payout.to_pay.id,
        amount: payout.to_pay.amount,
        currency: payout.to_pay.currency,
        items: items
            .map(|it| api::PayoutItem {
                order_id: it.order_id,
                number: it.order_id.number(),
                amount: it.amount,
            })
            .collect(),
        reference: payout.reference,
        paid_at: payout.paid_at,
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SaleFilter {
    /// Where the money stands, or in one of several states
    #[param(style = Form, explode = true, min_items = 1)]
    status: Option<Vec<SaleStatus>>,
}

/// Lists what one has sold, newest first.
///
/// A sale is an order that was completed: it says what was sold, by when it is to be delivered, what it brings and
/// when that is paid. It is there a moment after the order was completed.
#[utoipa::path(get, path = "/api/sales", tag = "payouts", params(SaleFilter, PageParams), responses(
    (status = 200, description = "A page of sales", body = Page<api::Sale>), ListSalesProblems,
))]
async fn list_sales(
    State(payments): State<Payments>,
    caller: Caller,
    Paged { filter, page, list }: Paged<SaleFilter>,
) -> Result<Json<Page<api::Sale>>, Problem> {
    let now = payments.host().now();
    let statuses = filter.status.as_deref();
    let page = payments.sales_of(caller.user_id, statuses, &page).await?;
    Ok(Json(list.answer(page, |sale| public(sale, now))))
}

/// One sale, by the id of its order.
#[utoipa::path(get, path = "/api/sales/{id}", tag = "payouts", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The sale", body = api::Sale), GetSaleProblems,
))]
async fn get_sale(
    State(payments): State<Payments>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<api::Sale>, Problem> {
    let sale = payments.sale_of(caller.user_id, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(public(sale.state, payments.host().now())))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NoFilter {}

/// Lists what one was paid, newest first.
#[utoipa::path(get, path = "/api/payouts", tag = "payouts", params(PageParams), responses(
    (status = 200, description = "A page of payouts", body = Page<api::Payout>), ListPayoutsProblems,
))]
async fn list_payouts(
    State(payments): State<Payments>,
    caller: Caller,
    Paged { page, list, .. }: Paged<NoFilter>,
) -> Result<Json<Page<api::Payout>>, Problem> {
    let page = payments.payouts_of(caller.user_id, &page).await?;
    Ok(Json(list.answer(page, public_payout)))
}

/// What one gets: held, due, owed and paid, in each currency.
#[utoipa::path(get, path = "/api/payouts/balance", tag = "payouts", responses(
    (status = 200, description = "One balance for each currency", body = Page<PayoutBalance>), GetPayoutBalanceProblems,
))]
async fn get_payout_balance(
    State(payments): State<Payments>,
    caller: Caller,
) -> Result<Json<Page<PayoutBalance>>, Problem> {
    let items = payments.balance_of(caller.user_id).await?;
    Ok(Json(Page { items, next_cursor: None }))
}
