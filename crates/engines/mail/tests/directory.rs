//! The directory of mail: what is refused, and how long mail stays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::SystemTime};

use stubmart_mail::FileMailer;
use stubmart_ports::mailer::{Mail, MailError, Mailer as _};

fn open(directory: &Path) -> FileMailer {
    let from = "noreply@stubmart.example";
    FileMailer::new(
        stubmart_os::host(tokio::runtime::Handle::current()).0,
        directory.to_owned(),
        from,
    )
    .unwrap()
}

fn mail(to: &str) -> Mail {
    let (subject, text) = ("Hello".to_owned(), "Hello.\n".to_owned());
    Mail::plain(uuid::Uuid::from_u128(7), to.to_owned(), subject, text)
}

/// A mail whose address cannot be written is refused for good; one that cannot be written down just
/// now may be tried again.
#[tokio::test]
async fn a_bad_address_is_refused_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let mailer = open(directory.path());
    let long = format!("{}@example.com", "ä".repeat(130));
    for to in ["ann", "ann@example.org\r\nBcc: eve@example.org", &long] {
        let sent = mailer.send(mail(to)).await;
        assert!(matches!(sent, Err(MailError::Refused(_))), "{to}: {sent:?}");
    }
    drop(directory);
    let sent = mailer.send(mail("ann@example.com")).await;
    assert!(matches!(sent, Err(MailError::Failed(_))), "{sent:?}");
}

/// Mail that nobody took away is removed after a week, and nothing else is.
#[tokio::test]
async fn old_mail_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["old.eml", "old.draft", "old.txt", "new.eml", "new.draft"] {
        let file = fs::File::create(path(name)).unwrap();
        if name.starts_with("old") {
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
    }
    let _mailer = open(directory.path());
    while path("old.eml").exists() || path("old.draft").exists() {
        tokio::task::yield_now().await;
    }
    for kept in ["old.txt", "new.eml", "new.draft"] {
        assert!(path(kept).exists(), "{kept}");
    }
}
