//! Seals the keys of files with the market's newest key, once it has a new one.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_contract::{Context, TicketId};
use stubmart_kernel::{
    ApplyError,
    aggregate::Key,
    worker::{Next, Worker},
};
use stubmart_keyring::Keyring;
use stubmart_ports::Cause;

use crate::{
    files::{Command, index},
    sealing::FileKey,
    service::{Deliveries, SERVICE},
};

/// How many are read at once.
const BATCH: usize = 200;

/// How often it is looked for a new key.
const EVERY: Duration = Duration::from_secs(60);

/// Wraps the keys of files again.
pub(crate) struct WrapAgain(pub(crate) Deliveries);

impl WrapAgain {
    /// Wraps the key of one file again. One that is gone or has another file by now needs no more.
    async fn wrap(&self, keyring: &Keyring, id: TicketId) -> Result<(), Cause> {
        let files = self.0.files();
        let Some(file) = files.load(id).await?.and_then(|it| it.state.file) else { return Ok(()) };
        let key = FileKey::unwrap(keyring, id, file.id, &file.key)?;
        let key = key.wrap(keyring, self.0.host())?;
        let wrap = Command::Wrap { id: file.id, key };
        match files.apply(&Context::work(SERVICE), id, &wrap).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}

#[async_trait]
impl Worker for WrapAgain {
    fn name(&self) -> &'static str {
        "delivery-wrap-again"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let files = self.0.files();
        let later = Next::At(self.0.host().now().after(EVERY));
        let every = files.scan(index::KEY_VERSION, &Key::new());
        if files.keys(every.limit(1)).await?.is_empty() {
            return Ok(later);
        }
        let keyring = self.0.keys().keyring().await?;
        let mut scan = files.scan(index::KEY_VERSION, &Key::new()).limit(BATCH);
        scan.to = Some(Key::new().number(keyring.newest()).into_bytes());
        let mut wrapped = 0_u32;
        loop {
            let keys = files.keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { break };
            scan = scan.behind(last);
            for (_, id) in keys {
                match self.wrap(&keyring, id).await {
                    Ok(()) => wrapped = wrapped.saturating_add(1),
                    // One that cannot be opened keeps no other waiting.
                    Err(error) => {
                        tracing::error!(ticket = %id, %error, "the key of a file cannot be sealed again");
                    }
                }
            }
        }
        if wrapped > 0 {
            let version = keyring.newest();
            tracing::info!(wrapped, version, "the keys of files are sealed with the newest key");
        }
        Ok(later)
    }
}
