//! The real binary, as a server or for one command.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    ops::Deref,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use stubmart_testkit::Api;
use tempfile::TempDir;

use super::split::SplitMarket;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The binary under test, without settings from the environment the tests run in.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stubmart"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("STUBMART_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    binary().args(args).output().unwrap()
}

/// Runs a command on the market in `data`.
pub(crate) fn run_in(data: &Path, args: &[&str]) -> Output {
    binary().args(args).arg("--data").arg(data).output().unwrap()
}

/// A running market in a directory of its own, and its API: one process, or in the split topology
/// (`STUBMART_TEST_TOPOLOGY=split`) two for each service. Dropped, it is stopped, and its log must tell of no
/// fault.
pub(crate) struct Server {
    pub(crate) address: String,
    api: Api,
    market: Market,
    data: Arc<TempDir>,
}

/// What serves.
enum Market {
    Whole(Process),
    Split(SplitMarket),
}

impl Server {
    /// A server with the usual settings and no rate limits.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with these environment variables.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(TempDir::new().unwrap()), settings)
    }

    /// A server on a market that is there already.
    pub(crate) fn on(data: Arc<TempDir>, settings: &[(&str, &str)]) -> Self {
        let settings = [&[("STUBMART_RATE_LIMITS", "off")], settings].concat();
        let (address, market) = if SplitMarket::is_wanted() {
            let (address, market) = SplitMarket::up(data.path(), &settings);
            (address, Market::Split(market))
        } else {
            let (address, process) = Process::serve(data.path(), &settings);
            (address, Market::Whole(process))
        };
        Self { api: Api::served_at(&address), address, market, data }
    }

    /// Sends these bytes, and reads what comes back until the connection is closed.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(READY_WITHIN)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Where the market is kept.
    pub(crate) fn data(&self) -> Arc<TempDir> {
        Arc::clone(&self.data)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        match &self.market {
            Market::Whole(process) => process.log.lock().unwrap().join("\n"),
            Market::Split(market) => market.log(),
        }
    }

    /// Asks the process to stop.
    pub(crate) fn ask_to_stop(&mut self) {
        match &mut self.market {
            Market::Whole(process) => process.ask_to_stop(),
            Market::Split(market) => assert!(market.down().success()),
        }
    }

    /// Asks the process to stop and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        match &mut self.market {
            Market::Whole(process) => process.stop(),
            Market::Split(market) => market.down(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match &mut self.market {
            Market::Whole(process) => process.end(),
            Market::Split(market) => drop(market.down()),
        }
        if !std::thread::panicking() {
            let log = self.log();
            let faults: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
            assert!(faults.is_empty(), "the server logged {faults:#?}");
        }
    }
}

/// A process that serves, and its log.
struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Reads the log until the process has ended.
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Serves what is kept in `data`, and answers where.
    fn serve(data: &Path, settings: &[(&str, &str)]) -> (String, Self) {
        let mut command = binary();
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("STUBMART_DATA", data);
        command.envs(settings.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, address) = mpsc::channel();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("stubmart serves at http://") {
                    let address = rest.split_whitespace().next().unwrap_or_default();
                    // The test may have ended already.
                    drop(sender.send(address.to_owned()));
                }
                kept.lock().unwrap().push(line);
            }
        });
        let address = address.recv_timeout(READY_WITHIN);
        let address = address.unwrap_or_else(|_| panic!("not ready: {:?}", log.lock().unwrap()));
        (address, Self { child, log, reader: Some(reader) })
    }

    fn ask_to_stop(&mut self) {
        // By the shell's own kill: the program of that name is not on every machine.
        let kill = format!("kill -TERM {}", self.child.id());
        let asked = Command::new("/bin/sh").args(["-c", &kill]).status().unwrap();
        assert!(asked.success() || self.child.try_wait().unwrap().is_some());
    }

    fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        let status = self.child.wait().unwrap();
        self.read_all();
        status
    }

    /// Kills it, if it runs.
    fn end(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        self.read_all();
    }

    /// Waits until the log of the process, which has ended, is read.
    fn read_all(&mut self) {
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}
