//! Broken mailers.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_memory::MemoryMailer;
use stubmart_ports::mailer::{Mail, MailError, Mailer};
use stubmart_suite::rules::mailer::Outbox;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    KeepsTheLastMailOnly,
    KeepsPlainTextOnly,
    LosesTheHtml,
    LosesFiles,
    RefusesAMailItHas,
}

use Defect::*;

/// A mailer with one defect.
struct Broken {
    inner: MemoryMailer,
    defect: Defect,
}

impl Broken {
    fn new(defect: Defect) -> Arc<Self> {
        Arc::new(Self { inner: MemoryMailer::new(), defect })
    }
}

#[async_trait]
impl Mailer for Broken {
    async fn send(&self, mut mail: Mail) -> Result<(), MailError> {
        if self.defect == KeepsPlainTextOnly {
            mail.subject.retain(|character| character.is_ascii());
        }
        if self.defect == LosesTheHtml {
            mail.html = None;
        }
        if self.defect == LosesFiles {
            mail.attachments.clear();
        }
        if self.defect == RefusesAMailItHas && self.inner.mails().contains(&mail) {
            return Err(MailError::Failed("it is there already".into()));
        }
        self.inner.send(mail).await
    }
}

impl Outbox for Broken {
    fn mails(&self) -> Vec<Mail> {
        let mails = self.inner.mails();
        let skipped =
            if self.defect == KeepsTheLastMailOnly { mails.len().saturating_sub(1) } else { 0 };
        mails.into_iter().skip(skipped).collect()
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let mailer = Broken::new($defect);
        stubmart_suite::rules::$port::$rule(mailer.clone(), mailer.clone(), mailer)
    }};
}

caught! {mailer, subject,
    a_mailer_that_keeps_the_last_mail_only_is_caught: KeepsTheLastMailOnly => [
        a_mail_taken_is_in_the_outbox,
        mails_given_at_once_are_all_taken,
    ];
    a_mailer_that_keeps_plain_text_only_is_caught: KeepsPlainTextOnly => [
        a_mail_taken_is_in_the_outbox,
    ];
    a_mailer_that_loses_the_html_is_caught: LosesTheHtml => [a_mail_taken_is_in_the_outbox];
    a_mailer_that_loses_files_is_caught: LosesFiles => [a_mail_taken_is_in_the_outbox];
    a_mailer_that_refuses_a_mail_it_has_is_caught: RefusesAMailItHas => [
        a_mail_may_be_given_again,
        one_mail_given_by_many_at_once_is_whole,
    ];
}
