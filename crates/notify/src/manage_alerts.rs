//! What their owner does with alerts, and how they end.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use stubmart_contract::{
    AlertId, Context, Currency, UserId,
    api::{CreateAlertRequest, EventStatus},
};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    due::{Due, DueError},
    page::{Page, PageError, PageRequest},
};
use stubmart_ports::calls::CallError;

use crate::{
    alert::{Alert, Command, Criteria, ENDS, New, OWNER, Refusal, Subject},
    publish::only_repository,
    service::{Notify, SERVICE},
};

/// How many alerts a user may have.
const ALERTS_MAX: usize = 50;

/// Why an alert was not made or ended.
#[derive(Debug)]
pub(crate) enum AlertError {
    /// The user has none with this id. Nothing happened.
    NotFound,
    /// It is for an event and a performer, or for neither. Nothing happened.
    NoSubject,
    /// There is no such event. Nothing happened.
    NoSuchEvent,
    /// The event is over or does not take place. Nothing happened.
    EventOver,
    /// The event's tickets are sold in another currency. Nothing happened.
    OtherCurrency(Currency),
    /// The performer's name has no letter and no digit. Nothing happened.
    NoName,
    /// The user has as many as one may have. Nothing happened.
    TooMany,
    /// The user's account was deleted. There is no alert.
    OwnerDeleted,
    /// Another service did not answer. Nothing happened.
    Call(CallError),
    /// The repository failed: it may have happened.
    Failed(RepositoryError),
}

impl From<RepositoryError> for AlertError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for AlertError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Notify {
    /// Makes an alert. A user who has the same one already keeps it.
    ///
    /// # Errors
    /// [`AlertError`].
    pub(crate) async fn create_alert(
        &self,
        context: &Context,
        id: AlertId,
        user_id: UserId,
        request: CreateAlertRequest,
    ) -> Result<Alert, AlertError> {
        let inner = &self.inner;
        let new = self.new_alert(context, id, user_id, request).await?;
        let turn = inner.turns.take(user_id.to_string()).await.ok_or(AlertError::TooMany)?;
        let scan = inner.alerts.scan(OWNER, &Alert::owned_by(user_id)).limit(ALERTS_MAX);
        let owned = inner.alerts.find(scan).await?.into_iter().map(|row| row.found.state);
        let owned: Vec<_> = owned.collect();
        let same = |it: &&Alert| it.subject == new.subject && it.criteria == new.criteria;
        if let Some(known) = owned.iter().find(same) {
            return Ok(known.clone());
        }
        if owned.len() >= ALERTS_MAX {
            return Err(AlertError::TooMany);
        }
        let made = match inner.alerts.apply(context, id, &Command::Create(Box::new(new))).await {
            Ok(applied) => applied.after.state,
            Err(ApplyError::Repository(error)) => return Err(error.into()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                return Err(AlertError::NotFound);
            }
        };
        drop(turn);
        if inner.departed.contains(user_id).await? {
            self.forget(user_id).await?;
            return Err(AlertError::OwnerDeleted);
        }
        Ok(made)
    }

    async fn new_alert(
        &self,
        context: &Context,
        id: AlertId,
        user_id: UserId,
        request: CreateAlertRequest,
    ) -> Result<New, AlertError> {
        let CreateAlertRequest { event_id, performer, quantity, max_total, currency, sections } =
            request;
        let (subject, name, currency, ends_at) = match (event_id, performer) {
            (Some(event_id), None) => {
                let show = self.inner.catalogue.show(context, event_id).await?;
                let show = show.ok_or(AlertError::NoSuchEvent)?;
                if !show.status.is_on_sale() {
                    return Err(AlertError::EventOver);
                }
                if currency.is_some_and(|it| it != show.currency) {
                    return Err(AlertError::OtherCurrency(show.currency));
                }
                (Subject::Event(event_id), show.name, show.currency, Some(show.ends_at))
            }
            (None, Some(name)) => {
                let subject = Subject::performer(&name);
                if subject == Subject::Performer(String::new()) {
                    return Err(AlertError::NoName);
                }
                (subject, name, currency.unwrap_or_default(), None)
            }
            (Some(_), Some(_)) | (None, None) => return Err(AlertError::NoSubject),
        };
        let criteria = Criteria { quantity, max_total, currency, sections };
        let secret = URL_SAFE_NO_PAD.encode(self.inner.host.ids.secret());
        Ok(New { id, user_id, subject, name, criteria, secret, ends_at })
    }

