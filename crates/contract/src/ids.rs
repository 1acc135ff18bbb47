//! One type for each kind of id, so that an order's id can never be passed for a ticket's.
//!
//! Clients see opaque strings. They are `UUIDv7` (RFC 9562), so that ids made later sort later.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::text;

/// A text that is no id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::parse(deserializer)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Takes the hyphenated form that [`fmt::Display`] writes, in either case, and no other.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    )+};
}

id! {
    /// Names a user for ever, also after the account is deleted.
    UserId;
    /// Names a session or an access token. It is not the secret that opens it.
    SessionId;
    /// Names an event: the show that tickets are for.
    EventId;
    /// Names a ticket: one lot of seats, bought whole.
    TicketId;
    /// Names an order: one checkout of one ticket by one buyer.
    OrderId;
    /// Names the delivery of an order.
    DeliveryId;
    /// Names a claim of a buyer.
    ClaimId;
    /// Names the money of a completed order on its way to the seller.
    SaleId;
    /// Names a payout: what one seller was paid at once.
    PayoutId;
    /// Names a charge: one attempt to pay for an order.
    ChargeId;
    /// Names a refund: money of a charge that is given back, all of it or a part.
    RefundId;
    /// Names a webhook: where one user's events are sent to.
    WebhookId;
    /// Names an event in one user's feed. It is the same in every delivery.
    WebhookEventId;
    /// Names the delivery of one event to one webhook.
    WebhookDeliveryId;
    /// Names an alert: which tickets somebody wants to hear about.
    AlertId;
    /// Names a domain event's envelope. A message that is delivered twice has one id.
    MessageId;
}

/// The digits of order numbers: no I, L, O or U, which are misread (Crockford's base 32).
const DIGITS: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J',
    'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

impl OrderId {
    /// The order's number, for people to read out and type: twelve digits of base 32 in groups of four,
    /// such as `3F7K-9QWM-2XTB`.
    ///
    /// These are the last 60 bits of the id, all of them random in a `UUIDv7`: among ten million orders
    /// the chance that any two have one number is 1 in 20,000. So no counter is needed, and nobody reads
    /// from a number how many orders there are.
    #[must_use]
    pub fn number(self) -> String {
        let digit = |at: u32| {
            let place = usize::try_from((self.0.as_u128() >> (5 * at)) & 31).unwrap_or(0);
            DIGITS.get(place).copied().unwrap_or('0')
        };
        let group = |last: u32| (last..last + 4).rev().map(digit).collect::<String>();
        [8, 4, 0].map(group).join("-")
    }
}

impl DeliveryId {
    /// What the id of a delivery differs by from that of its order: "delive", in the last 48 bits.
    const OF_ORDER: u128 = 0x6465_6c69_7665;

    /// The id of the delivery of this order. The two differ, because each names a history of its own.
    #[must_use]
    pub const fn of(order: OrderId) -> Self {
        Self(Uuid::from_u128(order.0.as_u128() ^ Self::OF_ORDER))
    }

    /// The order that is delivered.
    #[must_use]
    pub const fn order(self) -> OrderId {
        OrderId(Uuid::from_u128(self.0.as_u128() ^ Self::OF_ORDER))
    }
}

impl SaleId {
    /// What the id of a sale differs by from that of its order: "sale", in the last 48 bits.
    const OF_ORDER: u128 = 0x7361_6c65_0000;

    /// The id of the sale of this order. The two differ, because each names a history of its own.
    #[must_use]
    pub const fn of(order: OrderId) -> Self {
        Self(Uuid::from_u128(order.0.as_u128() ^ Self::OF_ORDER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_is_the_end_of_its_id_in_base_32() {
        let number = |id| OrderId(Uuid::from_u128(id)).number();
        assert_eq!(number(0), "0000-0000-0000");
        assert_eq!(number(31), "0000-0000-000Z");
        assert_eq!(number(1 << 55), "1000-0000-0000");
        assert_eq!(number(u128::MAX), "ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(number((1 << 60) + 18), "0000-0000-000J");
    }

    #[test]
    fn a_delivery_has_another_id_than_its_order_and_knows_it() {
        let order = OrderId(Uuid::from_u128(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab));
        let delivery = DeliveryId::of(order);
        assert_ne!(delivery.0, order.0);
        assert_eq!(delivery.order(), order);
        assert_eq!(delivery.0.get_version_num(), 7);
    }

    #[test]
    fn an_id_reads_back_what_it_writes_and_refuses_other_spellings() {
        let id = TicketId(Uuid::from_u128(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab));
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "x", "0192f0c123457abc8def0123456789ab", "{0192f0c1-2345-7abc-8def-0123456789ab}"]
        {
            assert_eq!(wrong.parse::<TicketId>(), Err(InvalidId), "{wrong:?}");
        }
    }
}
