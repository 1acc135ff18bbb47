//! Starts a child for each file, and stops it in time.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use stubmart_ports::{
    Cause,
    host::{Host, Spawner},
    reader::{BYTES_MAX, ReadError, TicketFile, TicketReader},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{kind::kind, read::PAGES_BYTES_MAX, wire};

/// How long a child may take, from its start to the end of its answer.
const TAKES_MAX: Duration = Duration::from_secs(5);

/// How many children there are at once, on a machine with as many processors. Each may take 512 MB.
const CHILDREN_MAX: usize = 2;

/// How many files may wait for their turn.
const WAITING_MAX: usize = 16;

/// How many bytes an answer may have: the pages, and what is said of them.
const ANSWER_BYTES_MAX: usize = PAGES_BYTES_MAX + 1024 * 1024;

/// How a child is started: a program that calls [`crate::child::answer`] with its standard input and output.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl Program {
    /// This program itself, with these arguments. On Linux it is the one that runs, even if another one was put in its
    /// place since.
    ///
    /// # Errors
    /// The system does not tell where this program is.
    pub fn this(args: &[&str]) -> io::Result<Self> {
        let running = PathBuf::from("/proc/self/exe");
        let path = if running.exists() { running } else { std::env::current_exe()? };
        Ok(Self { path, args: args.iter().map(OsString::from).collect() })
    }
}

/// Reads each file in a child process of its own. Some files are read at once, the others wait.
#[derive(Debug)]
pub struct ChildReader {
    host: Host,
    program: Program,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl ChildReader {
    /// A reader that starts `program`.
    #[must_use]
    pub fn new(host: Host, program: Program) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let running = processors.min(CHILDREN_MAX);
        Self {
            host,
            program,
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + WAITING_MAX)),
        }
    }

    /// Waits for a turn.
    async fn turn(&self) -> Result<[OwnedSemaphorePermit; 2], Cause> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| "too many files are waiting")?;
        Ok([admitted, Arc::clone(&self.running).acquire_owned().await?])
    }
}

#[async_trait]
impl TicketReader for ChildReader {
    async fn read(&self, file: Vec<u8>) -> Result<TicketFile, ReadError> {
        if file.len() > BYTES_MAX {
            return Err(ReadError::TooLarge);
        }
        if kind(&file).is_none() {
            return Err(ReadError::UnknownKind);
        }
        let turn = self.turn().await.map_err(ReadError::Failed)?;
        let mut running = Running::start(&self.program, Arc::clone(&self.host.spawner), turn)
            .map_err(|error| ReadError::Failed(error.into()))?;
        let mut said = running.talk(file).map_err(|error| ReadError::Failed(error.into()))?;
        let in_time = self.host.timeout(TAKES_MAX, &mut said).await;
        // Here it is killed, unless it has ended; what it had said until then is its answer.
        drop(running);
        let answer = match in_time {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!("a file took too long to read");
                said.await
            }
        };
        understood(&answer.map_err(|error| ReadError::Failed(error.into()))?)
    }
}

/// What an answer says. A child that died after it was shut in died of its file.
fn understood(answer: &[u8]) -> Result<TicketFile, ReadError> {
    match answer.strip_prefix(wire::READY) {
        Some(answer) => wire::read(answer).unwrap_or_else(|| {
            tracing::warn!("a file's reader ended before it had answered");
            Err(ReadError::Unreadable)
        }),
        None => wire::read(answer)
            .unwrap_or_else(|| Err(ReadError::Failed("the reader did not start".into()))),
    }
}

/// A child. It is killed when this is dropped, and its turn ends when it is gone.
struct Running {
    child: Option<(Child, [OwnedSemaphorePermit; 2])>,
    spawner: Arc<dyn Spawner>,
}

impl Running {
    fn start(
        program: &Program,
        spawner: Arc<dyn Spawner>,
        turn: [OwnedSemaphorePermit; 2],
    ) -> io::Result<Self> {
        let child = Command::new(&program.path)
            .args(&program.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child: Some((child, turn)), spawner })
    }

    /// Gives the child its file. What it answers comes when it has ended; it may be cut off.
    fn talk(&mut self, file: Vec<u8>) -> io::Result<oneshot::Receiver<Vec<u8>>> {
        let pipes = self
            .child
            .as_mut()
            .and_then(|(child, _)| Some((child.stdin.take()?, child.stdout.take()?)));
        let (mut input, output) =
            pipes.ok_or_else(|| io::Error::other("the reader has no pipes"))?;
        let (reply, said) = oneshot::channel();
        self.spawner.blocking(Box::new(move || {
            // A child that ends before it has read all says why, or nothing.
            let _ended = input.write_all(&file);
            drop((input, file));
            let mut answer = Vec::new();
            let limit = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
            let _cut_off = output.take(limit).read_to_end(&mut answer);
            // The caller may have gone meanwhile.
            drop(reply.send(answer));
        }));
        Ok(said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some((mut child, turn)) = self.child.take() else { return };
        // It fails for one that has ended by itself.
        let _has_ended = child.kill();
        self.spawner.blocking(Box::new(move || {
            let _status = child.wait();
            drop(turn);
        }));
    }
}
