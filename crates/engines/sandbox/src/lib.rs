//! The sandbox: a payment provider without money, which answers Stripe's documented test payment methods
//! as Stripe does (<https://docs.stripe.com/testing>).
//!
//! It is as stateful as the real one: what was authorised can be captured once, what was captured can
//! be given back once, and all of it survives a crash, because it is kept as documents of a store. One
//! request makes one save.

pub mod emulator;
mod methods;
pub mod payment;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Context, Timestamp};
use stubmart_kernel::{ApplyError, Repository, RepositoryError};
use stubmart_ports::{
    bank::TestBank,
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentBooks, PaymentGateway,
        PaymentRecord, PaymentState, RefundRequest,
    },
    host::Host,
    key::Key,
    store::{Collection, Store},
};

use methods::SLOW;
pub use methods::{METHODS, Method, Outcome};
use payment::{
    Authorise, Command, NewRefund, PAYMENT, PAYMENTS, Refusal, SandboxPayment, SlowBank,
};

/// The sandbox's collections.
pub const COLLECTIONS: &[&Collection] = &[&PAYMENTS];

/// How long the sandbox keeps an idempotency key, as Stripe does.
const KEY_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How many payments are read at once.
const ROWS: usize = 500;

/// The sandbox acts on its own account.
const CONTEXT: Context = Context::work("sandbox");

/// The sandbox. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Sandbox {
    payments: Repository<SandboxPayment>,
    host: Host,
}

impl Sandbox {
    /// A sandbox that keeps its books in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, host: Host) -> Self {
        Self { payments: Repository::new(&PAYMENTS, store, host.clone()), host }
    }

    async fn find(&self, payment_id: &str) -> Result<Option<SandboxPayment>, GatewayError> {
        // A later payment of a charge has the first one's id and a number behind it.
        let first_id = payment_id.rsplit_once('_').filter(|(first, _)| first.contains('_'));
        let key = Key::new().text(first_id.map_or(payment_id, |(first, _)| first));
        let found = self.payments.by_unique(PAYMENT, &key).await.map_err(failed)?;
        Ok(found.and_then(|found| found.state.find(payment_id).cloned()))
    }

    /// Makes a charge's payment take a step, unless it has taken it already.
    async fn step(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
        command: &Command,
    ) -> Result<PaymentState, GatewayError> {
        let applied = self.payments.apply(&CONTEXT, charge_id, command).await;
        let after = applied.map_err(not_applied)?.after.state;
        let payment = after.find(payment_id).ok_or_else(|| no_such_payment(payment_id))?;
        Ok(payment.state(self.host.now()))
    }
}

#[async_trait]
impl PaymentGateway for Sandbox {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let now = self.host.now();
        let command = Command::Authorise(Authorise {
            request: request.clone(),
            payment_id: format!("pi_{}", self.host.uuid().simple()),
            secret: self.host.ids.secret().map(|byte| format!("{byte:02x}")).concat(),
            slow_bank: SlowBank { decides_at: now.after(SLOW), approves: true },
            key_kept: KEY_KEPT,
        });
        let applied = self.payments.create(&CONTEXT, request.charge_id, &command).await;
        Ok(applied.map_err(not_applied)?.after.state.to_payment(self.host.now()))
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let command = Command::Capture { payment_id: payment_id.to_owned() };
        self.step(charge_id, payment_id, &command).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let command = Command::Void { payment_id: payment_id.to_owned() };
        self.step(charge_id, payment_id, &command).await
    }

    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        let RefundRequest { charge_id, payment_id, refund_id, amount } = request;
        let command = Command::Refund(NewRefund {
            payment_id: payment_id.clone(),
            id: format!("re_{}", self.host.uuid().simple()),
            refund_id: Some(*refund_id),
            amount: Some(*amount),
            bounces_at: None,
        });
        self.step(*charge_id, payment_id, &command).await
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        let found = self.find(payment_id).await?.ok_or_else(|| no_such_payment(payment_id))?;
        Ok(found.to_payment(self.host.now()))
    }

    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        let found = self.payments.load(charge_id).await.map_err(failed)?;
        Ok(found.map(|found| found.state.to_payment(self.host.now())))
    }

    /// The sandbox sends no webhooks, so there is none that it could have signed.
    fn notice(&self, _: &str, _: &[u8], _: Timestamp) -> Result<Notice, BadNotice> {
        Err(BadNotice::Signature)
    }

    async fn undelivered_notices(&self, _: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl PaymentBooks for Sandbox {
    async fn records(&self) -> Result<Vec<PaymentRecord>, GatewayError> {
        let mut scan = self.payments.scan(PAYMENT, &Key::new()).limit(ROWS);
        let mut records = Vec::new();
        loop {
            let rows = self.payments.find(scan.clone()).await.map_err(failed)?;
            let Some(last) = rows.last() else { return Ok(records) };
            scan = scan.behind(&last.key);
            let now = self.host.now();
            records.extend(rows.iter().flat_map(|row| row.found.state.records(now)));
        }
    }
}

#[async_trait]
impl TestBank for Sandbox {
    async fn authenticate(
        &self,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Option<Payment>, GatewayError> {
        let payment_id = client_secret.split("_secret_").next().unwrap_or_default();
        let found = self.find(payment_id).await?;
        let is_theirs = |it: &SandboxPayment| it.client_secret.as_deref() == Some(client_secret);
        let Some(payment) = found.filter(is_theirs) else { return Ok(None) };
        let command = Command::Authenticate { payment_id: payment.id.clone(), succeed };
        let state = self.step(payment.charge_id, &payment.id, &command).await?;
        Ok(Some(Payment { state, ..payment.to_payment(self.host.now()) }))
    }
}

fn no_such_payment(payment_id: &str) -> GatewayError {
    Refusal::NoSuchPayment(payment_id.to_owned()).into()
}

/// What a store's failure means to those who asked the provider.
fn failed(error: RepositoryError) -> GatewayError {
    match error {
        RepositoryError::Indeterminate(_) => GatewayError::Indeterminate(error.into()),
        RepositoryError::Taken { .. }
        | RepositoryError::Contended
        | RepositoryError::Unavailable(_)
        | RepositoryError::Corrupt(_) => GatewayError::Unavailable(error.into()),
    }
}

fn not_applied(error: ApplyError<Refusal>) -> GatewayError {
    match error {
        ApplyError::Refused { refusal, .. } => refusal.into(),
        ApplyError::Stale { .. } => failed(RepositoryError::Contended),
        ApplyError::Repository(error) => failed(error),
    }
}
