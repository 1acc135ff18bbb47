//! Typed client of the public API: one method for each route.
//!
//! The same [`Client`] speaks to an API in this process (an axum router, called without a socket) or to
//! one over HTTP/1.1 with kept-alive connections. It knows the public contract only and is what the web
//! pages, the tests and the benches use.
//!
//! ```no_run
//! # async fn example() -> Result<(), stubmart_client::ClientError> {
//! use stubmart_client::Client;
//! use stubmart_contract::api::LoginRequest;
//!
//! let anonymous = Client::http("http://127.0.0.1:8080")?;
//! let login = LoginRequest { email: "ada@example.com".into(), password: "correct horse".into(), code: None };
//! let ada = anonymous.with_session(&anonymous.login(&login).await?.token);
//! let orders = ada.orders(&stubmart_client::OrderQuery::default()).await?;
//! # let _ = orders;
//! # Ok(())
//! # }
//! ```

mod account;
mod alerts;
mod answer;
mod call;
mod delivery;
mod error;
mod inventory;
mod market;
mod payouts;
mod query;
mod session;
pub mod sse;
mod transport;
mod webhooks;

pub use account::SignedIn;
pub use answer::Answer;
pub use call::{Client, Forwarded};
pub use error::{ClientError, Problem, TransportError};
pub use inventory::ImportQuery;
pub use query::{EventQuery, EventSort, OrderQuery, PageQuery, SaleQuery, TicketQuery, TicketSort};
pub use session::{SESSION_COOKIE, SessionToken};
