//! The rules of the mailer.

use std::{collections::BTreeSet, sync::Arc};

use stubmart_ports::mailer::{Attachment, Mail, Mailer};
use uuid::Uuid;

use super::at_once;

/// What a mailer has taken, as the test can see it.
pub trait Outbox: Send + Sync + 'static {
    /// The mails, in any order.
    fn mails(&self) -> Vec<Mail>;
}

/// Every other one has HTML and can be unsubscribed from, every third has a file.
fn mail(number: u64) -> Mail {
    let attachment = || Attachment {
        name: format!("{number}.ics"),
        media_type: "text/calendar".to_owned(),
        content: format!("BEGIN:VCALENDAR\r\n.\r\nX-{number}:é\r\n").into_bytes(),
    };
    Mail {
        id: Uuid::from_u128(u128::from(number)),
        to: format!("user{number}@example.com"),
        subject: format!("Ærende {number}"),
        text: format!("First line of {number}.\n\n.\nLine after a lone dot: 東京 🎫\n"),
        html: number.is_multiple_of(2).then(|| format!("<p>Line of <b>{number}</b>: 東京</p>\n")),
        attachments: number.is_multiple_of(3).then(attachment).into_iter().collect(),
        unsubscribe: number.is_multiple_of(2).then(|| {
            let token = "0192f0c1-2345-7abc-8def-0123456789ab.c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
            format!("https://tickets.example/alerts/stop/{token}-{number}")
        }),
    }
}

/// A mail that was taken is in the outbox as it was given, through either handle.
pub async fn a_mail_taken_is_in_the_outbox(
    a: Arc<dyn Mailer>,
    b: Arc<dyn Mailer>,
    outbox: Arc<dyn Outbox>,
) {
    assert_eq!(outbox.mails(), []);
    a.send(mail(1)).await.unwrap();
    b.send(mail(2)).await.unwrap();
    a.send(mail(3)).await.unwrap();
    b.send(mail(6)).await.unwrap();
    let mut mails = outbox.mails();
    mails.sort_by_key(|mail| mail.id);
    assert_eq!(mails, [mail(1), mail(2), mail(3), mail(6)]);
}

/// A mail may be given again, as after a lost answer; it is in the outbox, as it was, and so are the
/// others.
pub async fn a_mail_may_be_given_again(
    a: Arc<dyn Mailer>,
    b: Arc<dyn Mailer>,
    outbox: Arc<dyn Outbox>,
) {
    for mailer in [&a, &b, &a] {
        mailer.send(mail(1)).await.unwrap();
    }
    b.send(mail(2)).await.unwrap();
    let mails = outbox.mails();
    for expected in [mail(1), mail(2)] {
        assert!(mails.contains(&expected), "{mails:?}");
    }
}

/// Mails that are given at once are all taken.
pub async fn mails_given_at_once_are_all_taken(
    a: Arc<dyn Mailer>,
    b: Arc<dyn Mailer>,
    outbox: Arc<dyn Outbox>,
) {
    let senders = (1..=40).zip([&a, &b].into_iter().cycle()).map(|(number, mailer)| {
        let mailer = Arc::clone(mailer);
        async move { mailer.send(mail(number)).await.unwrap() }
    });
    at_once(senders.collect::<Vec<_>>()).await;
    let ids: BTreeSet<_> = outbox.mails().into_iter().map(|mail| mail.id).collect();
    assert_eq!(ids.len(), 40);
}

/// One mail that many give at once is in the outbox whole.
pub async fn one_mail_given_by_many_at_once_is_whole(
    a: Arc<dyn Mailer>,
    b: Arc<dyn Mailer>,
    outbox: Arc<dyn Outbox>,
) {
    for number in 1..=20 {
        let senders = [&a, &b].into_iter().cycle().take(6).map(|mailer| {
            let mailer = Arc::clone(mailer);
            async move { mailer.send(mail(number)).await }
        });
        for sent in at_once(senders.collect::<Vec<_>>()).await {
            sent.unwrap();
        }
        assert!(outbox.mails().contains(&mail(number)));
    }
}

/// Makes a test of each rule of the [`Mailer`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Mailer, Arc<dyn Outbox>>>`.
#[macro_export]
macro_rules! mailer_suite {
    ($factory:expr) => {
        $crate::rule_tests!(mailer, $factory, [], with [
            a_mail_taken_is_in_the_outbox,
            a_mail_may_be_given_again,
            mails_given_at_once_are_all_taken,
            one_mail_given_by_many_at_once_is_whole,
        ]);
    };
}
