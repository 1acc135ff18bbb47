//! A letter, and how it is written.

use std::borrow::Cow;

use stubmart_contract::{Currency, Language, Timestamp, api::DeliveryKind};

use crate::{
    languages::texts,
    layout::{self, Sheet},
    texts::{Text, Texts},
};

/// What a mail tells its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The address is to be confirmed.
    VerifyEmail {
        /// The page that does it.
        link: String,
    },
    /// A new password was asked for.
    ResetPassword {
        /// The page that sets one.
        link: String,
    },
    /// The account has another address.
    EmailChanged {
        /// When.
        at: Timestamp,
    },
    /// The account has another password.
    PasswordChanged {
        /// When.
        at: Timestamp,
    },
    /// An access token was made.
    TokenCreated {
        /// When.
        at: Timestamp,
    },
    /// The account was deleted.
    AccountDeleted {
        /// When.
        at: Timestamp,
    },
    /// Somebody logged in from a device that was not seen before.
    NewDevice {
        /// When.
        at: Timestamp,
    },
    /// Logging in asks for a code from now on.
    SecondFactorOn {
        /// Since when.
        at: Timestamp,
    },
    /// Logging in asks for no code any more.
    SecondFactorOff {
        /// Since when.
        at: Timestamp,
    },
    /// The reader's order is complete.
    OrderCompleted {
        /// What was bought.
        ticket: Ticket,
        /// What was paid, in all.
        paid: Sum,
        /// The page of the order.
        link: String,
    },
    /// The reader's ticket is sold.
    TicketSold {
        /// What was sold.
        ticket: Ticket,
        /// What was asked for it.
        price: Sum,
        /// What the seller gets of that.
        net: Sum,
        /// How it comes to its buyer.
        how: DeliveryKind,
        /// By when.
        by: Timestamp,
        /// The page on which the reader delivers it.
        link: String,
    },
    /// The reader has not delivered a ticket that was sold, and has little time left.
    DeliverSoon {
        /// What was sold.
        ticket: Ticket,
        /// How it comes to its buyer.
        how: DeliveryKind,
        /// By when.
        by: Timestamp,
        /// The page on which the reader delivers it.
        link: String,
    },
    /// The reader has not delivered a ticket in time.
    DeliverLate {
        /// What was sold.
        ticket: Ticket,
        /// The page on which the reader delivers it.
        link: String,
    },
    /// The reader's ticket was not delivered in time.
    DeliveryLate {
        /// What was bought.
        ticket: Ticket,
        /// The page of the order.
        link: String,
    },
    /// The reader's ticket was sent.
    TicketSent {
        /// What was bought.
        ticket: Ticket,
        /// The page of the order.
        link: String,
    },
    /// The buyer of the reader's ticket says that something was wrong.
    ClaimOpened {
        /// By when the reader is to answer.
        by: Timestamp,
        /// The order, as people call it.
        order: String,
        /// The page on which the reader answers.
        link: String,
    },
    /// A claim was decided for the buyer, who is the reader or not.
    ClaimRefunded {
        /// The order, as people call it.
        order: String,
    },
    /// A claim was decided for the seller, who is the reader or not.
    ClaimRejected {
        /// The order, as people call it.
        order: String,
    },
    /// The reader's sale ended without a delivery, and the buyer got the money back.
    SaleCancelled {
        /// What was sold.
        ticket: Ticket,
    },
    /// The reader's payment failed, and the order ended with it.
    PaymentFailed {
        /// What was to be paid.
        amount: Sum,
    },
    /// The reader was given money back.
    PaymentRefunded {
        /// How much.
        amount: Sum,
    },
    /// A webhook of the reader was disabled: nothing got through for three days.
    WebhookDisabled {
        /// Its address.
        url: String,
        /// The page of webhooks.
        link: String,
    },
    /// The ticket that the reader waits in line for is free, for the reader alone.
    YourTurn {
        /// What can be bought.
        ticket: Ticket,
        /// Until when.
        until: Timestamp,
        /// The page of the ticket.
        link: String,
    },
    /// A ticket that the reader has an alert for can be bought.
    AlertMatched {
        /// What is on.
        event: String,
        /// What can be bought.
        ticket: Ticket,
        /// How many tickets are in the lot.
        quantity: u32,
        /// What one of them costs, fees included.
        each: Sum,
        /// The page of the ticket.
        link: String,
        /// The page that ends the alert.
        stop: String,
    },
}

/// A ticket, in its seller's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What it is for.
    pub title: String,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row in the section.
    pub row: Option<String>,
    /// Seat names.
    pub seats: Vec<String>,
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// In minor units.
    pub minor: u32,
    /// Its currency.
    pub currency: Currency,
}

