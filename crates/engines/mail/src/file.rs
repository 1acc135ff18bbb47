//! A mailer that puts mail into a directory, one file each, for a mail system or a developer to pick up.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use lettre::message::Mailbox;
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    host::Host,
    mailer::{Mail, MailError, Mailer},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::message::{Message, sender};

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
    /// sender `from`: an address, or `Name <address>`.
    ///
    /// # Errors
    /// When the directory cannot be made, or `from` is no sender.
    pub fn new(host: Host, directory: PathBuf, from: &str) -> Result<Self, Cause> {
        let from = sender(from)?;
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
        let message = Message::new(mail, &self.from, now).map_err(MailError::Refused)?;
        let stored = self.store(mail.id, attempt, &message.bytes);
        stored.map_err(|error| MailError::Failed(error.into()))
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
