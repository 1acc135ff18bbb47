//! Each mailer keeps every rule of its port, through two handles on one directory or one mail server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod directory;
mod server;
mod smtp;

use mail_parser::{MessageParser, MimeHeaders as _};
use stubmart_ports::mailer::{Attachment, Mail};

/// Reads a message back as the mail that it was made of.
fn read(message: &[u8]) -> Mail {
    let message = MessageParser::new().parse(message).unwrap();
    // The end of the last line of a part belongs to what comes behind it (RFC 2046, 5.1.1).
    let lines = |text: &str| format!("{}\n", text.replace("\r\n", "\n").trim_end_matches('\n'));
    let html = message
        .html_part(0)
        .and_then(|part| part.is_text_html().then(|| part.text_contents().unwrap()));
    let attachments = message.attachments().map(|part| {
        let kind = part.content_type().unwrap();
        Attachment {
            name: part.attachment_name().unwrap().to_owned(),
            media_type: format!("{}/{}", kind.ctype(), kind.subtype().unwrap()),
            content: part.contents().to_vec(),
        }
    });
    Mail {
        id: message.message_id().unwrap().split_once('@').unwrap().0.parse().unwrap(),
        to: message.to().unwrap().first().unwrap().address().unwrap().to_owned(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: lines(&message.body_text(0).unwrap()),
        html: html.map(lines),
        attachments: attachments.collect(),
        unsubscribe: message.header_raw("List-Unsubscribe").map(|address| {
            let post = message.header_raw("List-Unsubscribe-Post").unwrap();
            assert_eq!(post.trim(), "List-Unsubscribe=One-Click");
            address.trim().trim_matches(['<', '>']).to_owned()
        }),
    }
}
