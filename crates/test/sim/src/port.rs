//! An instance's way to its ports: here calls are slow, go wrong, and kill their caller.

use std::{fmt, future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_suite::fault::{Call, Fault, Faults, Op};
use uuid::Uuid;

use crate::{
    exec::{Owner, WORLD},
    scenario::Kind,
    world::World,
};

/// The way of one owner's calls.
#[derive(Clone)]
pub struct Port {
    /// The world.
    pub world: Arc<World>,
    /// Whose calls they are.
    pub owner: Owner,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Port {
    /// A call begins: it may be slow, and its fault is drawn.
    pub async fn begin(&self, kind: Kind, what: &'static str, subject: Uuid) -> Fault {
        let world = &self.world;
        world.count_call();
        self.delay_call().await;
        // What writes and asks others is where a sleeper does harm.
        let tries = if matches!(what, "save" | "lock" | "secure" | "authorise") { 8 } else { 1 };
        if (0..tries).any(|_| world.happens(Kind::Sleep, what)) {
            self.oversleep(what, subject).await;
        }
        // The provider is asked seldom and has to go wrong all the same.
        let tries = match (kind, what) {
            (Kind::Provider, "refund") => 12,
            (Kind::Provider, _) => 3,
            _ => 1,
        };
        let wrong = (0..tries).any(|_| world.happens(kind, what));
        let fault = match wrong {
            _ if world.is_down(kind) => Fault::Fail,
            true => self.draw(),
            false => Fault::None,
        };
        world.note(self.owner, what, described(fault), subject);
        fault
    }

    /// A call ends: the answer may be slow, and the caller may be killed before it sees it.
    pub async fn end(&self, what: &'static str, subject: Uuid) {
        let world = &self.world;
        let number = world.count_end();
        let planned = world.scenario.crash_at.contains(&number);
        // What no instance does cannot be killed with one.
        let killed = self.owner != WORLD && (planned || world.happens(Kind::Crash, what));
        if killed {
            world.note(self.owner, what, "crash", subject);
            world.crash(self.owner);
            pending::<()>().await;
        }
        self.delay_call().await;
    }

    /// How long a call that is late takes.
    pub fn lateness(&self) -> Duration {
        self.world.time_below(Duration::from_secs(1 << self.world.below(8)))
    }

    async fn delay_call(&self) {
        let latency = self.world.scenario.latency;
        if latency > 0 {
            let drawn = self.world.below(latency * 2);
            // Half of the calls are as good as at once.
            if drawn >= latency {
                self.world.exec.sleep(Duration::from_micros(drawn - latency)).await;
            }
        }
    }

    /// Sleeps for minutes up to an hour, and not long beyond the time when faults end. The bus gives
    /// what the sleeper has to another one in the meantime.
    async fn oversleep(&self, what: &'static str, subject: Uuid) {
        let world = &self.world;
        let left = world.heals_at.saturating_sub(world.exec.now()) + Duration::from_secs(60);
        let drawn =
            Duration::from_secs(5) + world.time_below(Duration::from_secs(30 << world.below(8)));
        world.note(self.owner, what, "falls asleep", subject);
        let _under_way = world.under_way();
        world.exec.sleep(drawn.min(left)).await;
        world.note(self.owner, what, "wakes up", subject);
    }

    fn draw(&self) -> Fault {
        match self.world.below(5) {
            0 => Fault::Fail,
            1 | 2 => Fault::LoseAnswer,
            3 => Fault::Late,
            _ => Fault::Twice,
        }
    }
}

/// A fault in the words of a report.
const fn described(fault: Fault) -> &'static str {
    match fault {
        Fault::None => "",
        Fault::Fail => "fails",
        Fault::LoseAnswer => "done, answer lost",
        Fault::Late => "late",
        Fault::Twice => "twice",
        Fault::Forget => "forgotten",
    }
}

/// Which kind of fault strikes a call, and what it is called in a report.
fn named(call: Call) -> (Kind, &'static str) {
    match call.op {
        Op::Load => (Kind::Store, "load"),
        Op::Save => (Kind::Store, "save"),
        Op::Delete => (Kind::Store, "delete"),
        Op::Find => (Kind::Store, "find"),
        Op::Keys => (Kind::Store, "keys"),
        Op::History => (Kind::Store, "history"),
        Op::StoreReady => (Kind::Store, "ready"),
        Op::Pending => (Kind::Store, "pending"),
        Op::Published => (Kind::Store, "published"),
        Op::Publish => (Kind::Bus, "publish"),
        Op::Subscribe => (Kind::Bus, "subscribe"),
        Op::Next => (Kind::Bus, call.caller),
        Op::Deliver => (Kind::Bus, "deliver"),
        Op::Settle => (Kind::Bus, "settle"),
        Op::Tail => (Kind::Bus, "tail"),
        Op::TailNext => (Kind::Bus, "tail next"),
        Op::Position => (Kind::Bus, "position"),
        Op::BusReady => (Kind::Bus, "ready"),
        Op::Change => (Kind::Timer, "timers change"),
        Op::Claim => (Kind::Timer, "timers claim"),
        Op::Finish => (Kind::Timer, "timers finish"),
        Op::NextDue => (Kind::Timer, "timers next due"),
        Op::Authorise => (Kind::Provider, "authorise"),
        Op::Capture => (Kind::Provider, "capture"),
        Op::Void => (Kind::Provider, "void"),
        Op::Refund => (Kind::Provider, "refund"),
        Op::Payment => (Kind::Provider, "payment"),
        Op::PaymentOf => (Kind::Provider, "payment of"),
        Op::FindOrder => (Kind::Call, "order"),
        Op::SecureOrder => (Kind::Call, "secure"),
        Op::CompleteOrder => (Kind::Call, "complete"),
        Op::FailOrder => (Kind::Call, "fail"),
        Op::ExpireOrder => (Kind::Call, "expire"),
        Op::SendMail => (Kind::Mail, "send mail"),
        Op::TakeLimit => (Kind::Limits, "limits take"),
        Op::PeekLimit => (Kind::Limits, "limits peek"),
    }
}

#[async_trait]
impl Faults for Port {
    async fn begin(&self, call: Call) -> Fault {
        let (kind, what) = named(call);
        match (call.op, Self::begin(self, kind, what, call.subject).await) {
            // A timer store that lost its newest second.
            (Op::Change, Fault::Twice) => Fault::Forget,
            (_, fault) => fault,
        }
    }

    async fn end(&self, call: Call) {
        let (_, what) = named(call);
        Self::end(self, what, call.subject).await;
    }

    fn deliver(&self, call: Call) -> Fault {
        let (kind, what) = named(call);
        match self.world.happens(kind, what) {
            true if self.world.below(2) == 0 => Fault::Late,
            true => Fault::Twice,
            false => Fault::None,
        }
    }

    fn later(&self, _: Call, work: BoxFuture<'static, ()>) {
        self.world.later(self.lateness(), move |world| {
            world.exec.spawn(WORLD, work);
        });
    }

    fn delay(&self) -> Duration {
        self.world.time_below(Duration::from_secs(2 << self.world.below(7)))
    }

    fn pick(&self, count: usize) -> usize {
        if self.world.scenario.rate(Kind::Bus) == 0 || self.world.is_healed() {
            return 0;
        }
        let bound = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(self.world.below(bound)).unwrap_or(0)
    }
}
