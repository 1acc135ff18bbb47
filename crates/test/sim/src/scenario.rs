//! What one run is made of: how much load, and how often what goes wrong. Each seed draws its own mix
//! (swarm testing, Groce and others 2012): a fault that is always there hides what happens without it.

use std::{fmt, time::Duration};

use stubmart_contract::fees::{Fee, FeeSchedule};
use stubmart_suite::host::Seeded;

/// The kinds of faults, each of which a run can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The store fails, commits and loses the answer, or commits late.
    Store,
    /// The bus fails, loses acknowledgements, delivers twice, late and out of order.
    Bus,
    /// Calls between services fail, lose their answers, arrive late or twice.
    Call,
    /// The provider is down, loses answers, and does what it was asked late.
    Provider,
    /// The provider's notices come early, twice, late, never, and forged.
    Notice,
    /// Timers fail, are lost, late and twice.
    Timer,
    /// Instances crash.
    Crash,
    /// Calls and requests sleep for minutes up to an hour.
    Sleep,
    /// Clocks jump.
    Jump,
    /// The bus is wiped.
    WipeBus,
    /// The timers are wiped.
    WipeTimers,
    /// Somebody captures, cancels or refunds a payment at the provider's dashboard.
    Human,
    /// A client goes away before it is answered.
    Hangup,
    /// Something that the services stand on is down for seconds up to twenty minutes.
    Outage,
    /// The mailer takes no mail, or takes it and does not say so.
    Mail,
    /// The rate limits cannot be asked.
    Limits,
}

impl Kind {
    /// Every kind, with its name on the command line.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::Store, "store"),
        (Self::Bus, "bus"),
        (Self::Call, "call"),
        (Self::Provider, "provider"),
        (Self::Notice, "notice"),
        (Self::Timer, "timer"),
        (Self::Crash, "crash"),
        (Self::Sleep, "sleep"),
        (Self::Jump, "jump"),
        (Self::WipeBus, "wipe-bus"),
        (Self::WipeTimers, "wipe-timers"),
        (Self::Human, "human"),
        (Self::Hangup, "hangup"),
        (Self::Outage, "outage"),
        (Self::Mail, "mail"),
        (Self::Limits, "limits"),
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == name).map(|(kind, _)| *kind)
    }
}

/// What a run is cut down to, so that a failure can be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// At most so many users.
    pub users: Option<u32>,
    /// At most so many steps of all users together.
    pub steps: Option<u64>,
    /// At most so many instances of each service.
    pub instances: Option<u8>,
    /// No fault after so many.
    pub faults: Option<u64>,
    /// None of these.
    pub without: Vec<Kind>,
}

impl fmt::Display for Limits {
    /// As on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(users) = self.users {
            write!(f, " --users {users}")?;
        }
        if let Some(steps) = self.steps {
            write!(f, " --steps {steps}")?;
        }
        if let Some(instances) = self.instances {
            write!(f, " --instances {instances}")?;
        }
        if let Some(faults) = self.faults {
            write!(f, " --faults {faults}")?;
        }
        if !self.without.is_empty() {
            let names: Vec<_> = self.without.iter().map(|kind| kind.name()).collect();
            write!(f, " --without {}", names.join(","))?;
        }
        Ok(())
    }
}

/// One run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many instances each service has, in the order of [`stubmart_node::Service::ALL`]. Delivery and
    /// notify have one.
    pub instances: [u8; 6],
    /// How many users.
    pub users: u32,
    /// How many steps each takes.
    pub steps: u32,
    /// How many steps all users take together at the most.
    pub steps_max: u64,
    /// How long a user thinks between two steps at the most.
    pub think: Duration,
    /// How long a checkout holds its ticket.
    pub hold: Duration,
    /// How many cards may be declined.
    pub attempts: u32,
    /// The fees of sales.
    pub fees: FeeSchedule,
    /// How often each kind of fault happens, in ten thousand occasions, in the order of [`Kind`].
    pub rates: [u32; Kind::ALL.len()],
    /// Whether the provider sends notices.
    pub notices: bool,
    /// How long the provider keeps an idempotency key.
    pub key_kept: Duration,
    /// How far clocks are apart at the most, in milliseconds.
    pub skew: u64,
    /// How long a call to a port takes at the most, in microseconds; 0 is at once.
    pub latency: u64,
    /// No fault after so many.
    pub faults_max: u64,
    /// Instead of drawn crashes: a crash after each of these calls, counted over all ports.
    pub crash_at: Vec<u64>,
}

