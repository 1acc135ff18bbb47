//! The system under test, whatever it is made of: one process now, several in the split topology.

use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;

use crate::Failure;

/// A market made of real processes that can really be killed.
#[async_trait]
pub trait System: Send {
    /// Where the public API is, such as `http://127.0.0.1:4711`. It may differ after each start.
    fn base(&self) -> String;

    /// Starts what does not run, on the data that is there, and waits until all of it is ready. Tells how
    /// long that took.
    ///
    /// # Errors
    /// [`Failure::Market`] when it does not become ready; what was started runs or has ended.
    async fn start(&mut self) -> Result<Duration, Failure>;

    /// Whether what is started from now on is doomed to die at a random system call, where the system was set
    /// up for that. At first nothing is.
    fn doom(&mut self, is_doomed: bool);

    /// Starts what does not run and kills it after `alive`, ready or not.
    ///
    /// # Errors
    /// [`Failure::Io`].
    async fn start_and_kill(&mut self, alive: Duration) -> Result<(), Failure>;

    /// Kills (SIGKILL) one process or several, as `random` decides; in one process, that one.
    ///
    /// # Errors
    /// [`Failure::Market`] when one has ended by itself before.
    async fn kill(&mut self, random: &mut Rng) -> Result<(), Failure>;

    /// Does to the stored data of what was killed what a crash may do: tears what was not acknowledged.
    ///
    /// # Errors
    /// [`Failure::Io`].
    fn tear(&mut self, random: &mut Rng) -> Result<(), Failure>;

    /// How long all but one start in a hundred may take.
    fn ready_max(&self) -> Duration;

    /// Asks everything to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// [`Failure::Market`] when it does not end, or not with success.
    async fn stop(&mut self) -> Result<(), Failure>;

    /// Audits the stored market (`stubmart check`), also while it serves.
    ///
    /// # Errors
    /// [`Failure::Audit`] with what it found.
    async fn audit(&self) -> Result<(), Failure>;

    /// Looks for what no log may hold when no fault was injected: errors and panics.
    ///
    /// # Errors
    /// [`Failure::Log`] with the lines.
    fn inspect_log(&self) -> Result<(), Failure>;
}
