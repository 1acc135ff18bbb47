//! A mailer that puts mail into a directory, one file each, for a mail system or a developer to pick up.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    host::Host,
    mailer::{Mail, MailError, Mailer},
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The longest line of quoted-printable text, without its line end (RFC 2045, section 6.7).
const LINE_MAX: usize = 76;

/// How many characters of an encoded word its text may take: 75 less `=?utf-8?Q?` and `?=` (RFC 2047).
const WORD_MAX: usize = 63;

/// How long a mail is kept for whoever picks it up. It holds an address, which must not outlive its
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
    from: String,
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
    /// When the directory can not be made, or `from` is no address that a mail could be written with.
    pub fn new(host: Host, directory: PathBuf, from: String) -> io::Result<Self> {
        if !is_address(&from) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an email address"));
        }
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
            // Whoever sent it may have gone.
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
    /// Writes a mail under a name of the attempt's own first, so that a file with the mail's name is
    /// always whole, however many write it at once.
    fn write(&self, mail: &Mail, attempt: Uuid, now: Timestamp) -> Result<(), MailError> {
        // What can not be written down now can not be later either.
        let message = message(mail, &self.from, now).map_err(MailError::Refused)?;
        self.store(mail.id, attempt, &message).map_err(|error| MailError::Failed(error.into()))
    }

    fn store(&self, id: Uuid, attempt: Uuid, message: &str) -> io::Result<()> {
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
            // Whoever picks mail up may have been quicker.
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

fn write_durably(path: &Path, message: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(message.as_bytes())?;
    file.sync_all()
}

/// The whole message. Nothing in it can end a header line but what ends it here: addresses with
/// anything but plain characters are refused, and the subject is encoded where it is not plain.
fn message(mail: &Mail, from: &str, now: Timestamp) -> Result<String, Cause> {
    if !is_address(&mail.to) {
        return Err("the mail's address can not be written into a header".into());
    }
    let date =
        jiff::Timestamp::from_millisecond(now.millis())?.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let domain = from.rsplit('@').next().unwrap_or("localhost");
    let mut out = String::new();
    write!(out, "Date: {date}\r\nFrom: <{from}>\r\nTo: <{}>\r\n", mail.to)?;
    write!(out, "Message-ID: <{}@{domain}>\r\nSubject: {}\r\n", mail.id, subject(&mail.subject))?;
    out.push_str(
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    );
    quoted_printable(&mail.text, &mut out);
    Ok(out)
}

/// Whether a text can stand between `<` and `>` in a header as an address (RFC 5322, and RFC 6532
/// beyond ASCII). It is no promise that somebody reads mail there.
fn is_address(text: &str) -> bool {
    let plain =
        |it: char| !it.is_control() && !it.is_whitespace() && !r#"<>()[]\,;:""#.contains(it);
    text.len() <= 254
        && text.chars().all(plain)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}

/// A subject as it is written: plain where it is short and printable ASCII, else in encoded words.
fn subject(text: &str) -> String {
    let plain = text.len() <= LINE_MAX.saturating_sub("Subject: ".len())
        && text.chars().all(|it| it == ' ' || it.is_ascii_graphic())
        && !text.contains("=?");
    if plain {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars() {
        let mut encoded = String::new();
        let mut bytes = [0; 4];
        for &byte in character.encode_utf8(&mut bytes).as_bytes() {
            match byte {
                b' ' => encoded.push('_'),
                byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
                byte => push_hex(&mut encoded, byte),
            }
        }
        // A character is never split over two words.
        match words.last_mut() {
            Some(word) if word.len().saturating_add(encoded.len()) <= WORD_MAX => {
                word.push_str(&encoded);
            }
            _ => words.push(encoded),
        }
    }
    let words: Vec<_> = words.iter().map(|word| format!("=?utf-8?Q?{word}?=")).collect();
    words.join("\r\n ")
}

/// Appends a text as quoted-printable lines.
fn quoted_printable(text: &str, out: &mut String) {
    for line in text.lines() {
        let mut length = 0_usize;
        let mut bytes = line.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let mut encoded = String::new();
            let last = bytes.peek().is_none();
            match byte {
                // A blank at the end of a line could be lost on the way.
                b' ' | b'\t' if last => push_hex(&mut encoded, byte),
                b' ' | b'\t' => encoded.push(char::from(byte)),
                // A dot alone on a line would end the mail on the way.
                b'.' if length == 0 => push_hex(&mut encoded, byte),
                b'=' => push_hex(&mut encoded, byte),
                byte if byte.is_ascii_graphic() => encoded.push(char::from(byte)),
                byte => push_hex(&mut encoded, byte),
            }
            if length.saturating_add(encoded.len()) >= LINE_MAX {
                out.push_str("=\r\n");
                length = 0;
            }
            length = length.saturating_add(encoded.len());
            out.push_str(&encoded);
        }
        out.push_str("\r\n");
    }
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str(&format!("={byte:02X}"));
}

#[cfg(test)]
mod tests {
    use stubmart_contract::Timestamp;

    use super::*;

    fn mail(to: &str, subject: &str, text: &str) -> Mail {
        let (to, subject, text) = (to.to_owned(), subject.to_owned(), text.to_owned());
        Mail { id: Uuid::from_u128(7), to, subject, text }
    }

    #[test]
    fn a_plain_mail_is_readable_as_it_stands() {
        let mail = mail("ann@example.org", "Your tickets", "Hello Ann,\nsee you there.\n");
        let at: Timestamp = "2026-03-01T19:30:00Z".parse().unwrap();
        let written = message(&mail, "noreply@stubmart.example", at).unwrap();
        assert!(written.starts_with("Date: Sun, 01 Mar 2026 19:30:00 +0000\r\n"), "{written}");
        assert!(written.contains("\r\nTo: <ann@example.org>\r\n"));
        assert!(written.contains("\r\nSubject: Your tickets\r\n"));
        assert!(written.ends_with("\r\n\r\nHello Ann,\r\nsee you there.\r\n"), "{written}");
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
            assert!(
                message(&mail(to, "", ""), "me@example.org", Timestamp::EPOCH).is_err(),
                "{to:?}"
            );
        }
        let sneaky = mail("ann@example.org", "hi\r\nBcc: eve@example.org\r\n\r\nbody", "");
        let written = message(&sneaky, "me@example.org", Timestamp::EPOCH).unwrap();
        let (headers, _) = written.split_once("\r\n\r\n").unwrap();
        assert!(
            headers.contains("Subject: =?utf-8?Q?hi=0D=0ABcc=3A_eve=40example=2Eorg"),
            "{headers}"
        );
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")));
    }

    #[test]
    fn no_encoded_word_and_no_line_is_too_long() {
        let long = "Größe – ünïcödé 票 ".repeat(20);
        for line in subject(&long).lines() {
            assert!(line.trim_start().len() <= 75, "{line}");
        }
        let mut out = String::new();
        quoted_printable(&long, &mut out);
        assert!(out.lines().all(|line| line.len() <= LINE_MAX), "{out}");
    }

    #[test]
    fn what_could_change_on_the_way_is_encoded() {
        let mut out = String::new();
        quoted_printable("a=b \n.\nend\t", &mut out);
        assert_eq!(out, "a=3Db=20\r\n=2E\r\nend=09\r\n");
    }
}
