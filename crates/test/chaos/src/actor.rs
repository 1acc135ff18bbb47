//! Users whose every request and answer is recorded.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::{HeaderName, Method};
use serde_json::{Value, json};
use stubmart_client::{Answer, Client, ClientError, SessionToken, TransportError};
use stubmart_contract::{
    OrderId, TicketId, UserId,
    api::{Charge, Order, Page, SignupRequest, Ticket},
};
use tokio::time::timeout;

use crate::{
    Failure,
    history::{Call, ChargeSeen, OrderSeen, Outcome, Recorder, Request, TicketSeen},
};

/// How long an answer is waited for. No call may take that long, unless the process is killed.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The header that marks an answer as one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A user with a session, which outlives the server's process.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub id: UserId,
    /// Opens the session.
    pub token: SessionToken,
}

impl Account {
    /// Signs up `count` users at `base`. Each costs tens of milliseconds of a processor.
    ///
    /// # Errors
    /// [`Failure::Client`] when one is refused; those before it are signed up.
    pub async fn sign_up(base: &str, count: usize, word: &str) -> Result<Vec<Self>, Failure> {
        let client = Client::http(base)?;
        let mut accounts = Vec::with_capacity(count);
        for number in 0..count {
            let request = SignupRequest {
                email: format!("{word}{number}@example.com"),
                password: PASSWORD.to_owned(),
                name: None,
            };
            let signed = client.signup(&request).await?;
            accounts.push(Self { id: signed.user.id, token: signed.token });
        }
        Ok(accounts)
    }

    /// This user at `base`, with connections of its own.
    ///
    /// # Errors
    /// [`Failure::Client`] when `base` is no address.
    pub fn at(&self, base: &str, recorder: &Arc<Recorder>) -> Result<Actor, Failure> {
        Ok(self.over(&Client::http(base)?, recorder))
    }

    /// The same, with connections that begin at the address `from` of this machine.
    ///
    /// # Errors
    /// [`Failure::Client`] when `base` is no address.
    pub fn at_from(
        &self,
        base: &str,
        from: IpAddr,
        recorder: &Arc<Recorder>,
    ) -> Result<Actor, Failure> {
        Ok(self.over(&Client::http_from(base, from)?, recorder))
    }

    fn over(&self, client: &Client, recorder: &Arc<Recorder>) -> Actor {
        let client = client.with_session(&self.token);
        Actor { user: self.id, client, recorder: Arc::clone(recorder) }
    }
}

/// A user at a running market. Clones share connections.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub user: UserId,
    /// Calls as this user, unrecorded.
    pub client: Client,
    recorder: Arc<Recorder>,
}

/// What is sent.
struct Sent {
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<String>,
}

impl Sent {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None, key: None }
    }

    fn post(path: &str, body: Value, key: Option<&str>) -> Self {
        let key = key.map(str::to_owned);
        Self { method: Method::POST, path: path.to_owned(), body: Some(body), key }
    }

    fn bare(method: Method, path: String) -> Self {
        Self { method, path, body: None, key: None }
    }
}

/// How an answer's body is read.
type Read = fn(&Recorder, &Answer) -> Result<Outcome, ClientError>;

impl Actor {
    /// Lists a ticket.
    pub async fn list_ticket(&self, title: &str, price: u32, key: Option<&str>) -> Outcome {
        let body = json!({"title": title, "price": price});
        let request = Request::ListTicket { title: title.to_owned(), price };
        self.call(request, Sent::post("/api/tickets", body, key), ticket).await
    }

    /// Changes a ticket's price.
    pub async fn edit_price(&self, id: TicketId, price: u32) -> Outcome {
        let mut sent = Sent::bare(Method::PATCH, format!("/api/tickets/{id}"));
        sent.body = Some(json!({"price": price}));
        self.call(Request::EditPrice { ticket: id, price }, sent, ticket).await
    }

    /// Withdraws a ticket.
    pub async fn withdraw(&self, id: TicketId) -> Outcome {
        let sent = Sent::bare(Method::DELETE, format!("/api/tickets/{id}"));
        self.call(Request::Withdraw { ticket: id }, sent, done).await
    }

    /// Starts a checkout.
    pub async fn order(&self, id: TicketId, key: Option<&str>) -> Outcome {
        let sent = Sent::post("/api/orders", json!({"ticketId": id}), key);
        self.call(Request::Order { ticket: id }, sent, order).await
    }

    /// Leaves a checkout.
    pub async fn leave(&self, id: OrderId) -> Outcome {
        let sent = Sent::bare(Method::DELETE, format!("/api/orders/{id}"));
        self.call(Request::Leave { order: id }, sent, order).await
    }

    /// Tells that the checkout's page was closed.
    pub async fn close_page(&self, id: OrderId) -> Outcome {
        let sent = Sent::bare(Method::POST, format!("/api/orders/{id}/leave"));
        self.call(Request::ClosePage { order: id }, sent, done).await
    }

    /// Pays.
    pub async fn pay(&self, id: OrderId, method: &str, key: Option<&str>) -> Outcome {
        let body = json!({"orderId": id, "paymentMethod": method});
        let request = Request::Pay { order: id, method: method.to_owned() };
        self.call(request, Sent::post("/api/payments", body, key), payment).await
    }

    /// Looks at a ticket of one's own.
    pub async fn read_ticket(&self, id: TicketId) -> Outcome {
        let sent = Sent::get(format!("/api/tickets/{id}"));
        self.call(Request::ReadTicket { ticket: id }, sent, ticket).await
    }