/// A message to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter<'a> {
    /// The reader's language.
    pub language: Language,
    /// What to call the reader; may be empty.
    pub name: &'a str,
    /// Where the market is, for the line below the letter.
    pub market: &'a str,
    /// What it says.
    pub message: Message,
}

/// A letter as a mail shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as an HTML page.
    pub html: String,
}

/// What a text's words in braces stand for.
type Words<'a> = &'a [(&'a str, &'a str)];

impl Message {
    fn text(&self, texts: &Texts) -> Text {
        match self {
            Self::VerifyEmail { .. } => texts.verify_email,
            Self::ResetPassword { .. } => texts.reset_password,
            Self::EmailChanged { .. } => texts.email_changed,
            Self::PasswordChanged { .. } => texts.password_changed,
            Self::TokenCreated { .. } => texts.token_created,
            Self::AccountDeleted { .. } => texts.account_deleted,
            Self::NewDevice { .. } => texts.new_device,
            Self::SecondFactorOn { .. } => texts.second_factor_on,
            Self::SecondFactorOff { .. } => texts.second_factor_off,
            Self::OrderCompleted { .. } => texts.order_completed,
            Self::TicketSold { .. } => texts.ticket_sold,
            Self::DeliverSoon { .. } => texts.deliver_soon,
            Self::DeliverLate { .. } => texts.deliver_late,
            Self::DeliveryLate { .. } => texts.delivery_late,
            Self::TicketSent { .. } => texts.ticket_sent,
            Self::SaleCancelled { .. } => texts.sale_cancelled,
            Self::ClaimOpened { .. } => texts.claim_opened,
            Self::ClaimRefunded { .. } => texts.claim_refunded,
            Self::ClaimRejected { .. } => texts.claim_rejected,
            Self::PaymentFailed { .. } => texts.payment_failed,
            Self::PaymentRefunded { .. } => texts.payment_refunded,
            Self::WebhookDisabled { .. } => texts.webhook_disabled,
            Self::YourTurn { .. } => texts.your_turn,
            Self::AlertMatched { .. } => texts.alert_matched,
        }
    }

    fn link(&self) -> Option<&str> {
        match self {
            Self::VerifyEmail { link }
            | Self::ResetPassword { link }
            | Self::OrderCompleted { link, .. }
            | Self::TicketSold { link, .. }
            | Self::DeliverSoon { link, .. }
            | Self::DeliverLate { link, .. }
            | Self::DeliveryLate { link, .. }
            | Self::TicketSent { link, .. }
            | Self::ClaimOpened { link, .. }
            | Self::WebhookDisabled { link, .. }
            | Self::YourTurn { link, .. }
            | Self::AlertMatched { link, .. } => Some(link),
            _ => None,
        }
    }

    /// What the words in braces stand for.
    fn words(&self, texts: &Texts) -> Vec<(&'static str, String)> {
        match self {
            Self::VerifyEmail { .. } | Self::ResetPassword { .. } => Vec::new(),
            Self::EmailChanged { at }
            | Self::PasswordChanged { at }
            | Self::TokenCreated { at }
            | Self::AccountDeleted { at }
            | Self::NewDevice { at }
            | Self::SecondFactorOn { at }
            | Self::SecondFactorOff { at } => vec![("at", moment(texts, *at))],
            Self::OrderCompleted { ticket, paid, .. } => ticket_words(texts, ticket)
                .into_iter()
                .chain([("sum", sum(texts, *paid))])
                .collect(),
            Self::TicketSold { ticket, price, net, how, by, .. } => ticket_words(texts, ticket)
                .into_iter()
                .chain([("sum", sum(texts, *price)), ("net", sum(texts, *net))])
                .chain(to_do(texts, *how, *by))
                .collect(),
            Self::DeliverSoon { ticket, how, by, .. } => {
                ticket_words(texts, ticket).into_iter().chain(to_do(texts, *how, *by)).collect()
            }
            Self::ClaimOpened { by, order, .. } => {
                vec![("by", moment(texts, *by)), ("order", order.clone())]
            }
            Self::ClaimRefunded { order } | Self::ClaimRejected { order } => {
                vec![("order", order.clone())]
            }
            Self::DeliverLate { ticket, .. }
            | Self::DeliveryLate { ticket, .. }
            | Self::TicketSent { ticket, .. }
            | Self::SaleCancelled { ticket } => ticket_words(texts, ticket).into(),
            Self::PaymentFailed { amount } | Self::PaymentRefunded { amount } => {
                vec![("sum", sum(texts, *amount))]
            }
            Self::WebhookDisabled { url, .. } => vec![("url", url.clone())],
            Self::YourTurn { ticket, until, .. } => ticket_words(texts, ticket)
                .into_iter()
                .chain([("until", moment(texts, *until))])
                .collect(),
            Self::AlertMatched { event, ticket, quantity, each, .. } => {
                let [_, ticket] = ticket_words(texts, ticket);
                let count = tickets(texts, *quantity);
                vec![("event", event.clone()), ticket, ("count", count), ("sum", sum(texts, *each))]
            }
        }
    }
}

