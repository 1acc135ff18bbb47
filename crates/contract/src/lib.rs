//! What is said between Stubmart's services, and between Stubmart and its clients.
//!
//! Ids, money, time, domain events with their envelope, the bodies of the public API and the table of
//! error codes. Nothing here does I/O, reads a clock or knows a database.

pub mod actor;
pub mod api;
pub mod calls;
pub mod code;
pub mod context;
pub mod email;
pub mod event;
pub mod fees;
pub mod ids;
pub mod language;
pub mod money;
pub mod names;
pub mod password;
pub mod seats;
pub mod text;
pub mod time;
pub mod zone;

pub use actor::{Actor, RequestId, Role};
pub use code::Code;
pub use context::Context;
pub use email::Email;
pub use event::{DomainEvent, Envelope, EventType};
pub use ids::{
    AlertId, ChargeId, ClaimId, DeliveryId, EventId, MessageId, OrderId, PayoutId, RefundId,
    SaleId, SessionId, TicketId, UserId, WebhookDeliveryId, WebhookEventId, WebhookId,
};
pub use language::Language;
pub use money::{Currency, InvalidAmount, Price};
pub use time::Timestamp;
pub use zone::{DayOrMoment, LocalTime, TimeZone};
