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
    LoggedIn "logged-in" Good "You’re logged in.";
    EmailVerified "email-verified" Good "Thanks, your email address is confirmed.";
    MailSent "mail-sent" Good "Check your inbox: we’ve sent you a link.";
    PasswordSet "password-set" Good "Your new password is set. Log in with it.";
    LoggedOut "logged-out" Good "You’re logged out.";
    Listed "listed" Good "# on sale.";
    PriceWaits "price-waits" Good "A buyer has this ticket right now. Your new price counts if they don’t buy it.";
    PriceChanged "price-changed" Good "Your new price is live.";
    PricesChanged "prices-changed" Good "New prices are live for #.";
    PricesChangedBefore "prices-changed-before" Good "Those new prices are live already.";
    NothingPicked "nothing-picked" Bad "Select the listings whose prices you want to change.";
    TicketSaved "ticket-saved" Good "Saved. Your changes are live.";
    Withdrawn "withdrawn" Good "Your listing is off sale.";
    EventThere "event-there" Good "Great. Now tell us about your seats.";
    ProfileSaved "profile-saved" Good "Saved.";
    PasswordSaved "password-saved" Good "Your password is changed. We’ve logged you out everywhere else.";
    TwoStepOff "two-step-off" Good "Two-step login is off.";
    SessionEnded "session-ended" Good "Logged out on that device.";
    TokenRevoked "token-revoked" Good "That token no longer works.";
    WebhookPinged "webhook-pinged" Good "The test is on its way. Reload in a moment to see the answer.";
    WebhookOn "webhook-on" Good "This webhook is on.";
    WebhookOff "webhook-off" Good "This webhook is off.";
    WebhookReplayed "webhook-replayed" Good "On its way again.";
    WebhookDeleted "webhook-deleted" Good "That webhook is deleted.";
    AccountDeleted "account-deleted" Good "Your account and your personal data are deleted. Take care.";
    Held "held" Good "You’re in, and the ticket is yours to buy. Take your time.";
    Left "left" Good "You left checkout. You weren’t charged, and the ticket is back on sale.";
    AlertMade "alert-made" Good "Done. We’ll email you when tickets like these go on sale.";
    AlertEnded "alert-ended" Good "This alert is off.";
    LineJoined "line-joined" Good "You’re in line. We’ll email you when it’s your turn.";
    LineLeft "line-left" Good "You’re not in line any more.";
    LineFull "line-full" Bad "Five people are in line already. Set an alert, and we’ll email you about other tickets.";
    LineFree "line-free" Good "The ticket is free: you can buy it now.";
    BuyReserved "buy-reserved" Bad "Someone in line has this ticket to themselves for three minutes. Get in line, and you may be next.";
    BuyLocked "buy-locked" Bad "Someone else is buying this ticket right now. If they change their mind, it’s yours.";
    BuySold "buy-sold" Bad "Sorry, this ticket was just sold.";
    BuyWithdrawn "buy-withdrawn" Bad "Sorry, the seller took this ticket off sale.";
    BuyRunning "buy-running" Good "One moment, we’re opening your checkout.";
    BuyOwn "buy-own" Bad "This is your own listing, so you can’t buy it.";
    BuyPrice "buy-price" Bad "The seller just changed the price. Check the new one before you buy.";
    EditLocked "edit-locked" Bad "A buyer is paying for this ticket, so you can’t change it right now. Nothing changed.";
    EditSold "edit-sold" Bad "This ticket is sold, so you can’t change it.";
    EditStale "edit-stale" Bad "This listing changed while you were editing, so we didn’t save. Here’s how it looks now.";
    EditGone "edit-gone" Bad "This listing is off sale, so you can’t change it.";
    PayExpired "pay-expired" Bad "Time ran out before you paid. You weren’t charged.";
    PayEnded "pay-ended" Bad "This checkout ended before you paid. You weren’t charged.";
    PayRunning "pay-running" Bad "Your payment is already going through. You won’t be charged twice.";
    PayLate "pay-late" Bad "Your payment is taking longer than usual. This page keeps you posted, and you won’t be charged twice.";
    PayProvider "pay-provider" Bad "Our payment provider isn’t responding. You weren’t charged, and the ticket is still held for you.";
    PayMethod "pay-method" Bad "Choose a card to pay with.";
    PayMethodUnknown "pay-method-unknown" Bad "We can’t use that card. You weren’t charged. Choose another one.";
    TicketSent "ticket-sent" Good "Thanks. We’ve told the buyer.";
    FileKept "file-kept" Good "Got it. Here’s what we read. Your buyer gets it the moment they’ve paid.";
    TicketAccepted "ticket-accepted" Good "Great. Enjoy the show!";
    Waiting "waiting" Good "We’ll email you when your ticket comes. You can still change your mind.";
    MoneyBack "money-back" Good "Your money is on its way back to your card.";
    DeliveryMoved "delivery-moved" Bad "Something happened in the meantime. Here’s how it looks now.";
    Claimed "claimed" Good "Thanks for telling us. We hold the seller’s money and ask for their side.";
    ClaimExists "claim-exists" Bad "You’ve told us already. Here’s where it stands.";
    ClaimsClosed "claims-closed" Bad "It’s too late for this order: five days after the event, it’s settled.";
    Answered "answered" Good "Thanks. We’ll look at both sides and decide.";
    AnswerEmpty "answer-empty" Bad "Write what happened from your side, then send it.";
    LeaveLate "leave-late" Bad "Your payment is already going through, so you can’t cancel this order.";
    Slow "slow" Bad "That’s a bit fast for us. Wait a moment and try again.";
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
