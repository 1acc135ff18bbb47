//! Finding an event.

use stubmart_browser::{Browser, Look, Market};

use crate::clean;

/// Results follow what is typed and chosen, and the address can be shared.
#[tokio::test]
async fn results_follow_what_is_typed_and_the_address_can_be_shared() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let storm = seller.add_event("Quiet Storm").await;
    seller.add_event("Paper Lanterns").await;
    seller.list(&storm, "102", 9000).await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.go("/events").await;
    browser.sees(".found", "Paper Lanterns").await;
    browser.fill("#q", "storn").await;
    browser.sees(".found h1", "Results for “storn”").await;
    browser.sees(".found", "Quiet Storm").await;
    assert!(!browser.has(".stub:nth-of-type(2)").await);
    browser.fill("#f-max", "40").await;
    browser.sees(".found", "No events found").await;
    // Results follow each key: those for 4 say the same.
    browser.sees(".empty .chips", "up to 40").await;
    let address = browser.driver().current_url().await.unwrap();
    assert_eq!(address.query(), Some("q=storn&max=40&sort=date"));

    // Another visitor gets the same by the address, and what to leave out.
    let other = Browser::open(&market, Look::DESK).await;
    other.driver().goto(address.as_str()).await.unwrap();
    other.sees(".empty", "No events found").await;
    other.sees(".empty .chips", "up to 40").await;
    other.click(".empty .chips a[href='/events?q=storn']").await;
    other.sees(".found", "Quiet Storm").await;
    clean(&browser).await;
    clean(&other).await;
}
