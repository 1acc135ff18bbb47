//! Password hashing with argon2id.

use std::sync::{Arc, OnceLock};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
};
use async_trait::async_trait;
use stubmart_ports::host::{Busy, Host, PasswordHasher};
use tokio::sync::{Semaphore, oneshot};

/// How hard a password is hashed. The default is what OWASP recommends: 19 MiB, two passes, one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// The cost is none that argon2 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCost;

impl std::fmt::Display for InvalidCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("argon2 takes at least one lane, one pass and 8 KiB of memory for each lane")
    }
}

impl std::error::Error for InvalidCost {}

/// How many may wait for their turn.
const WAITING_MAX: usize = 256;

/// Hashes with argon2id on the host's blocking threads, at most one for each core at a time, so that
/// a wave of logins takes neither all processors nor all memory.
pub struct Argon2Hasher {
    host: Host,
    engine: Arc<Engine>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl std::fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Argon2Hasher").finish_non_exhaustive()
    }
}

impl Argon2Hasher {
    /// A hasher of this cost.
    ///
    /// # Errors
    /// [`InvalidCost`].
    pub fn new(host: Host, cost: Argon2Cost) -> Result<Self, InvalidCost> {
        let params =
            Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|_| InvalidCost)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let engine = Arc::new(Engine { argon2, nobody: OnceLock::new() });
        let prepared = Arc::clone(&engine);
        // Made ahead, so that not even the first login with an unknown email takes longer.
        let salt = host.ids.secret();
        host.spawner.blocking(Box::new(move || drop(prepared.nobody(&salt))));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            host,
            engine,
            running: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Semaphore::new(cores.saturating_add(WAITING_MAX))),
        })
    }

    /// Runs `work` on a blocking thread when it is its turn. Its place is taken until it is done, also
    /// when whoever asked has gone: a client that hangs up must not make room for the next one while
    /// its hash is still being computed.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Option<T> + Send + 'static,
    ) -> Result<T, Busy> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let (reply, done) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        self.host.spawner.blocking(Box::new(move || {
            // What nobody waits for any more is not begun.
            let answer = if reply.is_closed() { None } else { work(&engine) };
            drop((running, admitted));
            // Whoever asked may have gone meanwhile.
            drop(reply.send(answer));
        }));
        done.await.ok().flatten().ok_or(Busy)
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: String) -> Result<String, Busy> {
        let salt = self.host.ids.secret();
        self.run(move |engine| engine.hash(&password, &salt)).await
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        let salt = self.host.ids.secret();
        self.run(move |engine| Some(engine.verify(&password, hash.as_deref(), &salt))).await
    }
}

/// The algorithm, and a hash that belongs to nobody.
struct Engine {
    argon2: Argon2<'static>,
    nobody: OnceLock<Option<String>>,
}

impl Engine {
    fn hash(&self, password: &str, salt: &[u8; 32]) -> Option<String> {
        let salt: &[u8; 16] = salt.first_chunk()?;
        match self.argon2.hash_password_with_salt(password.as_bytes(), salt) {
            Ok(hash) => Some(hash.to_string()),
            Err(error) => {
                tracing::error!(%error, "password not hashed");
                None
            }
        }
    }

    /// Verifies against a hash that belongs to nobody where there is none, so that both take as long.
    fn verify(&self, password: &str, hash: Option<&str>, salt: &[u8; 32]) -> bool {
        let against = match hash {
            Some(hash) => Some(hash.to_owned()),
            None => self.nobody(salt),
        };
        let Some(against) = against else { return false };
        match PasswordHash::new(&against) {
            Ok(parsed) => {
                let fits = self.argon2.verify_password(password.as_bytes(), &parsed).is_ok();
                fits && hash.is_some()
            }
            Err(error) => {
                tracing::error!(%error, "a stored password hash can not be read");
                false
            }
        }
    }

    fn nobody(&self, salt: &[u8; 32]) -> Option<String> {
        self.nobody.get_or_init(|| self.hash("a password that nobody has", salt)).clone()
    }
}
