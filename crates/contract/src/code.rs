//! The table of error codes: the stable word a program can switch on, its HTTP status and its title.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $word:literal $title:literal;)+) => {
        /// A stable word for what went wrong. New ones may come; none changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word, in `snake_case`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The HTTP status it always comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// A short summary for people, the same for every occurrence (RFC 9457, `title`).
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    /// One or more fields of the body, the query or the path are wrong; `errors` names each.
    ValidationFailed = 400 "validation_failed" "Some fields are not valid";
    /// The body is no JSON.
    MalformedJson = 400 "malformed_json" "The body is not valid JSON";
    /// The request breaks HTTP itself: it names no host, or two.
    MalformedRequest = 400 "malformed_request" "The request is not valid HTTP";
    /// The webhook's signature does not fit its body.
    BadSignature = 400 "bad_signature" "The signature is not valid";
    /// The token of a mailed link was used, is too old, or never was one.
    TokenInvalid = 400 "token_invalid" "The link is not valid any more";
    /// No session, or one that has ended.
    NotSignedIn = 401 "not_signed_in" "Sign in first";
    /// The email or the password is wrong; which one is not told.
    BadCredentials = 401 "bad_credentials" "The email or the password is wrong";
    /// The password is right, and the account has a second factor: send `code` too.
    SecondFactorRequired = 401 "second_factor_required" "The code of the second factor is missing";
    /// The card was declined; `declineCode` says why where the bank tells.
    CardDeclined = 402 "card_declined" "The card was declined";
    /// The thing is public, and somebody else's.
    NotOwner = 403 "not_owner" "Only its owner may do this";
    /// An access token asked for what only somebody who logged in may do.
    SessionRequired = 403 "session_required" "Log in for this: an access token may not do it";
    /// The access token may only look.
    InsufficientScope = 403 "insufficient_scope" "This access token may only read";
    /// The seller's email address is not verified, which this market asks for.
    EmailUnverified = 403 "email_unverified" "Verify your email address first";
    /// A browser sent a signed-in request from another site's page.
    CrossOrigin = 403 "cross_origin" "Requests from other sites are refused";
    /// Nothing is there, or nothing the caller may know of.
    NotFound = 404 "not_found" "Not found";
    /// The route exists, with other methods.
    MethodNotAllowed = 405 "method_not_allowed" "This method is not allowed here";
    /// The request did not arrive in time.
    RequestTimeout = 408 "request_timeout" "The request took too long to arrive";
    /// An account with this email exists.
    EmailTaken = 409 "email_taken" "This email has an account already";
    /// The account has a second factor: take it away before another is set up.
    SecondFactorOn = 409 "second_factor_on" "The second factor is on already";
    /// The caller has sold tickets that are not delivered, or whose money is not settled.
    OpenSales = 409 "open_sales" "You have sales that are not settled";
    /// A checkout holds the ticket.
    TicketLocked = 409 "ticket_locked" "The ticket is in somebody's checkout";
    /// It is somebody else's turn in line to buy the ticket.
    TicketReserved = 409 "ticket_reserved" "The ticket is reserved for the next in line";
    /// Nobody holds the ticket: it can be bought without waiting in line.
    TicketAvailable = 409 "ticket_available" "The ticket can be bought now";
    /// The caller's own checkout holds the ticket.
    OwnCheckout = 409 "own_checkout" "The ticket is in your own checkout";
    /// As many wait in line for the ticket as may.
    QueueFull = 409 "queue_full" "The line for this ticket is full";
    /// The ticket is sold.
    TicketSold = 409 "ticket_sold" "The ticket is sold";
    /// The ticket is no longer offered.
    TicketWithdrawn = 409 "ticket_withdrawn" "The ticket is no longer offered";
    /// A seat of it is in another listing of that event, or somebody else has bought it.
    SeatsListed = 409 "seats_listed" "The seats are listed already";
    /// A code of the file, or the file itself, is in another listing that is on sale or sold, or somebody else has bought it.
    CodeListed = 409 "code_listed" "The ticket in this file is listed already";
    /// Another listing of the seller's that is on sale has this `externalId`.
    ExternalIdTaken = 409 "external_id_taken" "Another of your listings has this external id";
    /// A seller cannot buy what they sell.
    OwnTicket = 409 "own_ticket" "This is your own ticket";
    /// The event is over, or does not take place: nothing of it is listed or bought.
    EventOver = 409 "event_over" "The event is over";
    /// The price is no longer the one the buyer saw.
    PriceChanged = 409 "price_changed" "The price has changed";
    /// The order awaits its money, or a payment for it is under way.
    PaymentInProgress = 409 "payment_in_progress" "A payment for this order is in progress";
    /// The order is paid for.
    OrderCompleted = 409 "order_completed" "The order is completed";
    /// The checkout ran out before it was paid.
    OrderExpired = 409 "order_expired" "The checkout has expired";
    /// The seller has not delivered yet.
    NotSent = 409 "not_sent" "The ticket was not sent yet";
    /// The time to deliver is not over, or the ticket was sent.
    NotLate = 409 "not_late" "The delivery is not late";
    /// The buyer has the ticket, or the money back.
    DeliveryEnded = 409 "delivery_ended" "The delivery is over";
    /// It is too late to claim, or the money was given back.
    ClaimsClosed = 409 "claims_closed" "Nothing can be claimed for this order any more";
    /// There is a claim about this order.
    ClaimExists = 409 "claim_exists" "You have claimed already";
    /// The claim was answered or decided before.
    ClaimAnswered = 409 "claim_answered" "The claim was answered already";
    /// The order was cancelled.
    OrderCancelled = 409 "order_cancelled" "The order is cancelled";
    /// The user has as many alerts as one may have.
    TooManyAlerts = 409 "too_many_alerts" "You have too many alerts";
    /// The user has as many webhooks as one may have.
    TooManyWebhooks = 409 "too_many_webhooks" "You have too many webhooks";
    /// Browser payments need Stripe; the sandbox is paid with `POST /api/payments`.
    Sandbox = 409 "sandbox" "The sandbox takes payments directly";
    /// A request with this `Idempotency-Key` is being worked on.
    IdempotencyKeyInUse = 409 "idempotency_key_in_use" "A request with this idempotency key is in progress";
    /// Others changed the thing at the same moment, again and again.
    Contended = 409 "contended" "Too many changes at the same moment";
    /// `If-Match` names another version than the present one.
    VersionMismatch = 412 "version_mismatch" "It was changed in the meantime";
    /// The body is larger than the route takes.
    BodyTooLarge = 413 "body_too_large" "The body is too large";
    /// The body is no `application/json`.
    UnsupportedMediaType = 415 "unsupported_media_type" "Send application/json";
    /// The same `Idempotency-Key` came with another request.
    IdempotencyKeyReused = 422 "idempotency_key_reused" "This idempotency key belongs to another request";
    /// Too many tries; `Retry-After` says when to come back.
    TooManyRequests = 429 "too_many_requests" "Too many requests";
    /// The buyer is in as many checkouts as one may be in at once, or let too many of them run out.
    TooManyHolds = 429 "too_many_holds" "You are in too many checkouts";
    /// A fault of ours. It is logged with the request's id.
    Internal = 500 "internal" "Something went wrong on our side";
    /// A dependency is down or too slow; nothing is lost, `Retry-After` says when to try again.
    Unavailable = 503 "unavailable" "Temporarily unavailable";
    /// The payment provider does not answer; nothing was charged.
    PaymentProviderUnavailable = 503 "payment_provider_unavailable" "The payment provider does not answer";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_code_is_what_serde_writes() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.word()));
        }
    }
}
