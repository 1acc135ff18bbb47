//! A machine for tests and simulations: its clock stands still until it is moved, its ids come from a
//! seed. The same seed and the same calls give the same run.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::Timestamp;
use stubmart_ports::host::{Busy, Clock, Host, Ids, PasswordHasher, Spawner};
use uuid::{Builder, Uuid};

/// When a manual clock begins: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A host for tests on tokio, and the clock that moves its time.
#[must_use]
pub fn manual(seed: u64) -> (Host, ManualClock) {
    let clock = ManualClock::new(START);
    let host = Host {
        clock: Arc::new(clock.clone()),
        ids: Arc::new(SeededIds::new(seed, Arc::new(clock.clone()))),
        spawner: Arc::new(TokioSpawner),
    };
    (host, clock)
}

/// A panic elsewhere while the lock was held does not matter to a test that goes on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that a test moves. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<ClockState>>);

#[derive(Debug)]
struct ClockState {
    now: Timestamp,
    elapsed: Duration,
    sleeps: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let state =
            ClockState { now, elapsed: Duration::ZERO, sleeps: 0, sleepers: BTreeMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Lets time pass: moves the time shown and wakes the sleepers whose time has come, the one that
    /// was to wake first before the others.
    pub fn advance(&self, duration: Duration) {
        let woken = {
            let mut state = lock(&self.0);
            state.now = state.now.after(duration);
            state.elapsed = state.elapsed.saturating_add(duration);
            let elapsed = state.elapsed;
            let later = state.sleepers.split_off(&(elapsed, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    /// Sets the time shown, forwards or back, as a clock that is corrected does. Nobody's sleep ends
    /// sooner or later by it.
    pub fn jump_to(&self, now: Timestamp) {
        lock(&self.0).now = now;
    }

    /// How long until the next sleeper wakes; `None` when nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let state = lock(&self.0);
        let (&(until, _), _) = state.sleepers.first_key_value()?;
        Some(until.saturating_sub(state.elapsed))
    }

    /// How many sleep.
    #[must_use]
    pub fn sleeping(&self) -> usize {
        lock(&self.0).sleepers.len()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.0).now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut state = lock(&self.0);
        state.sleeps += 1;
        let place = (state.elapsed.saturating_add(duration), state.sleeps);
        Box::pin(Sleep { clock: Arc::clone(&self.0), place })
    }
}

/// A sleeper: its place among those that sleep is when it wakes, then who slept first.
struct Sleep {
    clock: Arc<Mutex<ClockState>>,
    place: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.clock);
        if self.place.0 <= state.elapsed {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let gone = lock(&self.clock).sleepers.remove(&self.place);
        drop(gone);
    }
}

/// Pseudo-random numbers from a seed (SplitMix64, Steele, Lea and Flood 2014). For tests only.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// The numbers of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// Whether something that happens `per_mille` times in a thousand happens now.
    pub fn happens(&mut self, per_mille: u16) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// Puts `items` into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
            items.swap(last, usize::try_from(self.below(bound)).unwrap_or(last));
        }
    }
}

/// Ids and secrets from a seed. Ids are `UUIDv7`s of the clock's time, each greater than the one before.
pub struct SeededIds {
    clock: Arc<dyn Clock>,
    state: Mutex<IdState>,
}

struct IdState {
    random: Seeded,
    millis: u64,
    count: u16,
}

impl fmt::Debug for SeededIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededIds").finish_non_exhaustive()
    }
}

impl SeededIds {
    /// The ids of `seed`, at the time that `clock` shows.
    #[must_use]
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let state = IdState { random: Seeded::new(seed), millis: 0, count: 0 };
        Self { clock, state: Mutex::new(state) }
    }
}

/// How many ids of one millisecond the 12 bits behind the time can count.
const IDS_PER_MILLI: u16 = 1 << 12;

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        let now = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let mut state = lock(&self.state);
        if now > state.millis {
            (state.millis, state.count) = (now, 0);
        } else if state.count + 1 == IDS_PER_MILLI {
            (state.millis, state.count) = (state.millis + 1, 0);
        } else {
            state.count += 1;
        }
        let [high, low] = state.count.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = state.random.draw().to_be_bytes();
        Builder::from_unix_timestamp_millis(state.millis, &[high, low, a, b, c, d, e, f, g, h])
            .into_uuid()
    }

    fn secret(&self) -> [u8; 32] {
        let mut state = lock(&self.state);
        let mut secret = [0; 32];
        for chunk in secret.chunks_mut(8) {
            chunk.copy_from_slice(&state.random.draw().to_be_bytes());
        }
        secret
    }
}

/// Runs tasks on the tokio runtime that the test runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioSpawner;

impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        drop(tokio::task::spawn_blocking(work));
    }
}

/// A password hasher that takes no time and protects nothing. Counts what it is asked, so that a test
/// can tell that the same work was done with an account and without.
#[derive(Debug, Default)]
pub struct FakeHasher {
    salts: AtomicU64,
    verified: AtomicU64,
}

impl FakeHasher {
    /// How often it was asked to verify.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::SeqCst)
    }

    fn phc(salt: &str, password: &str) -> String {
        let digest = password
            .bytes()
            .chain(salt.bytes())
            .fold(0, |digest, byte| Seeded::new(digest ^ u64::from(byte)).draw());
        format!("$fake${salt}${digest:016x}")
    }
}

#[async_trait]
impl PasswordHasher for FakeHasher {
    async fn hash(&self, password: String) -> Result<String, Busy> {
        let salt = self.salts.fetch_add(1, Ordering::SeqCst);
        Ok(Self::phc(&salt.to_string(), &password))
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        self.verified.fetch_add(1, Ordering::SeqCst);
        Ok(hash.is_some_and(|hash| {
            let salt = hash.split('$').nth(2).unwrap_or_default();
            hash == Self::phc(salt, &password)
        }))
    }
}
