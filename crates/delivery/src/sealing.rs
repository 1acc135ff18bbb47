//! How the pages of a file are sealed: each with the file's own key, and that key with the market's.

use stubmart_contract::TicketId;
use stubmart_keyring::{ContentKey, Keyring, NotOpened, NotSealed, Purpose, Sealed};
use stubmart_ports::host::Host;
use uuid::Uuid;

use crate::code_claim::Code;

/// What the keys of files are sealed for.
const FILES: Purpose = Purpose("ticket files");

/// What codes have fingerprints for.
const CODES: Purpose = Purpose("ticket codes");

/// The fingerprint of the payload of a code.
pub(crate) fn code(keyring: &Keyring, payload: &[u8]) -> Code {
    Code::of(keyring.fingerprint(CODES, payload))
}

/// The fingerprint of a whole file.
pub(crate) fn digest(keyring: &Keyring, file: &[u8]) -> Code {
    Code::of(keyring.fingerprint(FILES, file))
}

/// The key of one upload of one listing, which opens nothing else.
#[derive(Debug)]
pub struct FileKey {
    key: ContentKey,
    ticket_id: TicketId,
    file: Uuid,
}

impl FileKey {
    /// A new key.
    pub(crate) fn new(host: &Host, ticket_id: TicketId, file: Uuid) -> Self {
        Self { key: ContentKey::new(host.ids.secret()), ticket_id, file }
    }

    /// The key that was sealed.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn unwrap(
        keyring: &Keyring,
        ticket_id: TicketId,
        file: Uuid,
        wrapped: &Sealed,
    ) -> Result<Self, NotOpened> {
        let key = ContentKey::unwrap(keyring, FILES, &aad(ticket_id, file, 0), wrapped)?;
        Ok(Self { key, ticket_id, file })
    }

    /// The key, sealed with the newest of the market's.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub(crate) fn wrap(&self, keyring: &Keyring, host: &Host) -> Result<Sealed, NotSealed> {
        let aad = aad(self.ticket_id, self.file, 0);
        self.key.wrap(keyring, FILES, &aad, host.ids.secret().into())
    }

    /// Seals a page; the first is 1.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub(crate) fn seal(
        &self,
        host: &Host,
        page: u32,
        content: &[u8],
    ) -> Result<Vec<u8>, NotSealed> {
        let aad = aad(self.ticket_id, self.file, page);
        self.key.seal(&aad, content, host.ids.secret().into())
    }

    /// What [`Self::seal`] was given.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(&self, page: u32, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        self.key.open(&aad(self.ticket_id, self.file, page), sealed)
    }
}

/// What is sealed where: a page of an upload of a listing, or with 0 the upload's key.
fn aad(ticket_id: TicketId, file: Uuid, page: u32) -> Vec<u8> {
    [ticket_id.0.as_bytes().as_slice(), file.as_bytes(), &page.to_be_bytes()].concat()
}
