//! What mails say, in each language, as text and as HTML.
//!
//! Pure: a letter goes in, a subject, a text and an HTML page come out. The texts of a language are one
//! file in `languages/`; a text that a language lacks does not compile.

mod languages;
mod layout;
mod letter;
mod texts;

pub use letter::{Letter, Message, Sum, Ticket, Written};
