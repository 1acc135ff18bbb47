//! The list of sessions, ending them, and dropping those that ended by themselves.

use std::{convert::Infallible, time::Duration};

use async_trait::async_trait;
use stubmart_contract::{SessionId, UserId, api};
use stubmart_http_kit::{PageRequest, Problem, SignedIn};
use stubmart_kernel::{
    repo::{ChangeError, Decision, RepoError, Row, Trace},
    worker::{Next, Worker},
};
use stubmart_ports::{Cause, key::Key, store::Scan};

use crate::{
    Auth,
    session::{self, Command, Kind, SESSIONS, Session, Which},
};

/// How many are loaded at once.
const BATCH: usize = 200;

/// How often the worker looks for sessions that ran out.
const PURGE_EVERY: Duration = Duration::from_secs(600);

impl Auth {
    /// A page of the caller's browser sessions that are alive, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn sessions(
        &self,
        caller: &SignedIn,
        page: &PageRequest,
    ) -> Result<api::Page<api::Session>, Problem> {
        let living = self.living(caller.user_id, Which::Browsers, page).await?;
        let sessions = living.into_iter().filter_map(|row| match row.doc.kind {
            Kind::Browser { user_agent, .. } => {
                let session = api::Session {
                    id: row.doc.id,
                    created_at: row.doc.created_at,
                    last_seen_at: row.doc.last_seen_at,
                    user_agent,
                    current: row.doc.id == caller.session_id,
                };
                Some((row.key, session))
            }
            Kind::Token { .. } | Kind::Ended { .. } => None,
        });
        Ok(page.page(sessions.collect(), |(key, _)| key, |(_, session)| session))
    }

    /// A page of a user's sessions that are alive, newest first, and more when there is a next page.
    /// Dead ones that nobody has tidied up yet take no room in it.
    pub(crate) async fn living(
        &self,
        user_id: UserId,
        which: Which,
        page: &PageRequest,
    ) -> Result<Vec<Row<Session>>, Problem> {
        let mut scan = Scan::prefix(&SESSIONS, "user", &which.prefix(user_id)).descending();
        scan = scan.limit(page.fetch());
        if let Some(cursor) = &page.behind {
            scan = scan.behind(cursor);
        }
        let mut found = Vec::new();
        loop {
            let rows = self.inner.sessions.find(scan.clone()).await?;
            let last = rows.last().map(|row| row.key.clone());
            let is_end = rows.len() < page.fetch();
            let (living, _) = self.judge(user_id, rows).await?;
            found.extend(living);
            match last {
                Some(last) if !is_end && found.len() < page.fetch() => scan = scan.behind(&last),
                _ => return Ok(found),
            }
        }
    }

    /// Parts a user's sessions into those that are alive and those that are dead. The user is loaded
    /// after the sessions: judged by an older password, one that was just opened would look dead.
    async fn judge(
        &self,
        user_id: UserId,
        rows: Vec<Row<Session>>,
    ) -> Result<(Vec<Row<Session>>, Vec<Row<Session>>), RepoError> {
        let user = self.inner.users.load(user_id.0).await?.map(|user| user.doc);
        let now = self.inner.host.now();
        Ok(rows.into_iter().partition(|row| row.doc.is_alive(user.as_ref(), now)))
    }

    /// Ends one of the caller's sessions or access tokens.
    ///
    /// # Errors
    /// `not_found` when the caller has no such one; `unavailable`: it may have ended.
    pub(crate) async fn revoke(
        &self,
        caller: &SignedIn,
        id: SessionId,
        which: Which,
    ) -> Result<(), Problem> {
        let living = match self.inner.sessions.load(id.0).await? {
            Some(found)
                if found.doc.user_id == caller.user_id && found.doc.which() == Some(which) =>
            {
                let user = self.inner.users.load(caller.user_id.0).await?;
                let now = self.inner.host.now();
                found.doc.is_alive(user.as_ref().map(|user| &user.doc), now)
            }
            _ => false,
        };
        if !living {
            return Err(Problem::not_found());
        }
        Ok(self.end_session(id).await?)
    }

    /// Ends a user's sessions that are dead without it, which erases what they hold.
    pub(crate) async fn drop_dead_sessions(&self, user_id: UserId) -> Result<(), RepoError> {
        let mut scan = Scan::prefix(&SESSIONS, "user", &Key::new().id(user_id.0)).limit(BATCH);
        loop {
            let rows = self.inner.sessions.find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            let (_, dead) = self.judge(user_id, rows).await?;
            for row in dead {
                self.end_session(row.doc.id).await?;
            }
        }
    }

    /// Changes a session's document. The answer is the session after it, if there is one.
    pub(crate) async fn change_session(
        &self,
        id: SessionId,
        command: &Command,
    ) -> Result<Option<Session>, RepoError> {
        let now = self.inner.host.now();
        let changed = self.inner.sessions.change(id.0, Trace::REQUEST, |current| {
            let current = current.map(|it| &it.doc);
            Ok::<_, Infallible>(match session::decide(current, command, now) {
                None => Decision::Keep(current.cloned()),
                Some(doc) => {
                    let answer = Some(doc.clone());
                    Decision::Save { doc, events: Vec::new(), answer }
                }
            })
        });
        changed.await.map_err(|error| match error {
            ChangeError::Repo(error) => error,
            ChangeError::Refused(never) => match never {},
        })
    }
}

/// Drops the documents of sessions that ran out or were ended long ago.
#[derive(Debug)]
pub(crate) struct ExpiredSessions(pub(crate) Auth);

#[async_trait]
impl Worker for ExpiredSessions {
    fn name(&self) -> &'static str {
        "auth-expired-sessions"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let inner = &self.0.inner;
        let now = inner.host.now();
        let mut scan = Scan::prefix(&SESSIONS, "purge", &Key::new()).limit(BATCH);
        scan.to = Some(Key::new().time(now).into_bytes());
        let rows = inner.sessions.find(scan).await?;
        if rows.is_empty() {
            return Ok(Next::At(now.after(PURGE_EVERY)));
        }
        for row in rows {
            inner.sessions.delete(row.doc.id.0, row.version).await?;
        }
        Ok(Next::Again)
    }
}
