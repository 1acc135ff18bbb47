//! English.

use crate::texts::{Text, Texts};

const NOT_YOU: &str =
    "If this was not you, set a new password at once and tell the people who run this marketplace.";

pub(crate) static TEXTS: Texts = Texts {
    hello: "Hello {name},",
    hello_you: "Hello,",
    or_open: "Or open this address in your browser:",
    footer: "You get this mail because you have an account at Stubmart, {market}.",
    moment: "{day} {month} {year}, {time} UTC",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    decimal: ".",
    section: "section",
    row: "row",
    seats: "seats",
    do_transfer: "transfer it to the buyer in the issuer’s app. The address is on the page of the sale.",
    do_link: "give the buyer the link that opens it, on the page of the sale.",
    do_paper: "send it to the buyer, and tell us on the page of the sale how.",
    do_file: "upload its file on the page of the sale. If you’ve uploaded it already, the buyer has it and you’re \
              done.",
    one_ticket: "one ticket",
    tickets: "{n} tickets",
    stop: "Stop this alert",
    verify_email: Text {
        subject: "Confirm your email address",
        says: &[
            "please confirm that this address is yours. The link works once, for 24 hours.",
            "If you did not sign up with it, there is nothing to do. If you want the account that uses \
             your address, set a new password for it: then it is yours.",
        ],
        button: Some("Confirm this address"),
    },
    reset_password: Text {
        subject: "Set a new password",
        says: &[
            "somebody, probably you, asked for a new password for your Stubmart account. The link works \
             once, for 30 minutes. It signs you out everywhere.",
            "If it was not you, there is nothing to do: your password stays as it is.",
        ],
        button: Some("Set a new password"),
    },
    email_changed: Text {
        subject: "The email address of your Stubmart account was changed",
        says: &[
            "the email address of your Stubmart account was changed on {at}. From now on mail goes to \
             the new address, and you sign in with it.",
            "If this was not you, tell the people who run this marketplace at once.",
        ],
        button: None,
    },
    password_changed: Text {
        subject: "The password of your Stubmart account was changed",
        says: &[
            "the password of your Stubmart account was changed on {at}. Every other browser that was \
             signed in is signed out.",
            NOT_YOU,
        ],
        button: None,
    },
    token_created: Text {
        subject: "An access token was made for your Stubmart account",
        says: &[
            "an access token was made for your Stubmart account on {at}. Whoever has it can act for you \
             until you revoke it.",
            NOT_YOU,
        ],
        button: None,
    },
    account_deleted: Text {
        subject: "Your Stubmart account was deleted",
        says: &[
            "your Stubmart account was deleted on {at}. Your listings are withdrawn, your open orders \
             are cancelled, and what was known of you is erased.",
            "If this was not you, tell the people who run this marketplace at once.",
        ],
        button: None,
    },
    new_device: Text {
        subject: "A new device is logged in to your Stubmart account",
        says: &[
            "on {at} somebody logged in to your Stubmart account from a device or a place that was not \
             seen before.",
            NOT_YOU,
        ],
        button: None,
    },
    second_factor_on: Text {
        subject: "Two-step login is on for your Stubmart account",
        says: &[
            "since {at} logging in to your Stubmart account asks for a code of your app. Keep the recovery \
             codes in a safe place.",
            NOT_YOU,
        ],
        button: None,
    },
    second_factor_off: Text {
        subject: "Two-step login is off for your Stubmart account",
        says: &["since {at} the password alone opens your Stubmart account.", NOT_YOU],
        button: None,
    },
    order_completed: Text {
        subject: "Your order: {title}",
        says: &[
            "thank you, your order is complete: {ticket}.",
            "You paid {sum} in all. Keep this mail as your receipt.",
        ],
        button: Some("Show the order"),
    },
    ticket_sold: Text {
        subject: "Sold: {title}",
        says: &[
            "your ticket is sold: {ticket}.",
            "You asked {sum} for it. You get {net}.",
            "To do by {by}: {how}",
        ],
        button: Some("Deliver the ticket"),
    },
    deliver_soon: Text {
        subject: "Your buyer waits for {title}",
        says: &[
            "you sold {ticket}, and the buyer does not have it yet.",
            "To do by {by}: {how}",
            "After that the ticket is late, and the buyer may take the money back.",
        ],
        button: Some("Deliver the ticket"),
    },
    deliver_late: Text {
        subject: "You are late: {title}",
        says: &[
            "you sold {ticket}, and the time to deliver it is over.",
            "Deliver it now. Until you do, the buyer may take the money back, and you get nothing.",
        ],
        button: Some("Deliver the ticket"),
    },
    delivery_late: Text {
        subject: "Your ticket is late: {title}",
        says: &[
            "the seller has not delivered your ticket in time: {ticket}.",
            "You decide: wait for it, or take all of your money back. You may take it back as long as the \
             ticket has not come. If it never comes, you get it back by itself.",
        ],
        button: Some("Wait or take the money back"),
    },
    ticket_sent: Text {
        subject: "Your ticket is here: {title}",
        says: &[
            "the seller has sent your ticket: {ticket}.",
            "Look whether it came and is what you bought. The page of your order says how.",
        ],
        button: Some("Show the ticket"),
    },
    sale_cancelled: Text {
        subject: "Your sale was canceled: {title}",
        says: &[
            "the buyer of {ticket} got the money back. You get nothing for this sale.",
            "Do not deliver the ticket any more.",
        ],
        button: None,
    },
    claim_opened: Text {
        subject: "Your buyer has a complaint: order {order}",
        says: &[
            "the buyer of order {order} says that something was wrong with the ticket. We hold your money \
             until it is decided.",
            "Tell us your side by {by}. If you do not answer, the buyer gets the money back.",
        ],
        button: Some("Read and answer"),
    },
    claim_refunded: Text {
        subject: "Decided: order {order} is paid back",
        says: &[
            "we looked at the complaint about order {order} and decided for the buyer.",
            "The buyer gets all of the money back.",
        ],
        button: None,
    },
    claim_rejected: Text {
        subject: "Decided: order {order} stands",
        says: &[
            "we looked at the complaint about order {order} and decided for the seller.",
            "The sale stands, and the seller is paid.",
        ],
        button: None,
    },
    payment_failed: Text {
        subject: "Your payment failed",
        says: &[
            "your payment of {sum} failed, and the order ended with it. You were not charged.",
            "The ticket is on sale again: you may try once more while it is there.",
        ],
        button: None,
    },
    payment_refunded: Text {
        subject: "Your money was given back",
        says: &[
            "you were given {sum} back, to the card that you paid with. Banks take up to ten days to show it.",
        ],
        button: None,
    },
    webhook_disabled: Text {
        subject: "Your webhook is turned off",
        says: &[
            "for three days nothing that we sent to {url} arrived, so we have turned this webhook off.",
            "Once your receiver works again, turn the webhook back on and have the events of the last days \
             sent once more. We keep them for 30 days.",
        ],
        button: Some("See my webhooks"),
    },
    your_turn: Text {
        subject: "It’s your turn: {title}",
        says: &[
            "the ticket you are in line for is free: {ticket}.",
            "For three minutes nobody else can buy it: until {until}. After that it is the next person’s turn.",
        ],
        button: Some("Buy the ticket"),
    },
    alert_matched: Text {
        subject: "Tickets for {event}",
        says: &[
            "you wanted to know: {count} for {event} can be bought now.",
            "{ticket}. {sum} for each ticket, fees included.",
            "It is not held for you: the first to check out gets it.",
        ],
        button: Some("See the offer"),
    },
};
