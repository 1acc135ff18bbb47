//! What is known of a seller, to be shown with the listings.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Timestamp, UserId,
    api::{self, SellerLevel},
    calls::Profile,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Key},
};

/// Where it is kept.
pub(crate) static SELLERS: Collection = Collection { name: "tickets.seller", indexes: &[] };

/// So many sales make a seller a trusted one.
const TRUSTED: u32 = 10;

/// What is known of a seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seller {
    pub(crate) id: UserId,
    /// As auth has told it last.
    #[serde(default)]
    pub(crate) profile: Option<Profile>,
    /// The account is deleted: nothing is shown of it from then on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_closed: bool,
    /// How many listings were sold.
    #[serde(default)]
    pub(crate) sold: u32,
}

/// News of a seller. They may come twice, late, and in any order.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) seller: UserId,
    pub(crate) news: News,
}

/// What is new.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// The account was so, at its version.
    Profile(Profile),
    /// The account is deleted.
    Closed,
    /// At least so many listings were sold. What is sold stays sold, so the highest number is the newest.
    Sold(u32),
}

impl Aggregate for Seller {
    type Id = UserId;
    type Command = Command;
    type Refusal = Infallible;

    fn id(&self) -> UserId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        Command { seller, news }: &Command,
        _: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        let unknown = Self { id: *seller, profile: None, is_closed: false, sold: 0 };
        let before = current.cloned().unwrap_or(unknown);
        let known = before.profile.as_ref().map_or(0, |it| it.version);
        let after = match news {
            News::Profile(profile) if !before.is_closed && profile.version >= known => {
                Self { profile: Some(profile.clone()), ..before }
            }
            News::Profile(_) => before,
            News::Closed => Self { profile: None, is_closed: true, ..before },
            News::Sold(sold) => Self { sold: before.sold.max(*sold), ..before },
        };
        Ok(if current == Some(&after) { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Seller {
    /// What buyers see; `None` as long as auth has told nothing.
    pub(crate) fn shown(self) -> Option<api::Seller> {
        let level = match (&self.profile, self.sold) {
            _ if self.is_closed => SellerLevel::Closed,
            (None, _) => return None,
            (Some(_), TRUSTED..) => SellerLevel::Trusted,
            (Some(profile), _) if profile.email_verified => SellerLevel::Verified,
            (Some(_), _) => SellerLevel::New,
        };
        let (since, name) = self.profile.map(|it| (it.since, it.name)).unzip();
        Some(api::Seller { name: name.flatten(), since, sold: self.sold, level })
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::UserId;
    use uuid::Uuid;

    use super::*;

    const ADA: UserId = UserId(Uuid::from_u128(1));

    fn profile(version: u64, name: &str) -> News {
        News::Profile(Profile {
            version,
            name: Some(name.to_owned()),
            since: Timestamp::from_millis(0),
            email_verified: version > 1,
        })
    }

    fn after(news: &[News]) -> Seller {
        let mut seller: Option<Seller> = None;
        for news in news {
            let command = Command { seller: ADA, news: news.clone() };
            let now = Timestamp::from_millis(0);
            if let Decision::Changed { state, event } =
                Seller::decide(seller.as_ref(), &command, now).unwrap()
            {
                assert_eq!(event, None, "what is shown of a seller is nobody else's business");
                seller = Some(state);
            }
        }
        seller.unwrap()
    }

    /// EVT-1: news may come twice, late and in any order; all orders lead to the same.
    #[test]
    fn news_of_a_seller_lead_to_the_same_in_every_order() {
        let news = [profile(1, "Ada"), profile(2, "Countess"), News::Sold(1), News::Sold(2)];
        let expected = after(&news);
        assert_eq!(expected.profile.as_ref().unwrap().name.as_deref(), Some("Countess"));
        assert_eq!(expected.sold, 2);
        for first in 0..4 {
            for second in 0..4 {
                for third in 0..4 {
                    let mut order = vec![first, second, third];
                    order.extend(0..4);
                    order.extend([first, second]);
                    let order: Vec<_> = order.into_iter().map(|it| news[it].clone()).collect();
                    assert_eq!(after(&order), expected, "{order:?}");
                }
            }
        }
    }

    #[test]
    fn a_closed_account_shows_nothing_but_its_sales_whatever_comes_late() {
        let late = [profile(1, "Ada"), News::Sold(3), News::Closed, profile(9, "Late")];
        let shown = after(&late).shown().unwrap();
        let closed = SellerLevel::Closed;
        assert_eq!(shown, api::Seller { name: None, since: None, sold: 3, level: closed });
        assert!(!serde_json::to_string(&after(&late)).unwrap().contains("Ada"));
    }

    #[test]
    fn the_level_goes_by_sales_and_by_the_address() {
        for (version, sold, level) in [
            (1, 0, SellerLevel::New),
            (1, 9, SellerLevel::New),
            (2, 0, SellerLevel::Verified),
            (2, 9, SellerLevel::Verified),
            (1, 10, SellerLevel::Trusted),
            (2, 11, SellerLevel::Trusted),
        ] {
            let seller = after(&[profile(version, "Ada"), News::Sold(sold)]);
            assert_eq!(seller.shown().unwrap().level, level, "{version} {sold}");
        }
        assert_eq!(after(&[News::Sold(1)]).shown(), None, "auth has told nothing yet");
    }
}