    /// A page of a user's alerts, newest first.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn list_alerts(
        &self,
        user_id: UserId,
        page: &PageRequest,
    ) -> Result<Page<Alert>, PageError> {
        let alerts = &self.inner.alerts;
        let scan = alerts.scan(OWNER, &Alert::owned_by(user_id)).descending();
        Ok(alerts.page(scan, page, |_| true).await?.map(|found| found.state))
    }

    /// Ends a user's alert. What is on its way is not sent any more.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Failed`].
    pub(crate) async fn delete_alert(
        &self,
        user_id: UserId,
        id: AlertId,
    ) -> Result<(), AlertError> {
        let is_own = |alert: &Alert| alert.user_id == user_id;
        if self.end_alert(id, is_own).await? { Ok(()) } else { Err(AlertError::NotFound) }
    }

    /// Ends the alert that a mail's link is about. One that has ended stays so; a token that is none of ours
    /// changes nothing, and is not told from one.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may have ended.
    pub(crate) async fn stop_alert(&self, token: &str) -> Result<(), RepositoryError> {
        let Some((id, secret)) = token.split_once('.') else { return Ok(()) };
        let Ok(id) = id.parse::<AlertId>() else { return Ok(()) };
        self.end_alert(id, |alert| is_same(&alert.secret, secret)).await.map(drop)
    }

    /// Deletes an alert if it is the one that is meant; whether it was.
    async fn end_alert(
        &self,
        id: AlertId,
        is_meant: impl Fn(&Alert) -> bool + Send,
    ) -> Result<bool, RepositoryError> {
        let alerts = &self.inner.alerts;
        // Something may be noted on it at the same moment.
        while let Some(seen) = alerts.load(id).await?.filter(|it| is_meant(&it.state)) {
            if alerts.delete(&seen).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Compares secrets in a time that does not depend on how much of them is right.
fn is_same(a: &str, b: &str) -> bool {
    let differs = a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
    a.len() == b.len() && differs == 0
}

/// Ends alerts whose event is over. One whose event was moved ends later.
#[derive(Debug)]
pub(crate) struct EndedAlerts(pub(crate) Notify);

#[async_trait]
impl Due for EndedAlerts {
    type Aggregate = Alert;

    fn name(&self) -> &'static str {
        "notify-ended-alerts"
    }

    fn repository(&self) -> &Repository<Alert> {
        &self.0.inner.alerts
    }

    fn index(&self) -> &'static str {
        ENDS
    }

    async fn run(&self, id: AlertId) -> Result<(), DueError> {
        let inner = &self.0.inner;
        let (context, now) = (Context::work(SERVICE), inner.host.now());
        let Some(found) = inner.alerts.load(id).await? else { return Ok(()) };
        let Subject::Event(event_id) = found.state.subject else { return Ok(()) };
        if found.state.ends_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let show = inner.catalogue.show(&context, event_id).await;
        let show = show.map_err(|error| DueError::Dependency(error.into()))?;
        let ends_later = show.filter(|it| it.status != EventStatus::Over && it.ends_at > now);
        match ends_later {
            Some(show) => {
                let moved = inner.alerts.apply(&context, id, &Command::EndsAt(show.ends_at)).await;
                moved.map(drop).or_else(only_repository::<Refusal>)?;
            }
            None => drop(inner.alerts.delete(&found).await?),
        }
        Ok(())
    }
}
