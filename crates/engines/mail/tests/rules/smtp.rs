//! The mailer that speaks to a mail server.

use std::sync::Arc;

use stubmart_mail::{SmtpMailer, SmtpServer};
use stubmart_ports::mailer::{Mail, MailError, Mailer};
use stubmart_suite::{
    host, mailer_suite,
    rules::{Subject, mailer::Outbox},
};
use uuid::Uuid;

use crate::server::{MailServer, Mood};

fn open(url: &str) -> SmtpMailer {
    let (host, _) = host::manual(1);
    let server = SmtpServer::parse(url).unwrap();
    SmtpMailer::new(host, &server, "Stubmart <noreply@stubmart.example>").unwrap()
}

async fn subject_of_the_rules() -> Subject<dyn Mailer, Arc<dyn Outbox>> {
    let server = MailServer::start().await;
    let open = || Arc::new(open(&format!("smtp://ann:secret@{}", server.address)));
    let (a, b) = (open(), open());
    Subject { a, b, with: Arc::new(server), guard: Box::new(()) }
}

mailer_suite!(subject_of_the_rules);

fn mail(number: u128) -> Mail {
    let (to, subject) = ("ann@example.org".to_owned(), "Hello".to_owned());
    Mail::plain(Uuid::from_u128(number), to, subject, "Hello.\n".to_owned())
}

/// A mail to a mailbox that is not there is refused for good. Whatever else the server answers may change,
/// so the mail is to be sent again.
#[tokio::test]
async fn only_a_mailbox_that_is_not_there_is_refused_for_good() {
    let server = MailServer::start().await;
    let mailer = open(&format!("smtp://{}", server.address));
    for (code, for_good) in [(550, true), (553, true), (450, false), (452, false), (554, false)] {
        server.set_mood(Mood::Refuses(code));
        let sent = mailer.send(mail(u128::from(code))).await;
        assert_eq!(matches!(sent, Err(MailError::Refused(_))), for_good, "{code}: {sent:?}");
        let said = sent.unwrap_err().to_string();
        assert!(said.contains(&code.to_string()) && !said.contains("ann@"), "{said}");
    }
    server.set_mood(Mood::Takes);
    mailer.send(mail(7)).await.unwrap();
    assert_eq!(server.mails(), [mail(7)]);
}

/// A server that goes down costs no mail: an answer that was lost is a failure, and the next try arrives,
/// also over a connection that the server has closed meanwhile.
#[tokio::test]
async fn an_answer_that_was_lost_is_a_failure() {
    let server = MailServer::start().await;
    let mailer = open(&format!("smtp://{}", server.address));
    mailer.send(mail(1)).await.unwrap();
    server.set_mood(Mood::HangsUp);
    let sent = mailer.send(mail(2)).await;
    assert!(matches!(sent, Err(MailError::Failed(_))), "{sent:?}");
    server.set_mood(Mood::Takes);
    mailer.send(mail(3)).await.unwrap();
    assert_eq!(server.mails(), [mail(1), mail(2), mail(3)]);
    // A port that nobody listens at.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sent = open(&format!("smtp://{nobody}")).send(mail(4)).await;
    assert!(matches!(sent, Err(MailError::Failed(_))), "{sent:?}");
}

/// A wrong password of ours is no fault of the mail.
#[tokio::test]
async fn a_wrong_password_loses_no_mail() {
    let server = MailServer::start().await;
    let sent = open(&format!("smtp://ann:guess@{}", server.address)).send(mail(1)).await;
    assert!(matches!(sent, Err(MailError::Failed(_))), "{sent:?}");
    assert_eq!(server.mails(), []);
}

/// TLS is no wish: a server that cannot speak it is told neither a password nor a mail.
#[tokio::test]
async fn nothing_is_said_in_the_clear_where_tls_is_asked_for() {
    let server = MailServer::start().await;
    let sent = open(&format!("smtps://ann:secret@{}", server.address)).send(mail(1)).await;
    assert!(matches!(sent, Err(MailError::Failed(_))), "{sent:?}");
    let commands = server.commands();
    assert!(commands.iter().all(|it| it != "AUTH" && it != "MAIL"), "{commands:?}");
}
