//! Who sells, in words.

use stubmart_contract::{
    Timestamp,
    api::{Seller, SellerLevel},
};

use crate::format::When;

/// A seller, as a listing shows them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SellerView {
    /// `Ada`, `Private seller`.
    pub(crate) name: String,
    /// The same in a line: `Sold by Ada`.
    pub(crate) who: String,
    /// `12 sales`, `New seller`.
    pub(crate) record: String,
    /// `On Stubmart since March 2025`, where that is known.
    pub(crate) since: Option<String>,
    /// Whether ten sales or more went well.
    pub(crate) is_trusted: bool,
}

impl SellerView {
    /// Nothing where nothing is known.
    pub(crate) fn new(seller: Option<&Seller>) -> Self {
        let Some(seller) = seller else { return Self::default() };
        let (name, who) = match (&seller.name, seller.level) {
            (_, SellerLevel::Closed) => ("Former member", "Sold by a former member".to_owned()),
            (Some(name), _) => (name.as_str(), format!("Sold by {name}")),
            (None, _) => ("Private seller", "Private seller".to_owned()),
        };
        Self {
            name: name.to_owned(),
            who,
            record: record(seller.sold),
            since: seller.since.map(since),
            is_trusted: seller.level == SellerLevel::Trusted,
        }
    }
}

fn record(sold: u32) -> String {
    match sold {
        0 => "New seller".to_owned(),
        some => crate::format::count(some, "sale", "sales"),
    }
}

fn since(at: Timestamp) -> String {
    let when = When::utc(at);
    format!("On Stubmart since {} {}", when.month, when.year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: Option<&str>, sold: u32, level: SellerLevel) -> SellerView {
        let name = name.map(str::to_owned);
        let since = "2025-03-09T10:00:00Z".parse().ok();
        SellerView::new(Some(&Seller { name, since, sold, level }))
    }

    #[test]
    fn a_seller_is_named_as_they_chose_and_by_what_they_sold() {
        let ada = view(Some("Ada"), 12, SellerLevel::Trusted);
        assert_eq!((ada.who.as_str(), ada.record.as_str()), ("Sold by Ada", "12 sales"));
        assert_eq!(ada.since.as_deref(), Some("On Stubmart since Mar 2025"));
        assert!(ada.is_trusted);
        let nameless = view(None, 0, SellerLevel::New);
        assert_eq!(
            (nameless.who.as_str(), nameless.record.as_str()),
            ("Private seller", "New seller")
        );
        let gone = view(None, 1, SellerLevel::Closed);
        assert_eq!(
            (gone.who.as_str(), gone.record.as_str()),
            ("Sold by a former member", "1 sale")
        );
        assert!(SellerView::new(None).who.is_empty());
    }
}
