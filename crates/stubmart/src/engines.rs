//! The engines of one process: one `SQLite` file or servers (`servers.rs`) for documents, events and timers;
//! mails over SMTP or as files, Stripe or the payment sandbox, the machine.

use std::{path::Path, sync::Arc};

use stubmart_files::{DirectoryBlobs, FileKeys};
use stubmart_kernel::worker::{Shutdown, Worker};
use stubmart_mail::{FileMailer, SmtpMailer};
use stubmart_memory::{MemoryRateLimits, Unlimited};
use stubmart_node::{
    Background, Elsewhere, Engines, Market, Provider, Role, Service, Services, Stores,
};
use stubmart_os::password::{Argon2Cost, Argon2Hasher};
use stubmart_outbound::HttpOutbound;
use stubmart_ports::{Cause, blobs::Blobs, host::Host, keys::Keys, mailer::Mailer, store::Store};
use stubmart_sandbox::Sandbox;
use stubmart_sqlite::{Database, Options};
use stubmart_stripe::Stripe;

use crate::{
    archive::Archive,
    config::Config,
    read_ticket,
    servers::{self, Kept},
    stripe_settings::StripeSettings,
};

/// The engines, and what has to be run and closed for them.
pub struct Opened {
    /// What the roles stand on.
    pub engines: Engines,
    workers: Vec<Arc<dyn Worker>>,
    /// The file, where the engines are embedded.
    database: Option<Database>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

impl Opened {
    /// Opens the engines that are configured: servers, or a file in the configured directory, which is
    /// made if it is not there. A server that is down fails the calls that need it, not this.
    ///
    /// # Errors
    /// The cause: the directory or a file in it cannot be made, read or understood; the address of a server
    /// is not valid.
    pub async fn open(config: &Config, host: Host) -> Result<Self, Cause> {
        let here = &config.only.services;
        let (kept, database) = match &config.servers {
            Some(servers) => (servers::open(servers, here, &host).await?, None),
            None => {
                make_directory(&config.data)?;
                let (kept, database) = embedded(config, &host)?;
                (kept, Some(database))
            }
        };
        let Kept { stores, sandbox, bus, timers, limits, workers } = kept;
        let provider = provider(config, sandbox, &host)?;
        let limits = if config.limits.are_on { limits } else { Arc::new(Unlimited) };
        let mailer = open_mailer(config, host.clone())?;
        let (blobs, keys) = ticket_files(config, &host)?;
        let reader = read_ticket::reader(host.clone())?;
        let passwords = Argon2Hasher::new(host.clone(), Argon2Cost::default())?;
        let engines = Engines {
            stores,
            bus,
            timers,
            provider,
            mailer,
            outbound: Arc::new(HttpOutbound::new(host.clone(), config.webhooks_to_any)),
            blobs,
            keys,
            reader: Arc::new(reader),
            limits,
            passwords: Arc::new(passwords),
            host,
        };
        Ok(Self { engines, workers, database })
    }