impl Letter<'_> {
    /// Where one click ends mails of this kind, if their reader asked for them and may stop asking.
    #[must_use]
    pub fn stop_link(&self) -> Option<&str> {
        match &self.message {
            Message::AlertMatched { stop, .. } => Some(stop),
            _ => None,
        }
    }

    /// Writes the letter.
    #[must_use]
    pub fn write(&self) -> Written {
        let texts = texts(self.language);
        let Text { subject, says, button } = self.message.text(texts);
        let own = self.message.words(texts);
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let words: Vec<_> = own.chain([("name", self.name), ("market", self.market)]).collect();
        let words = words.as_slice();
        let hello = if self.name.is_empty() { texts.hello_you } else { texts.hello };
        let paragraphs = [hello].iter().chain(says).map(|text| fill(text, words)).collect();
        let sheet = Sheet {
            language: self.language,
            subject: fill(subject, words),
            paragraphs,
            button: button.zip(self.message.link()),
            or_open: texts.or_open,
            footer: fill(texts.footer, words),
            stop: self.stop_link().map(|link| (texts.stop, link)),
        };
        Written {
            text: layout::text(&sheet),
            html: layout::html(&sheet),
            subject: sheet.subject.into_owned(),
        }
    }
}

/// An instant, as people write it.
fn moment(texts: &Texts, at: Timestamp) -> String {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.millis()) else { return at.to_string() };
    let at = instant.to_zoned(jiff::tz::TimeZone::UTC);
    let month = usize::try_from(at.month() - 1).ok().and_then(|month| texts.months.get(month));
    let (day, year) = (at.day().to_string(), at.year().to_string());
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    let month = month.copied().unwrap_or_default();
    let words: Words<'_> = &[("day", &day), ("month", month), ("year", &year), ("time", &time)];
    fill(texts.moment, words).into_owned()
}

/// What a seller is to do, and by when.
fn to_do(texts: &Texts, how: DeliveryKind, by: Timestamp) -> [(&'static str, String); 2] {
    let how = match how {
        DeliveryKind::Transfer => texts.do_transfer,
        DeliveryKind::Link => texts.do_link,
        DeliveryKind::Paper => texts.do_paper,
        DeliveryKind::File => texts.do_file,
    };
    [("how", how.to_owned()), ("by", moment(texts, by))]
}

/// What a letter calls a ticket: its title alone, and with its seats.
fn ticket_words(texts: &Texts, ticket: &Ticket) -> [(&'static str, String); 2] {
    let seats = ticket.seats.join(", ");
    let seats = (!seats.is_empty()).then_some(&seats);
    let parts = [
        (texts.section, ticket.section.as_ref()),
        (texts.row, ticket.row.as_ref()),
        (texts.seats, seats),
    ];
    let parts = parts.into_iter().filter_map(|(label, value)| Some(format!("{label} {}", value?)));
    let whole: Vec<_> = [ticket.title.clone()].into_iter().chain(parts).collect();
    [("title", ticket.title.clone()), ("ticket", whole.join(", "))]
}

/// An amount, as people of the language write it.
fn sum(texts: &Texts, sum: Sum) -> String {
    let (decimals, code) = (sum.currency.exponent(), sum.currency.as_str().to_ascii_uppercase());
    let unit = 10_u32.saturating_pow(decimals);
    let (whole, rest) = (sum.minor / unit, sum.minor % unit);
    if decimals == 0 {
        return format!("{whole} {code}");
    }
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{whole}{}{rest:0width$} {code}", texts.decimal)
}

/// So many tickets.
fn tickets(texts: &Texts, quantity: u32) -> String {
    let text = if quantity == 1 { texts.one_ticket } else { texts.tickets };
    fill(text, &[("n", &quantity.to_string())]).into_owned()
}

/// A text with its words in braces filled in, in one pass: what is filled in is not read again.
fn fill<'a>(text: &'a str, words: Words<'_>) -> Cow<'a, str> {
    if !text.contains('{') {
        return Cow::Borrowed(text);
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((word, behind)) = after.split_once('}') else { break };
        let found = words.iter().find(|(name, _)| *name == word);
        filled.push_str(found.map_or("", |(_, value)| value));
        rest = behind;
    }
    filled.push_str(rest);
    Cow::Owned(filled)
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
