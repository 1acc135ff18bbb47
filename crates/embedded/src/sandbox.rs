//! The sandbox: a payment provider without money, which answers Stripe's documented test payment methods
//! as Stripe does (<https://docs.stripe.com/testing>).
//!
//! It is as stateful as the real one: what was authorised can be captured once, what was captured can
//! be given back once, and all of it survives a crash, because it is kept as documents of a store.

mod intent;
mod methods;

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_kernel::{
    repo::{ChangeError, Decision, Repo, RepoError, Trace, Versioned},
    worker::Wake,
};
use stubmart_ports::{
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Intent, IntentState, Notice, PaymentGateway,
        SandboxBank,
    },
    host::Host,
    key::Key,
    store::{Collection, Scan, Store},
};

use intent::{INTENT, Next};
pub use intent::{INTENTS, SandboxIntent, Status};
pub use methods::{METHODS, Method, Outcome};

/// The sandbox's collections.
pub const COLLECTIONS: &[&Collection] = &[&INTENTS];

/// How many intents are read at once.
const PAGE: usize = 500;

/// The sandbox. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Sandbox {
    intents: Repo<SandboxIntent>,
    host: Host,
}

impl Sandbox {
    /// A sandbox that keeps its books in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, host: Host) -> Self {
        Self { intents: Repo::new(store, host.clone(), Wake::default()), host }
    }

    /// The books: every intent there ever was.
    ///
    /// # Errors
    /// [`RepoError`] when they can not be read.
    pub async fn books(&self) -> Result<Vec<SandboxIntent>, RepoError> {
        let all = Scan::prefix(&INTENTS, INTENT, &Key::new()).limit(PAGE);
        let (mut books, mut next) = (Vec::new(), Some(all.clone()));
        while let Some(scan) = next.take() {
            let rows = self.intents.find(scan).await?;
            next = rows.get(PAGE - 1).map(|last| all.clone().behind(&last.key));
            books.extend(rows.into_iter().map(|row| row.doc));
        }
        Ok(books)
    }

    async fn by_intent_id(&self, intent_id: &str) -> Result<SandboxIntent, GatewayError> {
        let key = Key::new().text(intent_id);
        let found = self.intents.by_unique(INTENT, &key).await.map_err(failed)?;
        found.map(|stored| stored.doc).ok_or_else(|| no_such_intent(intent_id))
    }

    /// Takes a step with an intent, unless it has happened already.
    async fn step(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
        step: impl Fn(&SandboxIntent) -> Next + Send + Sync,
    ) -> Result<IntentState, GatewayError> {
        let changed = self.intents.change(charge_id.0, Trace::REQUEST, |current| {
            let found = current.filter(|stored| stored.doc.id == intent_id);
            let Some(Versioned { doc, .. }) = found else {
                return Err(no_such_intent(intent_id));
            };
            Ok(match step(doc) {
                Next::Stays => Decision::Keep(doc.state()),
                Next::Becomes(status) => {
                    let doc = SandboxIntent { status, ..doc.clone() };
                    let answer = doc.state();
                    Decision::Save { doc, events: Vec::new(), answer }
                }
            })
        });
        changed.await.map_err(change_failed)
    }
}

#[async_trait]
impl PaymentGateway for Sandbox {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Intent, GatewayError> {
        let intent_id = format!("pi_{}", self.host.uuid().simple());
        let client_secret = intent::client_secret(&intent_id, &self.host.ids.secret());
        let now = self.host.now();
        let changed =
            self.intents.change_from(request.charge_id.0, None, Trace::REQUEST, |current| {
                if let Some(stored) = current {
                    return Ok(Decision::Keep(stored.doc.to_intent()));
                }
                let doc = SandboxIntent::new(request, &intent_id, &client_secret, now)?;
                let answer = doc.to_intent();
                Ok(Decision::Save { doc, events: Vec::new(), answer })
            });
        changed.await.map_err(change_failed)
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        self.step(charge_id, intent_id, SandboxIntent::capture).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        self.step(charge_id, intent_id, SandboxIntent::void).await
    }

    async fn refund(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let refund_id = format!("re_{}", self.host.uuid().simple());
        self.step(charge_id, intent_id, |intent| intent.refund(&refund_id)).await
    }

    async fn intent(&self, intent_id: &str) -> Result<Intent, GatewayError> {
        Ok(self.by_intent_id(intent_id).await?.to_intent())
    }

    async fn intent_of(&self, charge_id: ChargeId) -> Result<Option<Intent>, GatewayError> {
        let stored = self.intents.load(charge_id.0).await.map_err(failed)?;
        Ok(stored.map(|stored| stored.doc.to_intent()))
    }

    fn publishable_key(&self) -> Option<&str> {
        None
    }

    /// The sandbox sends no webhooks, so there is none that it could have signed.
    fn notice(&self, _: &str, _: &[u8], _: Timestamp) -> Result<Notice, BadNotice> {
        Err(BadNotice::Signature)
    }
}

#[async_trait]
impl SandboxBank for Sandbox {
    async fn authenticate(
        &self,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Option<Intent>, GatewayError> {
        let intent_id = client_secret.split("_secret_").next().unwrap_or_default();
        let intent = match self.by_intent_id(intent_id).await {
            Ok(intent) if intent.client_secret == client_secret => intent,
            Ok(_) | Err(GatewayError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let state =
            self.step(intent.charge_id, &intent.id, |intent| intent.authenticate(succeed)).await?;
        Ok(Some(Intent { state, ..intent.to_intent() }))
    }
}

fn no_such_intent(intent_id: &str) -> GatewayError {
    GatewayError::Refused {
        code: "resource_missing".to_owned(),
        message: format!("No such payment_intent: '{intent_id}'"),
    }
}

/// What a store's failure means for whoever asked the provider.
fn failed(error: RepoError) -> GatewayError {
    match error {
        RepoError::Indeterminate(_) => GatewayError::Indeterminate(error.into()),
        RepoError::Taken { .. }
        | RepoError::Contended
        | RepoError::Unavailable(_)
        | RepoError::Corrupt(_) => GatewayError::Unavailable(error.into()),
    }
}

fn change_failed(error: ChangeError<GatewayError>) -> GatewayError {
    match error {
        ChangeError::Refused(error) => error,
        ChangeError::Repo(error) => failed(error),
    }
}
