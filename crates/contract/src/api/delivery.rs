//! The delivery of what was bought.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use crate::{
    api::{files::TicketFileKind, orders::OrderTicket},
    ids::{OrderId, TicketId},
    time::Timestamp,
};

/// How a ticket comes to its buyer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// The seller transfers it in the issuer's app, to the buyer's address.
    #[default]
    Transfer,
    /// The seller gives a link that opens it.
    Link,
    /// The seller posts it, or leaves it at the box office.
    Paper,
    /// The seller uploads its file, which the buyer opens here.
    File,
}

impl DeliveryKind {
    /// Its word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Link => "link",
            Self::Paper => "paper",
            Self::File => "file",
        }
    }

    /// Whether it is the kind of a listing that names none.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The seller is to deliver by `deliverBy`.
    Pending,
    /// The seller did not deliver in time. The buyer may wait or take the money back.
    Late,
    /// The seller has sent it; the buyer looks whether it came.
    Sent,
    /// The buyer has it.
    Accepted,
    /// It will not be delivered: the buyer gets or got the money back.
    Cancelled,
}

/// Why a sale is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryCancelReason {
    /// It was late, and the buyer did not want to wait.
    Late,
    /// It never came.
    NeverCame,
    /// The buyer's money was given back.
    Refunded,
}

/// A step of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStepKind {
    /// It was sold.
    Sold,
    /// The event was moved, and the time to deliver with it.
    Moved,
    /// The seller was reminded.
    Reminded,
    /// The time to deliver passed.
    Late,
    /// The buyer chose to wait.
    Waiting,
    /// The seller sent it.
    Sent,
    /// The buyer opened its file for the first time.
    Opened,
    /// The buyer has it.
    Accepted,
    /// It will not be delivered.
    Cancelled,
}

/// What happened to a delivery, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryStep {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: DeliveryStepKind,
}

/// The side of a sale that looks at its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliverySide {
    /// The buyer.
    Buyer,
    /// The seller.
    Seller,
}

/// The delivery of a completed order, as its buyer or its seller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The order.
    pub order_id: OrderId,
    /// The order's number, for people.
    #[schema(example = "3F7K-9QWM-2XTB")]
    pub number: String,
    /// The ticket that was sold.
    pub ticket_id: TicketId,
    /// What was sold, as it was at the sale.
    pub ticket: OrderTicket,
    /// Which side of the sale the caller is.
    pub side: DeliverySide,
    /// How it comes to the buyer.
    pub kind: DeliveryKind,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// By when the seller is to deliver.
    pub deliver_by: Timestamp,
    /// The buyer chose to wait for a late one.
    pub is_awaited: bool,
    /// Why it is not delivered.
    pub cancel_reason: Option<DeliveryCancelReason>,
    /// Where the seller is to transfer it: the buyer's address. For the seller alone, until it is sent.
    pub transfer_to: Option<String>,
    /// The link that opens it. For the buyer alone.
    pub link: Option<String>,
    /// How many pages its file has. The buyer opens each at `/api/orders/{id}/files/{n}`.
    pub pages: u32,
    /// What kind of file they are.
    pub file_kind: Option<TicketFileKind>,
    /// What the seller says of it: the issuer's confirmation of a transfer, the number of a parcel.
    pub reference: Option<String>,
    /// What happened, oldest first.
    pub steps: Vec<DeliveryStep>,
}

/// `POST /api/orders/{id}/delivery/send`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendDeliveryRequest {
    /// The link that opens the ticket; a delivery by link needs one. Its buyer alone sees it.
    #[serde(default, deserialize_with = "read_link", skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^https://[A-Za-z0-9][!#-;=?-~]*$", max_length = 2000)]
    pub link: Option<String>,
    /// The issuer's confirmation of the transfer, or the number of the parcel. Both sides see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub reference: Option<String>,
}

/// Reads a link that a page may lead to.
fn read_link<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(link) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let rest = link.strip_prefix("https://").unwrap_or_default();
    let is_link = rest.starts_with(|it: char| it.is_ascii_alphanumeric())
        && rest.bytes().all(|it| it.is_ascii_graphic() && !b"\"<>".contains(&it));
    if is_link { Ok(Some(link)) } else { Err(D::Error::custom("must be an https:// link")) }
}

/// What the buyer of a late ticket wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateChoice {
    /// To wait for it.
    Wait,
    /// The money back.
    Refund,
}

/// `POST /api/orders/{id}/delivery/late`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LateDeliveryRequest {
    /// What the buyer wants.
    pub choice: LateChoice,
}
