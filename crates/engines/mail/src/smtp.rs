//! A mailer that hands mail to a mail server (SMTP, RFC 5321; submission, RFC 6409).

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{Error, PoolConfig, extension::ClientId},
};
use stubmart_ports::{
    Cause,
    host::Host,
    mailer::{Mail, MailError, Mailer},
};
use url::Url;

use crate::message::{Message, sender};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// How long the server may take for each answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// How many connections there are at the most.
const CONNECTIONS_MAX: u32 = 8;

/// The answers that speak of the recipient's mailbox and will not change: it is not there, not local or
/// not a name, or its domain takes no mail (RFC 5321, 4.2.3; RFC 7504). Any other refusal, such as a wrong
/// password of ours, is the operator's to mend, and the mail waits for that.
const NO_SUCH_MAILBOX: [u16; 4] = [550, 551, 553, 556];

/// A mail server: `smtps://user:password@host` (TLS from the first byte, port 465) or
/// `smtp://user:password@host` (STARTTLS, port 587). The second is refused by a server that does not
/// offer TLS, unless it is on this very machine. User and password are percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer(Url);

impl fmt::Debug for SmtpServer {
    /// The password stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SmtpServer").field(&self.0.host_str()).finish()
    }
}

impl SmtpServer {
    /// Reads the URL of a mail server.
    ///
    /// # Errors
    /// What it must be; the text, which holds a password, is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must be smtps://user:password@host or smtp://user:password@host, the user and the \
             password percent-encoded"
                .to_owned()
        };
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let is_here = url.host_str().ok_or_else(wrong).map(is_loopback)?;
        if !is_bare
            || url.fragment().is_some()
            || url.username().is_empty() != url.password().is_none()
        {
            return Err(wrong());
        }
        match url.scheme() {
            "smtps" => {}
            "smtp" if is_here => url.set_query(Some("tls=opportunistic")),
            "smtp" => url.set_query(Some("tls=required")),
            _ => return Err(wrong()),
        }
        Transport::from_url(url.as_str()).map_err(|_| wrong())?;
        Ok(Self(url))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Hands each mail to a mail server, which is asked for TLS with a certificate that the machine trusts. A
/// mail whose answer was lost may arrive twice, with the same `Message-ID`.
pub struct SmtpMailer {
    host: Host,
    from: Mailbox,
    transport: Transport,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// A mailer to `server`, from the sender `from`: an address, or `Name <address>`. No connection is
    /// made yet; it needs the runtime of tokio when it is.
    ///
    /// # Errors
    /// The cause: `from` is no sender, or the machine's certificates cannot be read.
    pub fn new(host: Host, server: &SmtpServer, from: &str) -> Result<Self, Cause> {
        let from = sender(from)?;
        let transport = Transport::from_url(server.0.as_str())?
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(ANSWER_MAX))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS_MAX))
            .build();
        Ok(Self { host, from, transport })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let message =
            Message::new(&mail, &self.from, self.host.now()).map_err(MailError::Refused)?;
        match self.transport.send_raw(&message.envelope, &message.bytes).await {
            Ok(_) => Ok(()),
            Err(error) if is_about_the_mailbox(&error) => Err(MailError::Refused(cause(error))),
            Err(error) => Err(MailError::Failed(cause(error))),
        }
    }
}

/// The error without what the server says in words, in which the recipient's address often stands: causes
/// are logged and kept.
fn cause(error: Error) -> Cause {
    match error.status() {
        Some(code) => format!("the mail server answered {code}").into(),
        None => error.into(),
    }
}

fn is_about_the_mailbox(error: &Error) -> bool {
    error.status().is_some_and(|code| NO_SUCH_MAILBOX.contains(&u16::from(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL that lettre is given, for a server.
    fn parsed(text: &str) -> Option<String> {
        SmtpServer::parse(text).ok().map(|it| it.0.to_string())
    }

    #[test]
    fn a_server_elsewhere_is_only_spoken_to_with_tls() {
        for (text, given) in [
            ("smtps://ann:secret@mail.example", "smtps://ann:secret@mail.example"),
            ("smtp://ann:secret@mail.example", "smtp://ann:secret@mail.example?tls=required"),
            ("smtp://192.0.2.7:2525", "smtp://192.0.2.7:2525?tls=required"),
            ("smtp://localhost:2525", "smtp://localhost:2525?tls=opportunistic"),
            ("smtp://127.0.0.1", "smtp://127.0.0.1?tls=opportunistic"),
            ("smtp://[::1]:25/", "smtp://[::1]:25/?tls=opportunistic"),
            // Whoever can name a machine cannot make it this one.
            ("smtp://localhost.example", "smtp://localhost.example?tls=required"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(given), "{text}");
        }
    }

    #[test]
    fn a_url_of_something_else_is_refused_and_not_repeated() {
        for text in [
            "mail.example",
            "https://mail.example",
            "smtp://",
            "smtp://mail.example?tls=none",
            "smtp://mail.example/path",
            "smtp://ann@mail.example",
            "smtps://:secret@mail.example",
        ] {
            let refused = SmtpServer::parse(text).unwrap_err();
            assert!(!refused.contains("mail.example"), "{refused}");
        }
        let server = SmtpServer::parse("smtps://ann:secret@mail.example").unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }
}
