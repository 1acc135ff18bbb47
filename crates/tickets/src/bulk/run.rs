//! A batch is done.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use stubmart_contract::{Context, TicketId, UserId, api::BulkOutcome};
use stubmart_kernel::{Precondition, RepositoryError, limited::Limited, mark, mutant};

use super::{
    AT_ONCE, Account, BulkError, Done, Refused, Wanted, Work,
    order::{Order, Seating, order},
    plan::{Step, relisting, step},
};
use crate::{
    edit_ticket::EditTicketError,
    list_ticket::ListTicketError,
    service::Tickets,
    ticket::{Command, Ticket},
};

/// How often an item is tried because another request listed it meanwhile.
const ROUNDS_MAX: u32 = 4;

impl Tickets {
    /// Withdraws the others, and then has each item be as it should be.
    pub(super) async fn run(
        &self,
        context: &Context,
        account: Account,
        batch: Vec<Work>,
        others: Vec<Ticket>,
        noted: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<Done>, BulkError> {
        let (seller, _) = account;
        let withdrawn: Vec<Done> = stream::iter(others)
            .map(|other| self.withdraw_other(context, seller, other))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let seatings: Vec<Seating> = batch.iter().map(Work::seating).collect();
        let Order { chains, freed } = order(&seatings);
        let mut works: Vec<Option<Work>> = batch.into_iter().map(Some).collect();
        let mut take = |at: &usize| works.get_mut(*at).and_then(Option::take).map(|it| (*at, it));
        let chains: Vec<Vec<(usize, Work)>> =
            chains.iter().map(|chain| chain.iter().filter_map(&mut take).collect()).collect();
        let freed = &freed;
        let mut done: Vec<(usize, Done)> = stream::iter(chains)
            .map(async |chain| {
                let is_freed = |at: &usize| freed.contains(at);
                self.run_chain(context, account, chain, &is_freed, noted).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?
            .into_iter()
            .flatten()
            .collect();
        done.sort_unstable_by_key(|(at, _)| *at);
        let done: Vec<Done> = done.into_iter().map(|(_, done)| done).chain(withdrawn).collect();
        self.check_seller(context, seller, &done).await?;
        if done.iter().any(|it| matches!(it.outcome, Ok(BulkOutcome::Created))) {
            self.sellers().meet(context, seller).await;
        }
        Ok(done)
    }

    async fn withdraw_other(
        &self,
        context: &Context,
        seller: UserId,
        other: Ticket,
    ) -> Result<Done, BulkError> {
        let done = self.withdraw_ticket(context, other.id, seller, &Precondition::None).await;
        let outcome = kept(done.map_err(Refused::from))?.map(|()| BulkOutcome::Withdrawn);
        Ok(Done { external_id: other.external_id, id: Some(other.id), outcome })
    }

    /// Does one item after the other.
    async fn run_chain(
        &self,
        context: &Context,
        account: Account,
        chain: Vec<(usize, Work)>,
        is_freed: &(dyn Fn(&usize) -> bool + Sync),
        noted: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<(usize, Done)>, BulkError> {
        let (mut chain, (seller, _)) = (chain, account);
        for (_, work) in chain.iter_mut().filter(|(at, _)| is_freed(at)) {
            self.free(context, seller, work).await?;
        }
        let mut done = Vec::with_capacity(chain.len());
        for (at, Work { external_id, state }) in chain {
            let known = state.as_ref().ok().and_then(|it| it.on_sale().map(|it| it.id));
            let outcome = match state {
                Ok(wanted) if is_freed(&at) => self.list_freed(context, account, wanted).await?,
                Ok(wanted) => self.take_step(context, account, wanted).await?,
                Err(refused) => Err(refused),
            };
            let id = outcome.as_ref().map_or(known, |(_, id)| Some(*id));
            done.push((at, Done { external_id, id, outcome: outcome.map(|(outcome, _)| outcome) }));
            noted();
        }
        Ok(done)
    }

    /// Withdraws the listing of an item, which is listed again in its turn: of listings that exchange their
    /// seats one has to leave them first.
    async fn free(
        &self,
        context: &Context,
        seller: UserId,
        work: &mut Work,
    ) -> Result<(), BulkError> {
        let Ok(Some(id)) = work.state.as_ref().map(|it| it.on_sale().map(|it| it.id)) else {
            return Ok(());
        };
        mark!("listings of a batch exchanged their seats");
        let done = self.withdraw_ticket(context, id, seller, &Precondition::None).await;
        if let Err(refused) = kept(done.map_err(Refused::from))? {
            work.state = Err(refused);
        }
        Ok(())
    }

    /// Lists an item again that was freed; where that is refused, it is listed as it was.
    async fn list_freed(
        &self,
        context: &Context,
        account: Account,
        wanted: Wanted,
    ) -> Result<Result<(BulkOutcome, TicketId), Refused>, BulkError> {
        let (seller, _) = account;
        let Some(before) = wanted.current.clone().map(|it| it.state) else {
            return self.take_step(context, account, wanted).await;
        };
        let withdrawn =
            Ticket { status: stubmart_contract::api::TicketStatus::Withdrawn, ..before.clone() };
        let listing = match step(&wanted.asked, wanted.show.as_ref(), Some(&withdrawn)) {
            Ok(Step::List(listing)) => *listing,
            Ok(Step::Edit(_) | Step::Nothing) => relisting(&before),
            Err(refused) => return Ok(Err(refused)),
        };
        let id = TicketId(self.host().uuid());
        let show = wanted.show.clone();
        let listed = self.save_listing(context, id, seller, listing, show.clone()).await;
        match kept(listed.map_err(Refused::from))? {
            Ok(_) => Ok(Ok((BulkOutcome::Changed, id))),
            Err(refused) => {
                let id = TicketId(self.host().uuid());
                let again = self.save_listing(context, id, seller, relisting(&before), show).await;
                kept(again.map(drop).map_err(Refused::from))?.err();
                Ok(Err(refused))
            }
        }
    }

    /// Does what has to be done about an item. A new listing counts towards the daily limit. Where another request
    /// listed it first, it is looked at again.
    async fn take_step(
        &self,
        context: &Context,
        account: Account,
        wanted: Wanted,
    ) -> Result<Result<(BulkOutcome, TicketId), Refused>, BulkError> {
        let (seller, is_established) = account;
        let mut is_counted = false;
        let Wanted { asked, show, mut current, step: mut next } = wanted;
        for _ in 0..ROUNDS_MAX {
            let done = match (next, &current) {
                (Step::Nothing, Some(current)) => {
                    return Ok(Ok((BulkOutcome::Unchanged, current.state.id)));
                }
                (Step::Edit(edit), Some(current)) => {
                    let (id, none) = (current.state.id, Precondition::None);
                    let edited = self.edit_ticket(context, id, seller, *edit, &none).await;
                    edited.map(|_| (BulkOutcome::Changed, id)).map_err(Refused::from)
                }
                (Step::List(listing), _) => {
                    if !is_counted {
                        match self.count_listings(seller, is_established, 1).await {
                            Ok(()) => is_counted = true,
                            Err(Limited::Unavailable(error)) => {
                                return Err(BulkError::Limits(error));
                            }
                            Err(limited) => return Ok(Err(Refused::Limited(limited))),
                        }
                    }
                    let id = TicketId(self.host().uuid());
                    let listed =
                        self.save_listing(context, id, seller, *listing, show.clone()).await;
                    listed.map(|_| (BulkOutcome::Created, id)).map_err(Refused::from)
                }
                (Step::Nothing | Step::Edit(_), None) => {
                    return Err(RepositoryError::Contended.into());
                }
            };
            match kept(done)? {
                Err(Refused::NotListed(ListTicketError::ExternalIdTaken)) => {
                    mark!("two batches listed the same item");
                    current = self.called(seller, &asked.external_id).await?;
                    next = match step(&asked, show.as_ref(), current.as_ref().map(|it| &it.state)) {
                        Ok(next) => next,
                        Err(refused) => return Ok(Err(refused)),
                    };
                }
                done => return Ok(done),
            }
        }
        Ok(Err(ListTicketError::Repository(RepositoryError::Contended).into()))
    }

    /// The mark of a deleted account is looked for after the saves: see `kernel::deleted_users`.
    async fn check_seller(
        &self,
        context: &Context,
        seller: UserId,
        done: &[Done],
    ) -> Result<(), BulkError> {
        if !self.deleted_users().contains(seller).await? || mutant!("list for a deleted account") {
            return Ok(());
        }
        for id in done.iter().filter_map(|it| it.id) {
            self.apply_if_possible(context, id, &Command::Retire).await?;
        }
        Err(BulkError::SellerDeleted)
    }
}

impl Work {
    fn seating(&self) -> Seating {
        match &self.state {
            Ok(wanted) => wanted.seating(),
            Err(_) => Seating::default(),
        }
    }
}

/// A refusal of one item; a store that fails ends the batch.
fn kept<T>(done: Result<T, Refused>) -> Result<Result<T, Refused>, BulkError> {
    use RepositoryError::{Indeterminate, Unavailable};
    match done {
        Err(
            Refused::NotListed(ListTicketError::Repository(
                error @ (Unavailable(_) | Indeterminate(_)),
            ))
            | Refused::NotChanged(EditTicketError::Repository(
                error @ (Unavailable(_) | Indeterminate(_)),
            )),
        ) => Err(error.into()),
        done => Ok(done),
    }
}
