//! The mailer that writes into a directory.

use std::{
    fs,
    future::{Ready, ready},
    path::PathBuf,
    sync::Arc,
};

use stubmart_mail::FileMailer;
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
        mails.map(|path| crate::read(&fs::read(path).unwrap())).collect()
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
