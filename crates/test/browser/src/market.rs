//! A market of one's own: the served binary and a client of its API.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use stubmart_chaos::{
    process::{OneProcess, Settings, binary},
    system::System as _,
};
use stubmart_client::{Client, SessionToken};
use stubmart_contract::{
    TimeZone, Timestamp,
    api::{
        CreateEventRequest, CreateTicketRequest, Event, LoginRequest, SignupRequest, Ticket, Venue,
    },
};
use tokio::{
    process::Command,
    sync::{Semaphore, SemaphorePermit},
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
    process: OneProcess,
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
    /// Serves an empty market with these environment variables.
    ///
    /// # Panics
    /// When the binary cannot be built or does not serve.
    pub async fn serve(settings: &[(&'static str, &str)]) -> Self {
        Self::start(prepare(settings).await).await
    }

    /// Serves a market with these environment variables and the TICKIT catalogue, whose files lie in `catalogue`.
    ///
    /// # Panics
    /// When the binary cannot be built, the import fails or nothing is served.
    pub async fn with_catalogue(catalogue: &Path, settings: &[(&'static str, &str)]) -> Self {
        let process = prepare(settings).await;
        let imported = Command::new(binary().await.expect("the binary is built"))
            .args(["import", "events", "--upcoming", "--data"])
            .args([process.data(), catalogue])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .expect("the binary starts");
        assert!(imported.success(), "the catalogue is imported");
        Self::start(process).await
    }

    async fn start(mut process: OneProcess) -> Self {
        let turn = TURNS.acquire().await.expect("the turns never end");
        process.start().await.expect("the market serves");
        let base = process.base();
        let api = Client::http(&base).expect("it serves at an http address");
        Self { base, api, process, _turn: turn }
    }

    /// Kills the server, as `kill -9` does. The address is kept for [`Self::come_back`].
    ///
    /// # Panics
    /// When the process cannot be killed.
    pub async fn go_down(&mut self) {
        self.process.end().await.expect("it is killed");
    }

    /// Serves the same market at the same address again.
    ///
    /// # Panics
    /// When it does not serve.
    pub async fn come_back(&mut self) {
        let address = self.base.trim_start_matches("http://").to_owned();
        self.process.configure(|it| it.set("STUBMART_LISTEN", address));
        self.process.start().await.expect("the market serves again");
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
        let request = LoginRequest {
            email: email.to_owned(),
            password: Member::PASSWORD.to_owned(),
            code: None,
        };
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
        let venue = Venue { region: Some("MA".to_owned()), ..Venue::new("The Cellar", "Boston") };
        let local_start = TimeZone::UTC.local(starts_at);
        let request = CreateEventRequest::new(name, "Pop", venue, local_start);
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
            delivery_kind: None,
            external_id: None,
        };
        self.api.create_ticket(&request).await.expect("a ticket is listed")
    }
}

/// A market that is not started yet. The binary is built before anybody's turn, not within one.
async fn prepare(settings: &[(&'static str, &str)]) -> OneProcess {
    let usual = Settings::default().set("STUBMART_RATE_LIMITS", "off");
    let settings = settings.iter().fold(usual, |all, (name, value)| all.set(name, *value));
    OneProcess::new(settings).await.expect("the binary is built")
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().unwrap_or(root)
}
