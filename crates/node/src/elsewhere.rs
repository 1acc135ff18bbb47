//! What stands in place of the engines of services that run elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_keyring::Keyring;
use stubmart_ports::{
    Cause,
    blobs::{BlobError, BlobKey, Blobs},
    keys::Keys,
    mailer::{Mail, MailError, Mailer},
    store::{DocKey, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored},
};

/// The store, the mailer, the blobs or the keys of a service that runs elsewhere. Nobody in this process has a reason to use it: every
/// use fails. It is always ready.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere;

fn elsewhere() -> Cause {
    "this process does not have it: its service runs elsewhere, or it is not set up".into()
}

#[async_trait]
impl Store for Elsewhere {
    async fn load(&self, _: DocKey) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn save(&self, _: Arc<Save>) -> Result<u64, StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn delete(&self, _: DocKey, _: u64) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn find(&self, _: Scan) -> Result<Vec<Found>, StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn keys(&self, _: Scan) -> Result<Vec<FoundKey>, StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn history(
        &self,
        _: &'static str,
        _: Option<HistoryCursor>,
        _: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        Err(StoreError::Unavailable(elsewhere()))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Mailer for Elsewhere {
    async fn send(&self, _: Mail) -> Result<(), MailError> {
        Err(MailError::Failed(elsewhere()))
    }
}

#[async_trait]
impl Blobs for Elsewhere {
    async fn put(&self, _: BlobKey, _: &[u8]) -> Result<(), BlobError> {
        Err(BlobError::Unavailable(elsewhere()))
    }

    async fn get(&self, _: BlobKey) -> Result<Option<Vec<u8>>, BlobError> {
        Err(BlobError::Unavailable(elsewhere()))
    }

    async fn delete(&self, _: BlobKey) -> Result<(), BlobError> {
        Err(BlobError::Unavailable(elsewhere()))
    }
}

#[async_trait]
impl Keys for Elsewhere {
    async fn keyring(&self) -> Result<Arc<Keyring>, Cause> {
        Err(elsewhere())
    }
}
