//! A mail as a message.

use std::time::SystemTime;

use lettre::{
    Address,
    address::Envelope,
    message::{
        Body, Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    mailer::{Attachment, Mail},
};

/// A message as it travels (RFC 5322, MIME), and the envelope it travels in (RFC 5321).
pub(crate) struct Message {
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    /// The message of a mail.
    ///
    /// # Errors
    /// The cause: the mail cannot be written as a message, now or ever.
    pub(crate) fn new(mail: &Mail, from: &Mailbox, now: Timestamp) -> Result<Self, Cause> {
        let to = address(&mail.to).ok_or("the mail's address cannot be written into a header")?;
        let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()])?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let builder = lettre::Message::builder()
            .envelope(envelope.clone())
            .date(SystemTime::UNIX_EPOCH + now.since(Timestamp::EPOCH))
            .from(from.clone())
            .to(to.into())
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .subject(mail.subject.as_str())
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let builder = match &mail.unsubscribe {
            Some(address) => {
                unsubscribe(address)?.into_iter().fold(builder, MessageBuilder::raw_header)
            }
            None => builder,
        };
        let message = match content(mail)? {
            Content::One(part) => builder.singlepart(part)?,
            Content::Several(parts) => builder.multipart(parts)?,
        };
        Ok(Self { envelope, bytes: message.formatted() })
    }
}

/// The headers by which a mail program offers to end mails of this kind (RFC 2369, 3.2; RFC 8058, 3.1).
fn unsubscribe(address: &str) -> Result<[HeaderValue; 2], Cause> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    if !address.bytes().all(is_plain) {
        return Err("the mail's unsubscribe address cannot be written into a header".into());
    }
    // An address has no blank to break a line at, and is no text to be encoded.
    let header = |name, value: String| {
        let name = HeaderName::new_from_ascii_str(name);
        HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
    };
    Ok([
        header("List-Unsubscribe", format!("<{address}>")),
        header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
    ])
}

/// What stands below the headers.
enum Content {
    One(SinglePart),
    Several(MultiPart),
}

/// The text, with the HTML as the better alternative and the files beside both.
fn content(mail: &Mail) -> Result<Content, Cause> {
    let part = |media_type, text: &str| {
        Ok::<_, Cause>(SinglePart::builder().content_type(media_type).body(body(text)?))
    };
    let text = part(ContentType::TEXT_PLAIN, &mail.text)?;
    let said = match &mail.html {
        None => Content::One(text),
        Some(html) => {
            let html = part(ContentType::TEXT_HTML, html)?;
            Content::Several(MultiPart::alternative().singlepart(text).singlepart(html))
        }
    };
    if mail.attachments.is_empty() {
        return Ok(said);
    }
    let mixed = MultiPart::mixed();
    let mut mixed = match said {
        Content::One(part) => mixed.singlepart(part),
        Content::Several(parts) => mixed.multipart(parts),
    };
    for Attachment { name, media_type, content } in &mail.attachments {
        let file = lettre::message::Attachment::new(name.clone());
        mixed = mixed.singlepart(file.body(content.clone(), ContentType::parse(media_type)?));
    }
    Ok(Content::Several(mixed))
}

/// Reads a sender: an address, or `Name <address>`.
///
/// # Errors
/// The cause: it is neither.
pub(crate) fn sender(text: &str) -> Result<Mailbox, Cause> {
    Ok(text.parse::<Mailbox>()?)
}

/// Whether mail can come from `text`: an address, or `Name <address>`.
#[must_use]
pub fn is_sender(text: &str) -> bool {
    sender(text).is_ok()
}

/// A text as quoted-printable, in which no blank at the end of a line is lost on the way. The end of
/// its last line is left out: whatever comes after a body begins a line.
fn body(text: &str) -> Result<Body, Cause> {
    let quoted = ContentTransferEncoding::QuotedPrintable;
    let body = Body::new_with_encoding(text.strip_suffix('\n').unwrap_or(text).to_owned(), quoted)
        .map_err(|_| "the mail's text cannot be encoded")?;
    // A dot alone on a line would end the mail for a program that reads it as sendmail(8) does.
    let lines: Vec<_> = std::str::from_utf8(body.as_ref())?
        .split("\r\n")
        .map(|line| if line == "." { "=2E" } else { line })
        .collect();
    Ok(Body::dangerous_pre_encoded(lines.join("\r\n").into_bytes(), quoted))
}

