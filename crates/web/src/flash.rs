//! Messages that survive one redirect.
//!
//! The short-lived cookie carries a word of a closed list and at most one small number, never text. An
//! attacker who plants a cookie can choose one of our sentences but cannot write one.

use axum::http::HeaderValue;
use stubmart_http_kit::cookies;

use crate::format;

const COOKIE: &str = "stubmart_flash";

/// How long a message waits to be shown, in seconds.
const KEPT_SECONDS: u32 = 60;

/// A message for the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flash {
    pub(crate) word: Word,
    pub(crate) number: u32,
}

macro_rules! words {
    ($($name:ident $word:literal $tone:ident $text:literal;)+) => {
        /// The messages. A `#` in a text stands for the number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Word { $($name,)+ }

        impl Word {
            const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            fn tone(self) -> Tone {
                match self { $(Self::$name => Tone::$tone,)+ }
            }

            fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

/// The tone of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
}

words! {
    Welcome "welcome" Good "Welcome to Stubmart. Your account is ready.";
    LoggedIn "logged-in" Good "You are logged in.";
    LoggedOut "logged-out" Good "You are logged out.";
    Listed "listed" Good "# listed. On sale from now on.";
    PriceChanged "price-changed" Good "The new price is live.";
    TicketSaved "ticket-saved" Good "Your changes are live.";
    Withdrawn "withdrawn" Good "The listing is withdrawn. Nobody can buy it any more.";
    EventThere "event-there" Good "The event is set. Now describe your seats.";
    ProfileSaved "profile-saved" Good "Your account is up to date.";
    PasswordSaved "password-saved" Good "Your password is changed. Every other session is signed out.";
    SessionEnded "session-ended" Good "That session is signed out.";
    TokenRevoked "token-revoked" Good "The token is revoked. It opens nothing any more.";
    AccountDeleted "account-deleted" Good "Your account is deleted and your personal data erased.";
    Left "left" Good "You left the checkout. Nothing was charged and the ticket is back on sale.";
    BuyLocked "buy-locked" Bad "Someone else is checking this ticket out right now. It may be free again soon.";
    BuySold "buy-sold" Bad "Sorry, this ticket has just been sold.";
    BuyWithdrawn "buy-withdrawn" Bad "The seller no longer offers this ticket.";
    BuyRunning "buy-running" Good "Your checkout is being set up. You find it here in a moment.";
    BuyOwn "buy-own" Bad "This is your own listing, so you cannot buy it.";
    BuyPrice "buy-price" Bad "The seller changed the price in the meantime. Look at the new price before you buy.";
    EditLocked "edit-locked" Bad "A buyer has this ticket in checkout, so its price cannot change now. Nothing was changed.";
    EditSold "edit-sold" Bad "This ticket is sold, so it can no longer change.";
    EditStale "edit-stale" Bad "The listing changed in the meantime, so nothing was saved. This is how it stands now.";
    EditGone "edit-gone" Bad "This listing is withdrawn, so it can no longer change.";
    PayExpired "pay-expired" Bad "The time for this checkout ran out before you paid. Nothing was charged.";
    PayEnded "pay-ended" Bad "This checkout had ended before you paid. Nothing was charged.";
    PayRunning "pay-running" Bad "A payment for this order is already on its way. You will not be charged twice.";
    PayLate "pay-late" Bad "The answer to your payment is late. This page tells how it stands; you will not be charged twice.";
    PayProvider "pay-provider" Bad "The payment provider does not answer right now. Nothing was charged and the ticket is still yours to pay for.";
    PayMethod "pay-method" Bad "Choose a card to pay with.";
    PayMethodUnknown "pay-method-unknown" Bad "The provider does not know this payment method. Nothing was charged; choose another card.";
    LeaveLate "leave-late" Bad "The payment is already on its way, so this checkout can no longer be cancelled.";
    Slow "slow" Bad "You are going a little fast for us. Wait a moment and try again.";
}

impl Flash {
    /// A message without a number.
    pub(crate) fn new(word: Word) -> Self {
        Self { word, number: 0 }
    }

    /// Reads the cookie's value. Anything but our own words is nothing.
    fn parse(value: &str) -> Option<Self> {
        let (name, number) = value.split_once('.')?;
        let word = *Word::ALL.iter().find(|word| word.word() == name)?;
        Some(Self { word, number: number.parse().ok()? })
    }

    /// The message that the visitor's cookie carries.
    pub(crate) fn read(headers: &axum::http::HeaderMap) -> Option<Self> {
        cookies::values(headers, COOKIE).find_map(Self::parse)
    }

    /// The cookie that carries the message to the next page.
    pub(crate) fn set(self, secure: bool) -> Option<HeaderValue> {
        let value = format!("{}.{}", self.word.word(), self.number);
        cookies::set(COOKIE, &value, KEPT_SECONDS, secure)
    }

    /// The cookie that takes it away once it was shown.
    pub(crate) fn clear(secure: bool) -> Option<HeaderValue> {
        cookies::clear(COOKIE, secure)
    }

    /// The sentence to show.
    pub(crate) fn text(&self) -> String {
        self.word.text().replace('#', &format::count(self.number, "listing", "listings"))
    }

    /// Whether it is bad news.
    pub(crate) fn is_bad(&self) -> bool {
        self.word.tone() == Tone::Bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_are_shown_and_each_reads_back() {
        for word in Word::ALL {
            let flash = Flash { word: *word, number: 3 };
            assert_eq!(Flash::parse(&format!("{}.3", word.word())), Some(flash));
        }
        for wrong in ["", "welcome", "welcome.x", "<b>.1", "Your account was hacked.1"] {
            assert_eq!(Flash::parse(wrong), None, "{wrong}");
        }
    }
}
