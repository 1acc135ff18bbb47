//! A market of one's own: the served binary and a client of its API.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use stubmart_client::{Client, SessionToken};
use stubmart_contract::{
    Timestamp,
    api::{
        CreateEventRequest, CreateTicketRequest, Event, LoginRequest, SignupRequest, Ticket, Venue,
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::{OnceCell, Semaphore, SemaphorePermit},
};

/// How many markets, with the browsers that visit them, run at once; more only slow each other down.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A serving market in a throw-away directory. It ends when this is dropped.
#[derive(Debug)]
pub struct Market {
    /// Where it is: `http://127.0.0.1:…`.
    pub base: String,
    /// Calls its API as nobody.
    pub api: Client,
    arguments: Vec<String>,
    process: Child,
    directory: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Member {
    /// The address to log in with.
    pub email: String,
    /// Calls the API as this member.
    pub api: Client,
}

impl Member {
    /// Everybody's password.
    pub const PASSWORD: &str = "a few plain words";
}

impl Market {
    /// Serves an empty market with these settings on top of the usual ones.
    ///
    /// # Panics
    /// When the binary can not be built or does not serve.
    pub async fn serve(settings: &[&str]) -> Self {
        Self::start(&["serve"], settings).await
    }

    /// Serves a market with the TICKIT catalogue, whose files lie in `catalogue`.
    ///
    /// # Panics
    /// When the binary can not be built, the import fails or nothing is served.
    pub async fn with_catalogue(catalogue: &Path, settings: &[&str]) -> Self {
        let directory = directory();
        let imported = Command::new(binary().await)
            .args(["import", "events", "--upcoming", "--data"])
            .args([directory.path(), catalogue])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .expect("the binary starts");
        assert!(imported.success(), "the catalogue is imported");
        Self::start_in(directory, &["serve"], settings).await
    }

    async fn start(command: &[&str], settings: &[&str]) -> Self {
        Self::start_in(directory(), command, settings).await
    }

    async fn start_in(directory: TempDir, command: &[&str], settings: &[&str]) -> Self {
        // It is built before anybody's turn, not within one.
        binary().await;
        let turn = TURNS.acquire().await.expect("the turns never end");
        let arguments: Vec<String> =
            command.iter().chain(settings).map(|it| (*it).to_owned()).collect();
        let (process, base) = launch(&directory, &arguments, "127.0.0.1:0").await;
        let api = Client::http(&base).expect("it serves at an http address");
        Self { base, api, arguments, process, directory, _turn: turn }
    }

    /// Kills the server, as `kill -9` does. The address is kept for [`Self::come_back`].
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn go_down(&mut self) {
        self.process.kill().await.expect("it runs");
    }

    /// Serves the same market at the same address again.
    ///
    /// # Panics
    /// When it does not serve.
    pub async fn come_back(&mut self) {
        let address = self.base.trim_start_matches("http://").to_owned();
        (self.process, _) = launch(&self.directory, &self.arguments, &address).await;
    }

    /// Opens an account.
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn member(&self, name: &str) -> Member {
        let email = format!("{}@example.com", name.to_lowercase());
        let request = SignupRequest {
            email: email.clone(),
            password: Member::PASSWORD.to_owned(),
            name: Some(name.to_owned()),
        };
        let token = match self.api.signup(&request).await {
            Ok(signed_in) => signed_in.token,
            Err(_) => self.log_in(&email).await,
        };
        Member { email, api: self.api.with_session(&token) }
    }

    async fn log_in(&self, email: &str) -> SessionToken {
        let request =
            LoginRequest { email: email.to_owned(), password: Member::PASSWORD.to_owned() };
        self.api.login(&request).await.expect("a member can log in").token
    }
}

impl Member {
    /// Adds an event that begins in some weeks.
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn add_event(&self, name: &str) -> Event {
        let starts_at = Timestamp::from_millis(4_100_000_000_000);
        let request = CreateEventRequest {
            name: name.to_owned(),
            category: "Pop".to_owned(),
            venue: Venue {
                name: "The Cellar".to_owned(),
                city: "Boston".to_owned(),
                region: Some("MA".to_owned()),
            },
            starts_at,
        };
        self.api.create_event(&request).await.expect("an event is added")
    }

    /// Lists a lot of two seats in this section.
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn list(&self, event: &Event, section: &str, minor: i64) -> Ticket {
        let request = CreateTicketRequest {
            title: event.name.clone(),
            price: minor.try_into().expect("a price"),
            currency: None,
            event_id: Some(event.id),
            section: Some(section.to_owned()),
            row: Some("B".to_owned()),
            seats: Some(vec!["12".to_owned(), "13".to_owned()]),
            quantity: None,
        };
        self.api.create_ticket(&request).await.expect("a ticket is listed")
    }
}

/// Starts the binary with a market in `directory`; gives it once it serves, and its address.
async fn launch(directory: &TempDir, arguments: &[String], listen: &str) -> (Child, String) {
    let (command, settings) = arguments.split_first().expect("a command");
    let mut process = Command::new(binary().await)
        .arg(command)
        .args(["--listen", listen, "--data"])
        .arg(directory.path())
        .env("STUBMART_RATE_LIMITS", "off")
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut log = BufReader::new(process.stderr.take().expect("its log is piped")).lines();
    let mut seen = Vec::new();
    let base = loop {
        let Some(line) = log.next_line().await.expect("its log is text") else {
            panic!("stubmart ended before it served:\n{}", seen.join("\n"));
        };
        if let Some((_, address)) = line.split_once("serves at ") {
            break address.split_whitespace().next().unwrap_or_default().to_owned();
        }
        seen.push(line);
    };
    // A log that nobody reads would fill its pipe and stop the market.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    (process, base)
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("stubmart-browser-").tempdir().expect("a directory")
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().unwrap_or(root)
}

/// The binary under test: `STUBMART_BINARY`, or else the one of this workspace, built now.
async fn binary() -> &'static Path {
    static BINARY: OnceCell<PathBuf> = OnceCell::const_new();
    BINARY.get_or_init(build).await
}

async fn build() -> PathBuf {
    if let Some(given) = env::var_os("STUBMART_BINARY") {
        return given.into();
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "stubmart"]).current_dir(root());
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.status().await.expect("cargo starts");
    assert!(built.success(), "the binary under test is built");
    // This runs from target/<profile>/deps or target/<profile>/examples.
    let this = env::current_exe().expect("this program has a path");
    let profile = this.ancestors().nth(2).expect("it lies in a target directory");
    profile.join(format!("stubmart{}", env::consts::EXE_SUFFIX))
}
