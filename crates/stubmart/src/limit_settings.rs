//! What an operator limits, so that nobody shuts the market to others.

use std::time::Duration;

use crate::{
    server::Each,
    setting_kinds::{AGE, SWITCH},
    settings::{Kind, Settings},
};

/// What is limited by account and by address; an IPv6 network of 64 bits counts as one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether anything is.
    pub are_on: bool,
    /// In how many checkouts a buyer may be at once.
    pub max_holds: u32,
    /// How many cards of one account may be declined in an hour.
    pub max_declines: u32,
    /// How many tickets a new account may list in a day.
    pub max_new_listings: u32,
    /// How many events a new account may add in a day.
    pub max_new_events: u32,
    /// How long an account counts as new, unless its address is verified.
    pub new_account_age: Duration,
    /// How many accounts one address may open in a day.
    pub max_accounts: u32,
    /// How many connections one address may have open.
    pub max_connections: u32,
    /// How many live streams one address may have open.
    pub max_streams: u32,
    /// How many requests one address may make in a second.
    pub max_requests: u32,
}

impl Limits {
    /// Defines and reads the settings.
    pub(crate) fn read(it: &mut Settings) -> Self {
        Self {
            are_on: it.get(
                "rate-limits",
                "All the limits by account and address: on, or off for load tests",
                &SWITCH,
                true,
            ),
            max_holds: it.get(
                "max-holds",
                "In how many checkouts a buyer may be at once",
                &COUNT,
                3,
            ),
            max_declines: it.get(
                "max-declines",
                "How many cards of one account may be declined in an hour",
                &COUNT,
                10,
            ),
            max_new_listings: it.get(
                "max-new-listings",
                "How many tickets a new account may list in a day; 250 times as many later",
                &COUNT,
                200,
            ),
            max_new_events: it.get(
                "max-new-events",
                "How many events a new account may add in a day; 250 times as many later",
                &COUNT,
                20,
            ),
            new_account_age: it.get(
                "new-account-age",
                "How long an account counts as new, unless its email address is verified",
                &AGE,
                Duration::from_secs(7 * 24 * 3600),
            ),
            max_accounts: it.get(
                "max-accounts-per-address",
                "How many accounts one address may open in a day",
                &COUNT,
                100,
            ),
            max_connections: it.get(
                "max-connections-per-address",
                "How many connections one address may have open, unless a proxy is trusted",
                &COUNT,
                512,
            ),
            max_streams: it.get(
                "max-streams-per-address",
                "How many live streams one address may have open",
                &COUNT,
                128,
            ),
            max_requests: it.get(
                "max-requests-per-address",
                "How many requests one address may make in a second; those of ten seconds at once",
                &COUNT,
                200,
            ),
        }
    }

    /// What one address may have open, and ask. Behind a trusted proxy all connections come from its address.
    pub(crate) fn each(&self, trust_proxy: bool) -> Each {
        let open = |most: u32, applies: bool| {
            if applies { usize::try_from(most).unwrap_or(usize::MAX) } else { usize::MAX }
        };
        Each {
            connections: open(self.max_connections, self.are_on && !trust_proxy),
            streams: open(self.max_streams, self.are_on),
            requests: self.are_on.then_some(self.max_requests),
        }
    }
}

const COUNT: Kind<u32> = Kind { value: "NUMBER", parse: count, show: ToString::to_string };

/// A number of things that there may be.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let parsed = text.parse().ok().filter(|it| (1..=1_000_000).contains(it));
    parsed.ok_or_else(|| "must be a number from 1 to 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, settings::Given};

    fn limits(given: &[(&str, &str)]) -> Limits {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::resolve(given.collect::<Given>()).unwrap().limits
    }

    /// FOUND K: one switch lifts every limit; none is left over.
    #[test]
    fn the_switch_lifts_every_limit_of_an_address() {
        let on = limits(&[("max-requests-per-address", "7")]).each(false);
        assert_eq!(on, Each { connections: 512, streams: 128, requests: Some(7) });
        let off = limits(&[("rate-limits", "off")]).each(false);
        assert_eq!(off, Each { connections: usize::MAX, streams: usize::MAX, requests: None });
        assert_eq!(limits(&[]).each(true).connections, usize::MAX, "they are the proxy's");
    }

    #[test]
    fn a_limit_is_a_number_of_use() {
        for wrong in ["0", "-1", "many", "1000001"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
    }
}