/// Reads an address that can stand in a header and be nothing more than one address (RFC 5322, and RFC
/// 6532 beyond ASCII). It takes more than lettre does, which refuses addresses that are in use although
/// RFC 5322 does not know them, such as `ann..b@example.com`.
fn address(text: &str) -> Option<Address> {
    let plain =
        |it: char| !it.is_control() && !it.is_whitespace() && !r#"<>()[]\,;:""#.contains(it);
    let (local, domain) = text.split_once('@')?;
    let sane = text.len() <= 254
        && text.chars().all(plain)
        && !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@');
    sane.then(|| Address::new_dangerous(local, domain))
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders as _};
    use stubmart_contract::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// The market's own address where it has no name yet.
    #[test]
    fn a_machine_without_a_name_can_send() {
        assert!(sender("no-reply@localhost").is_ok());
    }

    /// The message as text, from `me@example.org`.
    fn written(mail: &Mail, now: Timestamp) -> Option<String> {
        let from = sender("me@example.org").unwrap();
        Message::new(mail, &from, now).ok().map(|it| String::from_utf8(it.bytes).unwrap())
    }

    /// The encoded body alone.
    fn quoted_printable(text: &str) -> String {
        String::from_utf8(body(text).unwrap().into_vec()).unwrap()
    }

    fn mail(to: &str, subject: &str, text: &str) -> Mail {
        Mail::plain(Uuid::from_u128(7), to.to_owned(), subject.to_owned(), text.to_owned())
    }

    #[test]
    fn a_plain_mail_is_readable_as_it_stands() {
        let mail = mail("ann@example.org", "Your tickets", "Hello Ann,\nsee you there.\n");
        let at: Timestamp = "2026-03-01T19:30:00Z".parse().unwrap();
        let written = written(&mail, at).unwrap();
        let (headers, text) = written.split_once("\r\n\r\n").unwrap();
        let mut headers: Vec<_> = headers.split("\r\n").collect();
        headers.sort_unstable();
        let expected = [
            "Auto-Submitted: auto-generated",
            "Content-Transfer-Encoding: quoted-printable",
            "Content-Type: text/plain; charset=utf-8",
            "Date: Sun, 01 Mar 2026 19:30:00 +0000",
            "From: me@example.org",
            "MIME-Version: 1.0",
            "Message-ID: <00000000-0000-0000-0000-000000000007@example.org>",
            "Subject: Your tickets",
            "To: ann@example.org",
        ];
        assert_eq!(headers, expected);
        assert_eq!(text, "Hello Ann,\r\nsee you there.\r\n");
    }

    /// No address and no subject adds a header or ends the headers.
    #[test]
    fn headers_can_not_be_injected() {
        for to in [
            "ann@example.org\r\nBcc: eve@example.org",
            "ann@example.org\nX: y",
            "ann@example.org>, <eve@example.org",
            "ann@example.org,eve@example.org",
            "ann @example.org",
            "@",
            "ann",
            "a@b@c",
        ] {
            assert_eq!(written(&mail(to, "", ""), Timestamp::EPOCH), None, "{to:?}");
        }
        let sneaky = mail("ann@example.org", "hi\r\nBcc: eve@example.org\r\n\r\nbody", "");
        let written = written(&sneaky, Timestamp::EPOCH).unwrap();
        let (headers, _) = written.split_once("\r\n\r\n").unwrap();
        assert!(headers.contains("Subject: =?utf-8?b?"), "{headers}");
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")));
    }

    #[test]
    fn no_encoded_word_and_no_line_is_too_long() {
        let long = "Größe – ünïcödé 票 ".repeat(20);
        let written = written(&mail("ann@example.org", &long, &long), Timestamp::EPOCH).unwrap();
        for line in written.lines() {
            assert!(line.len() <= 76, "{line}");
        }
        for word in written.split_whitespace().filter(|it| it.starts_with("=?")) {
            assert!(word.len() <= 75, "{word}");
        }
    }

    #[test]
    fn text_that_could_change_on_the_way_is_encoded() {
        assert_eq!(quoted_printable("a=b \n.\n.\nend\t"), "a=3Db=20\r\n=2E\r\n=2E\r\nend=09");
    }

    /// Addresses in use that RFC 5322 does not know, and those beyond ASCII.
    #[test]
    fn every_address_in_use_can_be_written_to() {
        for to in ["ann..b@example.org", "ann.@example.org", "ä@ö.example", "ann@a_b.example"] {
            let written = written(&mail(to, "", ""), Timestamp::EPOCH).unwrap();
            assert!(written.contains(&format!("\r\nTo: {to}\r\n")), "{written}");
        }
    }

    /// A reader of HTML finds the HTML, another one the text, and both find the files.
    #[test]
    fn html_and_files_come_beside_the_text() {
        let mut mail = mail("ann@example.org", "Your tickets", "See you.\n");
        mail.html = Some("<p>See <b>you</b>.</p>".to_owned());
        mail.attachments = vec![Attachment {
            name: "Größe.ics".to_owned(),
            media_type: "text/calendar; charset=utf-8".to_owned(),
            content: b"BEGIN:VCALENDAR\r\n".to_vec(),
        }];
        let written = written(&mail, Timestamp::EPOCH).unwrap();
        let read = MessageParser::new().parse(written.as_bytes()).unwrap();
        assert_eq!(read.body_text(0).unwrap(), "See you.");
        assert_eq!(read.body_html(0).unwrap(), "<p>See <b>you</b>.</p>");
        let file = read.attachment(0).unwrap();
        assert_eq!(file.attachment_name(), Some("Größe.ics"));
        assert_eq!(file.contents(), b"BEGIN:VCALENDAR\r\n");
        assert_eq!((read.text_body.len(), read.attachments.len()), (1, 1));
    }
}