    /// Starts the services of this process on the engines, as the operator has set it up.
    ///
    /// # Errors
    /// The cause: a service could not be started.
    pub async fn start(
        &self,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Role<Services>, Cause> {
        let (only, peers) = (&config.only, config.split.peers(&config.only, &self.engines.host));
        let services = services(config);
        Services::start(&self.engines, &services, &only.services, &peers, shutdown).await
    }

    /// Starts every service on the engines, for a command that calls them.
    ///
    /// # Errors
    /// The cause: a service could not be started.
    pub async fn start_all(
        &self,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Role<Market>, Cause> {
        Market::start(&self.engines, &services(config), shutdown).await
    }

    /// Runs the consumers and workers of a role, and those of the engines, until the shutdown.
    #[must_use]
    pub fn run<S>(&self, role: &Role<S>, shutdown: Shutdown) -> Background {
        let (host, bus) = (self.engines.host.clone(), Arc::clone(&self.engines.bus));
        let background = Background::new(host, bus, shutdown);
        background.run(role);
        for worker in &self.workers {
            background.run_worker(Arc::clone(worker));
        }
        background
    }

    /// Closes the file. To be called when nothing runs on the engines any more.
    ///
    /// # Errors
    /// The cause, when the file could not be closed; nothing is lost.
    pub async fn close(self) -> Result<(), Cause> {
        match self.database {
            Some(database) => database.close().await,
            None => Ok(()),
        }
    }
}

/// The payment provider: Stripe where its key is given, else the sandbox with its books in `store`.
fn provider(config: &Config, store: Arc<dyn Store>, host: &Host) -> Result<Provider, Cause> {
    let StripeSettings { adapter, publishable_key } = &config.stripe;
    let Some(stripe) = adapter else {
        let sandbox = Arc::new(Sandbox::new(store, host.clone()));
        return Ok(Provider {
            gateway: sandbox.clone(),
            publishable_key: None,
            bank: Some(sandbox),
        });
    };
    Ok(Provider {
        gateway: Arc::new(Stripe::new(stripe, host.clone())?),
        publishable_key: publishable_key.clone(),
        bank: None,
    })
}

/// Everything in one file, but for old events. Its histories are the bus's log: an event is on the bus by the
/// commit that saved it, so that nothing has to take it there.
fn embedded(config: &Config, host: &Host) -> Result<(Kept, Database), Cause> {
    let path = config.database();
    let options = Options { archive: true, ..Options::default() };
    let database = Database::open(&path, options, host.clone())
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let archive = Archive {
        database: database.clone(),
        host: host.clone(),
        after: config.archive_events_after,
    };
    let store: Arc<dyn Store> = database.store();
    let kept = Kept {
        stores: Stores::shared(&store),
        sandbox: store,
        bus: database.bus(),
        timers: database.timers(),
        limits: Arc::new(MemoryRateLimits::new(host.clone())),
        workers: vec![Arc::new(archive)],
    };
    Ok((kept, database))
}

/// The mail server, or the directory for mail where there is none; neither where no service sends mail.
fn open_mailer(config: &Config, host: Host) -> Result<Arc<dyn Mailer>, Cause> {
    if ![Service::Auth, Service::Notify].iter().any(|it| config.only.services.contains(it)) {
        return Ok(Arc::new(Elsewhere));
    }
    let no_reply = || format!("no-reply@{}", config.host_name());
    let from = config.mail_from.clone().unwrap_or_else(no_reply);
    Ok(match &config.smtp {
        Some(server) => Arc::new(SmtpMailer::new(host, server, &from)?),
        None => Arc::new(FileMailer::new(host, config.data.join("mail"), &from)?),
    })
}

/// Where ticket files are kept, and the keys that they are sealed with.
type Vault = (Arc<dyn Blobs>, Arc<dyn Keys>);

/// Where ticket files are kept, and the keys they are sealed with; neither where no service keeps files, or on servers
/// where it is not told. A market in a file has its keys made at the first start.
fn ticket_files(config: &Config, host: &Host) -> Result<Vault, Cause> {
    if config.lacks_ticket_files() {
        tracing::warn!("ticket files are not taken: --files-dir and --keys-file are not set");
    }
    if !config.runs(Service::Delivery) || config.lacks_ticket_files() {
        return Ok((Arc::new(Elsewhere), Arc::new(Elsewhere)));
    }
    let (files, keys) = (config.files(), config.keys());
    let failed = |error| format!("cannot keep ticket files in {}: {error}", files.display());
    let blobs = DirectoryBlobs::open(host.clone(), files.clone()).map_err(failed)?;
    if config.keys_file.is_none() && !keys.exists() {
        if !blobs.is_empty().map_err(failed)? {
            let (files, keys) = (files.display(), keys.display());
            let error = format!(
                "the keys in {keys} are gone, and the ticket files in {files} are sealed with them: put them back \
                 from a backup"
            );
            return Err(error.into());
        }
        FileKeys::create(host, &keys)?;
    }
    Ok((Arc::new(blobs), Arc::new(FileKeys::open(host.clone(), keys)?)))
}

/// The services' part of the settings.
fn services(config: &Config) -> stubmart_node::Config {
    let limits = &config.limits;
    stubmart_node::Config {
        auth: stubmart_auth::Config {
            public_url: config.url(),
            sellers_verify: config.sellers_verify.unwrap_or(config.smtp.is_some()),
            new_account_age: limits.new_account_age,
            signups_a_day: limits.max_accounts,
            ..stubmart_auth::Config::default()
        },
        tickets: stubmart_tickets::Config {
            fees: config.fees.clone(),
            max_new_listings: limits.max_new_listings,
            payout_after: config.payout_after,
        },
        catalogue: stubmart_catalogue::Config {
            public_url: config.public_url.clone().unwrap_or_default(),
            max_new_events: limits.max_new_events,
            ..stubmart_catalogue::Config::default()
        },
        orders: stubmart_orders::Config {
            hold: config.checkout_hold,
            leave_grace: config.leave_grace,
            max_holds: limits.are_on.then_some(limits.max_holds).and_then(|it| it.try_into().ok()),
        },
        payments: stubmart_payments::Config {
            max_payment_attempts: config.max_payment_attempts,
            max_declines: limits.max_declines,
            payout_after: config.payout_after,
            ..stubmart_payments::Config::default()
        },
        notify: stubmart_notify::Config {
            public_url: config.url(),
            webhooks_to_any: config.webhooks_to_any,
        },
    }
}

/// Makes the directory that holds the market, if it is not there.
///
/// # Errors
/// The cause, with the directory's name.
pub(crate) fn make_directory(path: &Path) -> Result<(), Cause> {
    std::fs::create_dir_all(path)
        .map_err(|error| format!("cannot make the directory {}: {error}", path.display()).into())
}
