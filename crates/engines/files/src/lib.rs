//! A mailer that puts mail into a directory, one file each, for a mail system or a developer to pick up.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Body, Mailbox, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    host::Host,
    mailer::{Mail, MailError, Mailer},
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// How long a mail is kept until it is picked up. It holds an address, which must not outlive its
/// account for long.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often old mail is looked for.
const TIDY_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Writes each mail durably as `<id>.eml` (RFC 5322). A mail that is there already is dropped. A mail
/// that nobody has taken away within seven days is removed.
pub struct FileMailer {
    host: Host,
    settings: Arc<Settings>,
}

struct Settings {
    directory: PathBuf,
    from: Mailbox,
}

impl std::fmt::Debug for FileMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileMailer").finish_non_exhaustive()
    }
}

impl FileMailer {
    /// A mailer that writes into `directory` (made, for its owner alone, if it is not there), from the
    /// address `from`.
    ///
    /// # Errors
    /// When the directory cannot be made, or `from` is no email address.
    pub fn new(host: Host, directory: PathBuf, from: &str) -> io::Result<Self> {
        let from = from
            .parse::<Address>()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?
            .into();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        let settings = Arc::new(Settings { directory, from });
        let tidy = tidy(host.clone(), Arc::downgrade(&settings));
        host.spawner.spawn("mail-tidy", Box::pin(tidy));
        Ok(Self { host, settings })
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let (reply, written) = oneshot::channel();
        let (settings, now) = (Arc::clone(&self.settings), self.host.now());
        let attempt = self.host.uuid();
        self.host.spawner.blocking(Box::new(move || {
            // The sender may have gone.
            drop(reply.send(settings.write(&mail, attempt, now)));
        }));
        match written.await {
            Ok(result) => result,
            Err(gone) => Err(MailError::Failed(gone.into())),
        }
    }
}

/// Removes old mail now and again, for as long as the mailer is there.
async fn tidy(host: Host, settings: Weak<Settings>) {
    while let Some(settings) = settings.upgrade() {
        let now = host.now();
        host.spawner.blocking(Box::new(move || {
            if let Err(error) = settings.remove_old(now) {
                tracing::warn!(%error, "old mail not removed");
            }
        }));
        host.clock.sleep(TIDY_EVERY).await;
    }
}

impl Settings {
    /// Writes a mail under a name of its own for each attempt and renames the file then: a file with
    /// the mail's name is always whole, however many attempts write it at once. (lettre's own file
    /// transport neither syncs its files nor keeps them from other users.)
    fn write(&self, mail: &Mail, attempt: Uuid, now: Timestamp) -> Result<(), MailError> {
        // A mail that cannot be written down now never can be.
        let message = message(mail, &self.from, now).map_err(MailError::Refused)?;
        self.store(mail.id, attempt, &message).map_err(|error| MailError::Failed(error.into()))
    }

    fn store(&self, id: Uuid, attempt: Uuid, message: &[u8]) -> io::Result<()> {
        let path = self.directory.join(format!("{id}.eml"));
        if path.try_exists()? {
            return Ok(());
        }
        let draft = self.directory.join(format!("{attempt}.draft"));
        if let Err(error) = write_durably(&draft, message).and_then(|()| fs::rename(&draft, &path))
        {
            // It may not even be there.
            drop(fs::remove_file(&draft));
            return Err(error);
        }
        // The name is durable when the directory is.
        File::open(&self.directory)?.sync_all()
    }

    /// Removes the mails, and the drafts that a crash left, that are older than [`KEPT`].
    fn remove_old(&self, now: Timestamp) -> Result<(), Cause> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            let is_ours = path.extension().is_some_and(|it| it == "eml" || it == "draft");
            // It may have been picked up already.
            let Ok(modified) = entry.metadata().and_then(|it| it.modified()) else { continue };
            let at = Timestamp::from_millis(jiff::Timestamp::try_from(modified)?.as_millisecond());
            if is_ours
                && now.since(at) > KEPT
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

fn write_durably(path: &Path, message: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(message)?;
    file.sync_all()
}

/// The whole message (RFC 5322): plain text, as quoted-printable.
fn message(mail: &Mail, from: &Mailbox, now: Timestamp) -> Result<Vec<u8>, Cause> {
    let to = address(&mail.to).ok_or("the mail's address cannot be written into a header")?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()])?;
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .envelope(envelope)
        .date(SystemTime::UNIX_EPOCH + now.since(Timestamp::EPOCH))
        .from(from.clone())
        .to(to.into())
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .subject(mail.subject.as_str())
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .singlepart(
            SinglePart::builder().content_type(ContentType::TEXT_PLAIN).body(body(&mail.text)?),
        )?;
    Ok(message.formatted())
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
    use stubmart_contract::Timestamp;

    use super::*;

    /// The market's own address where it has no name yet.
    #[test]
    fn a_machine_without_a_name_can_send() {
        assert!("no-reply@localhost".parse::<Address>().is_ok());
    }

    /// The message as text, from `me@example.org`.
    fn written(mail: &Mail, now: Timestamp) -> Option<String> {
        let from = "me@example.org".parse::<Address>().unwrap().into();
        message(mail, &from, now).ok().map(|it| String::from_utf8(it).unwrap())
    }

    /// The encoded body alone.
    fn quoted_printable(text: &str) -> String {
        String::from_utf8(body(text).unwrap().into_vec()).unwrap()
    }

    fn mail(to: &str, subject: &str, text: &str) -> Mail {
        let (to, subject, text) = (to.to_owned(), subject.to_owned(), text.to_owned());
        Mail { id: Uuid::from_u128(7), to, subject, text }
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
}