    /// Looks at an order of one's own.
    pub async fn read_order(&self, id: OrderId) -> Outcome {
        let sent = Sent::get(format!("/api/orders/{id}"));
        self.call(Request::ReadOrder { order: id }, sent, order).await
    }

    /// Looks at the charges of an order of one's own.
    pub async fn read_charges(&self, id: OrderId) -> Outcome {
        let sent = Sent::get(format!("/api/payments?orderId={id}&limit=200"));
        self.call(Request::ReadCharges { order: id }, sent, charges).await
    }

    /// Goes through all pages of one's own tickets, in every state.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when a page is not answered with a list.
    pub async fn all_tickets(&self) -> Result<Vec<TicketSeen>, Failure> {
        let pages = self.all("/api/tickets?sellerId=me&", tickets).await?;
        Ok(pages.into_iter().flat_map(|page| page.tickets().to_vec()).collect())
    }

    /// Goes through all pages of one's own tickets that are locked.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when a page is not answered with a list.
    pub async fn locked_tickets(&self) -> Result<Vec<TicketSeen>, Failure> {
        let pages = self.all("/api/tickets?sellerId=me&status=locked&", tickets).await?;
        Ok(pages.into_iter().flat_map(|page| page.tickets().to_vec()).collect())
    }

    /// Goes through all pages of one's own orders; `filter` is a query, such as `status=created`.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when a page is not answered with a list.
    pub async fn all_orders(&self, filter: &str) -> Result<Vec<OrderSeen>, Failure> {
        let and = if filter.is_empty() { "" } else { "&" };
        let pages = self.all(&format!("/api/orders?{filter}{and}"), orders).await?;
        Ok(pages.into_iter().flat_map(|page| page.orders().to_vec()).collect())
    }

    /// Goes through all pages of one's own charges.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when a page is not answered with a list.
    pub async fn all_charges(&self) -> Result<Vec<ChargeSeen>, Failure> {
        let pages = self.all("/api/payments?", charges).await?;
        Ok(pages.into_iter().flat_map(|page| page.charges().to_vec()).collect())
    }

    async fn all(&self, path: &str, read: Read) -> Result<Vec<Outcome>, Failure> {
        let mut pages = Vec::new();
        let mut page = format!("{path}limit=200");
        loop {
            let (outcome, answer) =
                self.exchange(Request::ReadList, Sent::get(page.clone()), read).await;
            let answer = answer.filter(|answer| answer.status.is_success());
            let Some(answer) = answer else {
                return Err(Failure::Unmet(format!("{page} was answered with {outcome:?}")));
            };
            pages.push(outcome);
            let Page::<Value> { next_cursor, .. } = answer.json()?;
            let Some(cursor) = next_cursor else { return Ok(pages) };
            page = format!("{path}limit=200&cursor={cursor}");
        }
    }

    async fn call(&self, request: Request, sent: Sent, read: Read) -> Outcome {
        self.exchange(request, sent, read).await.0
    }

    async fn exchange(
        &self,
        request: Request,
        sent: Sent,
        read: Read,
    ) -> (Outcome, Option<Answer>) {
        let keyed = sent.key.as_ref().map(|key| self.client.with_idempotency_key(key));
        let client = keyed.as_ref().unwrap_or(&self.client);
        let start = self.recorder.now();
        let asked = client.raw(sent.method, &sent.path, sent.body.as_ref());
        let answer = timeout(ANSWER_MAX, asked).await.unwrap_or(Err(TransportError::TimedOut));
        let end = self.recorder.now();
        let (outcome, answer) = match answer {
            Ok(answer) => (outcome(&self.recorder, &answer, read), Some(answer)),
            Err(error) => (Outcome::Unknown(error.to_string()), None),
        };
        let replayed = answer.as_ref().is_some_and(|it| it.headers.contains_key(REPLAYED));
        self.recorder.add(Call {
            user: self.user,
            start,
            end,
            key: sent.key,
            request,
            outcome: outcome.clone(),
            replayed,
        });
        (outcome, answer)
    }
}

fn outcome(recorder: &Recorder, answer: &Answer, read: Read) -> Outcome {
    let read = match answer.clone().success() {
        Ok(answer) => read(recorder, &answer),
        Err(error) => Err(error),
    };
    match read {
        Ok(outcome) => outcome,
        Err(ClientError::Problem(problem)) => Outcome::Refused(problem.code),
        Err(error) => Outcome::Unreadable(error.to_string()),
    }
}

fn ticket(_: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    Ok(Outcome::Tickets(vec![Recorder::ticket(answer.json()?)]))
}

fn order(recorder: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    Ok(Outcome::Orders(vec![recorder.order(&answer.json()?)]))
}

fn payment(_: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    let charge = Recorder::charge(&answer.json()?);
    Ok(match answer.status.as_u16() {
        201 => Outcome::Charges(vec![charge]),
        _ => Outcome::Pending(charge),
    })
}

fn done(_: &Recorder, _: &Answer) -> Result<Outcome, ClientError> {
    Ok(Outcome::Done)
}

fn tickets(_: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    let page: Page<Ticket> = answer.json()?;
    Ok(Outcome::Tickets(page.items.into_iter().map(Recorder::ticket).collect()))
}

fn orders(recorder: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    let page: Page<Order> = answer.json()?;
    Ok(Outcome::Orders(page.items.iter().map(|it| recorder.order(it)).collect()))
}

fn charges(_: &Recorder, answer: &Answer) -> Result<Outcome, ClientError> {
    let page: Page<Charge> = answer.json()?;
    Ok(Outcome::Charges(page.items.iter().map(Recorder::charge).collect()))
}
