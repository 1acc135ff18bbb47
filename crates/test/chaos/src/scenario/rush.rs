//! Many buyers want one ticket at the same moment.

use std::{fmt, time::Duration};

use futures_util::future::join_all;
use stubmart_contract::Code;
use tokio::time::Instant;

use crate::{
    Failure, actor::Actor, history::Outcome, report::Durations, scenario::Cast, system::System,
};

/// How large the rush is.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many clients ask at once, each over a connection of its own.
    pub buyers: usize,
    /// How often.
    pub rounds: usize,
    /// How many accounts the clients share.
    pub accounts: usize,
    /// How long to wait for the end of the last lock.
    pub patience: Duration,
}

/// The figures of a rush.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How long each answer took.
    pub answers: Durations,
    /// How long the winner's answer took.
    pub wins: Durations,
    /// How long it took until everybody had an answer.
    pub rounds: Durations,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rush: each answer   {}", self.answers)?;
        writeln!(f, "rush: the winner    {}", self.wins)?;
        write!(f, "rush: everybody     {}", self.rounds)
    }
}

/// Lets all buyers order one fresh ticket at once, again and again: each time exactly one gets it, and all
/// others learn that it is locked.
///
/// # Errors
/// [`Failure::Unmet`] for another number of winners or another refusal; whatever [`Cast::judge`] finds.
pub async fn run(system: &dyn System, plan: &Plan) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&system.base(), plan.accounts.max(2)).await?;
    let actors = cast.actors(&system.base())?;
    let Some((seller, _)) = actors.split_first() else {
        return Err(Failure::Unmet("a rush needs a seller".into()));
    };
    // Clones of an actor share connections: each client gets an actor made for it.
    let buyers = cast.accounts.iter().skip(1).cycle().take(plan.buyers);
    let buyers: Vec<Actor> =
        buyers.map(|it| it.at(&system.base(), &cast.recorder)).collect::<Result<_, _>>()?;
    let mut report = Report::default();
    for round in 0..plan.rounds {
        self::round(seller, &buyers, round, &mut report).await?;
    }
    cast.all_answered()?;
    cast.judge(system, plan.patience).await?;
    Ok(report)
}

async fn round(
    seller: &Actor,
    buyers: &[Actor],
    round: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let listed = seller.list_ticket(&format!("Rush {round}"), 5_000, None).await;
    let Some(ticket) = listed.ticket().map(|ticket| ticket.id) else {
        return Err(Failure::Unmet(format!("no ticket to rush for: {listed:?}")));
    };
    // Everybody has a connection open before it begins.
    join_all(buyers.iter().map(|buyer| buyer.read_ticket(ticket))).await;
    let began = Instant::now();
    let asked = buyers.iter().map(|buyer| async move {
        let outcome = buyer.order(ticket, None).await;
        (buyer, outcome, began.elapsed())
    });
    let answers = join_all(asked).await;
    report.rounds.add(began.elapsed());
    let mut winner = None;
    for (buyer, outcome, took) in answers {
        report.answers.add(took);
        match (outcome.order(), &winner) {
            (Some(order), None) => {
                report.wins.add(took);
                winner = Some((buyer, order.id));
            }
            (None, _) if outcome == Outcome::Refused(Code::TicketLocked) => {}
            _ => {
                let text = format!("round {round}: {outcome:?} although {winner:?} had won");
                return Err(Failure::Unmet(text));
            }
        }
    }
    let Some((winner, order)) = winner else {
        return Err(Failure::Unmet(format!("round {round}: nobody got the ticket")));
    };
    winner.leave(order).await;
    Ok(())
}
