//! Password hashing with argon2id.

use std::sync::{Arc, OnceLock};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, Salt},
    },
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

/// The allocation that glibc always maps for itself and gives back to the system when it is freed, in
/// bytes: `DEFAULT_MMAP_THRESHOLD_MAX` of mallopt(3). A smaller one may come to lie in the arena of its
/// thread, where it stays: with a thread for each of many logins that is 19 MiB times many arenas.
const MAPPED_MIN: usize = 32 * 1024 * 1024;

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
    /// when the caller has gone: a client that hangs up must not make room for the next one while
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
            // The caller may have gone meanwhile.
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
        match phc_string(&self.argon2, password, salt) {
            Ok(hash) => Some(hash),
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
        match matches(password, &against) {
            Ok(matches) => matches && hash.is_some(),
            Err(error) => {
                tracing::error!(%error, "a stored password hash cannot be read");
                false
            }
        }
    }

    fn nobody(&self, salt: &[u8; 32]) -> Option<String> {
        self.nobody.get_or_init(|| self.hash("a password that nobody has", salt)).clone()
    }
}

/// The hash of a password as a PHC string, which says how it was made.
fn phc_string(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> password_hash::Result<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(Salt::new(salt)?),
        hash: Some(output(argon2, password, salt)?),
    };
    Ok(hash.to_string())
}

/// Whether a password is the one that a PHC string was made of, at the cost that the string names.
fn matches(password: &str, phc_string: &str) -> password_hash::Result<bool> {
    let hash = PasswordHash::new(phc_string)?;
    let (Some(version), Some(salt), Some(expected)) = (hash.version, &hash.salt, &hash.hash) else {
        return Err(password_hash::Error::EncodingInvalid);
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let argon2 = Argon2::new(algorithm, Version::try_from(version)?, Params::try_from(&hash)?);
    // Outputs are compared in constant time.
    Ok(output(&argon2, password, salt)? == *expected)
}

/// Runs argon2 in memory that goes back to the system at the end.
fn output(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> password_hash::Result<Output> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(MAPPED_MIN.div_ceil(Block::SIZE)));
    memory.resize(blocks, Block::new());
    let mut bytes = [0; Output::MAX_LENGTH];
    let length = argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let out = bytes.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory)?;
    Ok(Output::new(out)?)
}
