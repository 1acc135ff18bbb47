//! The mailer keeps every rule of its port, through two handles on one directory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    future::{Ready, ready},
    path::PathBuf,
    sync::Arc,
};

use mail_parser::MessageParser;
use stubmart_files::FileMailer;
use stubmart_ports::mailer::{Mail, Mailer};
use stubmart_suite::{
    host, mailer_suite,
    rules::{Subject, mailer::Outbox},
};

/// A directory of mails, read back.
struct Directory(PathBuf);

impl Outbox for Directory {
    fn mails(&self) -> Vec<Mail> {
        let files = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
        let mails = files.filter(|path| path.extension().is_some_and(|it| it == "eml"));
        mails.map(|path| read(&path)).collect()
    }
}

/// Reads a mail back: its id from the file's name, the rest from the message.
fn read(path: &std::path::Path) -> Mail {
    let bytes = fs::read(path).unwrap();
    let message = MessageParser::new().parse(&bytes).unwrap();
    Mail {
        id: path.file_stem().unwrap().to_str().unwrap().parse().unwrap(),
        to: message.to().unwrap().first().unwrap().address().unwrap().to_owned(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap().replace("\r\n", "\n"),
    }
}

fn subject_of_the_rules() -> Ready<Subject<dyn Mailer, Arc<dyn Outbox>>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mail");
    let (host, _) = host::manual(1);
    let open = || {
        let from = "noreply@stubmart.example";
        Arc::new(FileMailer::new(host.clone(), path.clone(), from).unwrap())
    };
    let (a, b) = (open(), open());
    let with = Arc::new(Directory(path));
    ready(Subject { a, b, with, guard: Box::new(directory) })
}

mailer_suite!(subject_of_the_rules);
