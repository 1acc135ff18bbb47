//! What a signed-in visitor has in checkout: shown on every page, so that nobody loses a ticket by looking
//! around.

use std::ops::Deref;

use stubmart_client::{Client, OrderQuery};
use stubmart_contract::api::{Order, OrderStatus, User};

use crate::format::countdown;

/// How many open checkouts are looked at.
const HOLDS_MAX: u32 = 10;

/// The visitor, who is signed in, and what they have in checkout.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    user: User,
    /// The one that runs out first stands first.
    holds: Vec<Hold>,
}

impl Deref for Member {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

/// A ticket that an open checkout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) order_id: String,
    pub(crate) left_ms: u64,
    /// `14:32`.
    pub(crate) left: String,
}

impl Member {
    /// The user of this session and their open checkouts; nothing when the session is dead. A list that
    /// cannot be had is an empty one: no page fails for want of it.
    pub(crate) async fn of(api: &Client) -> Result<Option<Self>, stubmart_client::ClientError> {
        let open = OrderQuery {
            status: Some(OrderStatus::Created),
            limit: Some(HOLDS_MAX),
            ..OrderQuery::default()
        };
        let (user, orders) = tokio::join!(api.current_user(), api.orders(&open));
        let mut orders = orders.map(|page| page.items).unwrap_or_default();
        orders.retain(|order| order.expires_at > order.server_time);
        orders.sort_unstable_by_key(|order| order.expires_at);
        let holds = orders.iter().map(Hold::of).collect();
        Ok(user?.map(|user| Self { user, holds }))
    }

    /// What the visitor holds, apart from what the page at this path is about.
    pub(crate) fn holds(&self, path: &str) -> Vec<&Hold> {
        self.holds.iter().filter(|hold| !path.contains(&hold.order_id)).collect()
    }
}

impl Hold {
    fn of(order: &Order) -> Self {
        let left = order.expires_at.since(order.server_time);
        Self {
            order_id: order.id.to_string(),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            left: countdown(left),
        }
    }
}