impl Scenario {
    /// The run of a seed, cut down to `limits`.
    #[must_use]
    pub fn draw(seed: u64, limits: &Limits) -> Self {
        let mut random = Seeded::new(seed ^ 0x5ca1_ab1e);
        let mut instances = [1; 6];
        for count in &mut instances {
            let drawn = 1 + u8::try_from(random.below(3)).unwrap_or(0);
            *count = drawn.min(limits.instances.unwrap_or(3));
        }
        let users = 3 + u32::try_from(random.below(6)).unwrap_or(0);
        let steps = 30 + u32::try_from(random.below(50)).unwrap_or(0);
        let minutes = 10 + random.below(35);
        let think = Duration::from_secs(minutes * 120) / steps;
        let hold = Duration::from_secs(60 + 30 * random.below(19));
        let attempts = if random.happens(500) { 3 } else { 1 };
        let rates = Self::rates(&mut random, &limits.without);
        let notices = random.happens(700);
        // Longer than the longest sleep of a call: a key that is gone by then makes a second payment.
        let key_kept = Duration::from_secs(3600 * (2 + random.below(23)));
        let skew = if random.happens(500) { 100 + random.below(4900) } else { 0 };
        let latency = if random.happens(800) { 500 << random.below(8) } else { 0 };
        let fees = Self::fees(&mut random);
        Self {
            seed,
            instances,
            users: users.min(limits.users.unwrap_or(u32::MAX)),
            steps,
            steps_max: limits.steps.unwrap_or(u64::MAX),
            think,
            hold,
            attempts,
            fees,
            rates,
            notices,
            key_kept,
            skew,
            latency,
            faults_max: limits.faults.unwrap_or(u64::MAX),
            crash_at: Vec::new(),
        }
    }

    /// The fees, of all kinds and none.
    fn fees(random: &mut Seeded) -> FeeSchedule {
        let mut below = |count| u32::try_from(random.below(count)).unwrap_or(0);
        let mut fee = || match below(3) {
            0 => Fee::default(),
            1 => Fee::share(below(2_000)),
            _ => {
                let min = below(300);
                Fee { bps: below(2_000), fixed: below(200), min, max: Some(min + below(2_000)) }
            }
        };
        let (buyer, seller) = (fee(), fee());
        FeeSchedule { buyer, seller, tax_bps: 1900, rules: Vec::new() }
    }

    /// Which kinds of faults happen, and how often.
    fn rates(random: &mut Seeded, without: &[Kind]) -> [u32; Kind::ALL.len()] {
        Kind::ALL.map(|(kind, _)| {
            // Drawn for each kind in any case, so that leaving one out changes no other.
            let (wanted, much) = (random.below(100), random.below(3));
            let (share, scale): (u64, u32) = match kind {
                Kind::Crash => (80, 12),
                Kind::Store | Kind::Bus | Kind::Call | Kind::Provider | Kind::Timer => (50, 60),
                Kind::Notice => (70, 600),
                Kind::Sleep => (40, 8),
                Kind::Jump | Kind::WipeBus => (25, 150),
                Kind::WipeTimers => (30, 300),
                Kind::Human => (40, 1500),
                Kind::Hangup => (40, 300),
                Kind::Outage => (25, 150),
                Kind::Mail | Kind::Limits => (20, 1000),
            };
            if wanted < share && !without.contains(&kind) { scale << much } else { 0 }
        })
    }

    /// A run without faults, one instance of each service and no latency, for enumerating crashes.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            instances: [1; 6],
            users: 0,
            steps: 0,
            steps_max: u64::MAX,
            think: Duration::from_secs(1),
            hold: Duration::from_secs(120),
            attempts: 1,
            fees: FeeSchedule::default(),
            rates: [0; Kind::ALL.len()],
            notices: false,
            key_kept: Duration::from_secs(24 * 3600),
            skew: 0,
            latency: 0,
            faults_max: u64::MAX,
            crash_at: Vec::new(),
        }
    }

    /// How often this kind of fault happens, in ten thousand.
    #[must_use]
    pub fn rate(&self, kind: Kind) -> u32 {
        let mut rates = Kind::ALL.iter().zip(self.rates);
        rates.find(|((it, _), _)| *it == kind).map_or(0, |(_, rate)| rate)
    }
}
