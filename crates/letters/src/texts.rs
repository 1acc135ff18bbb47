//! The texts that every language has.

/// The texts of a language. Words in braces are filled in; each text has the words that its English has.
pub(crate) struct Texts {
    /// `{name}`.
    pub(crate) hello: &'static str,
    /// To somebody who has no name.
    pub(crate) hello_you: &'static str,
    /// Above the address that a button opens.
    pub(crate) or_open: &'static str,
    /// Below every letter: `{market}`.
    pub(crate) footer: &'static str,
    /// `{day}`, `{month}`, `{year}`, `{time}`.
    pub(crate) moment: &'static str,
    pub(crate) months: [&'static str; 12],
    /// Between whole units of money and the rest.
    pub(crate) decimal: &'static str,
    pub(crate) section: &'static str,
    pub(crate) row: &'static str,
    pub(crate) seats: &'static str,
    /// What a seller is to do, by kind of delivery.
    pub(crate) do_transfer: &'static str,
    pub(crate) do_link: &'static str,
    pub(crate) do_paper: &'static str,
    pub(crate) do_file: &'static str,
    pub(crate) one_ticket: &'static str,
    /// `{n}`.
    pub(crate) tickets: &'static str,
    /// Ends mails that their reader asked for.
    pub(crate) stop: &'static str,
    pub(crate) verify_email: Text,
    pub(crate) reset_password: Text,
    pub(crate) email_changed: Text,
    pub(crate) password_changed: Text,
    pub(crate) token_created: Text,
    pub(crate) account_deleted: Text,
    pub(crate) new_device: Text,
    pub(crate) second_factor_on: Text,
    pub(crate) second_factor_off: Text,
    pub(crate) order_completed: Text,
    pub(crate) ticket_sold: Text,
    pub(crate) deliver_soon: Text,
    pub(crate) deliver_late: Text,
    pub(crate) delivery_late: Text,
    pub(crate) ticket_sent: Text,
    pub(crate) sale_cancelled: Text,
    pub(crate) claim_opened: Text,
    pub(crate) claim_refunded: Text,
    pub(crate) claim_rejected: Text,
    pub(crate) payment_failed: Text,
    pub(crate) payment_refunded: Text,
    /// `{url}`.
    pub(crate) webhook_disabled: Text,
    /// `{title}`, `{ticket}`, `{until}`.
    pub(crate) your_turn: Text,
    /// `{event}`, `{ticket}`, `{count}`, `{sum}`.
    pub(crate) alert_matched: Text,
}

/// The text of one kind of letter.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    pub(crate) subject: &'static str,
    /// Paragraphs.
    pub(crate) says: &'static [&'static str],
    /// What stands on its button, if it has one.
    pub(crate) button: Option<&'static str>,
}
