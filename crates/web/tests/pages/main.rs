//! Every page over a small API in memory: what is shown, what is asked of the API, and what a hostile
//! visitor cannot do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod account;
mod checkout;
mod delivery;
mod files;
mod payouts;
mod places;
mod safety;
mod selling;
mod shop;
mod support;

use stubmart_contract::EventId;
use support::Fake;

const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";

fn market() -> (Fake, EventId) {
    let fake = Fake::new();
    let event = fake.event(10, "The Paper Lanterns");
    (fake, event)
}
