//! Use cases: people wait in line for a ticket that a checkout holds.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{Context, TicketId, UserId};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    due::{Due, DueError, Sweep},
    limited::{self, Limited},
    mark,
    worker::{Wake, Worker},
};

use crate::{
    service::{SERVICE, Tickets},
    ticket::{Command, Refusal, Ticket, index},
};

/// How many lines a user may join in an hour.
const JOINED_MAX: u32 = 60;

/// Why somebody is not in line.
#[derive(Debug)]
pub enum JoinError {
    /// The ticket's rules forbid it. Nothing happened.
    Refused(Refusal),
    /// The user joined too many lines, or it could not be counted. Nothing happened.
    Limited(Limited),
    /// The user's account was deleted. The place is given up.
    UserDeleted,
    /// The repository failed. The user may be in line.
    Repository(RepositoryError),
}

impl From<RepositoryError> for JoinError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Tickets {
    /// Takes a place in the line for a ticket. Again is fine.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join_line(
        &self,
        context: &Context,
        id: TicketId,
        user_id: UserId,
    ) -> Result<Ticket, JoinError> {
        let quota = limited::an_hour(JOINED_MAX);
        let key = format!("tickets.lines.{user_id}");
        limited::take(self.limits(), &key, quota, 1).await.map_err(JoinError::Limited)?;
        let joined = match self.apply(context, id, &Command::Join(user_id)).await {
            Ok(applied) => applied.after.state,
            Err(ApplyError::Refused { refusal, .. }) => return Err(JoinError::Refused(refusal)),
            Err(ApplyError::Stale { .. }) => return Err(RepositoryError::Contended.into()),
            Err(ApplyError::Repository(error)) => return Err(error.into()),
        };
        if self.deleted_users().contains(user_id).await? {
            self.leave_line(context, id, user_id).await?;
            return Err(JoinError::UserDeleted);
        }
        Ok(joined)
    }

    /// Gives a place in the line up, or a turn. Again is fine.
    ///
    /// # Errors
    /// [`RepositoryError`]: the place may be given up.
    pub async fn leave_line(
        &self,
        context: &Context,
        id: TicketId,
        user_id: UserId,
    ) -> Result<(), RepositoryError> {
        self.apply_if_possible(context, id, &Command::LeaveLine(user_id)).await
    }

    /// The worker that passes turns on.
    pub(crate) fn pass_turns_on(&self) -> Arc<dyn Worker> {
        Sweep::worker(Turns(self.clone()), self.host().clone())
    }
}

/// Passes a turn on to the next in line when its time is over.
struct Turns(Tickets);

#[async_trait]
impl Due for Turns {
    type Aggregate = Ticket;

    fn name(&self) -> &'static str {
        "tickets.pass_turns_on"
    }

    fn repository(&self) -> &Repository<Ticket> {
        self.0.tickets()
    }

    fn index(&self) -> &'static str {
        index::TURN
    }

    async fn run(&self, id: TicketId) -> Result<(), DueError> {
        mark!("a turn was over");
        let context = Context::work(SERVICE);
        Ok(self.0.apply_if_possible(&context, id, &Command::PassOn).await?)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.turns().clone())
    }
}
