//! `stubmart serve`: the market, or a part of it, on an address, until it is asked to stop.

use std::{
    fs::{File, TryLockError},
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, extract::Request, response::IntoResponse as _, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use stubmart_http_kit::{Ingress, Problem, layer};
use stubmart_kernel::worker::{self, Shutdown, ShutdownTrigger};
use stubmart_node::{Background, Role, Service, Services};
use stubmart_os::Died;
use stubmart_ports::{Cause, host::Host};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app,
    config::Config,
    engines::{self, Opened},
    gateway::Gateway,
    held::Held,
    ops,
    server::{Admission, Each, Server},
};

/// The file in the market's directory that the serving process holds locked.
pub(crate) const LOCK_FILE: &str = "serve.lock";

/// How long until services that could not start are started again.
const START_AGAIN: Duration = Duration::from_secs(1);

/// Serves the market until a signal, or until a task of it has died.
///
/// # Errors
/// The cause: the address is taken, the database cannot be opened, or a task has died.
pub async fn serve(config: &Config, host: Host, died: Died) -> Result<(), Cause> {
    serve_on(listen(config).await?, config, host, died).await
}

/// Serves the market on an address that is taken already, as [`serve`] does.
///
/// # Errors
/// As [`serve`].
pub(crate) async fn serve_on(
    listener: TcpListener,
    config: &Config,
    host: Host,
    died: Died,
) -> Result<(), Cause> {
    let _alone = if config.is_in_file() { Some(be_alone(config)?) } else { None };
    let descriptors = raise_open_files();
    warn_of_stripe(config);
    let (trigger, shutdown) = ShutdownTrigger::new();
    let (drain, draining) = ShutdownTrigger::new();
    let metrics = collect_metrics(config, &host, &shutdown)?;
    let opened = match config.only.services.is_empty() {
        true => None,
        false => Some(Opened::open(config, host.clone()).await?),
    };
    let held = if config.is_in_file() { Some(Held::take(config.database())?) } else { None };
    let address = listener.local_addr()?;
    let internal = internal_listener(config).await?;
    let internal_address = internal.as_ref().map(TcpListener::local_addr).transpose()?;
    let doors = Doors::default();
    let server = |door: &Door, ingress: Ingress, each| Server {
        app: door.router(&host, &ingress),
        ingress: Arc::new(ingress),
        host: host.clone(),
        admission: Admission::new(descriptors, each, &host),
        held: held.clone(),
        draining: draining.clone(),
        shutdown: shutdown.clone(),
    };
    let engines = opened.as_ref().map(|it| it.engines.clone());
    let ops = ops::router(&host, engines, metrics, draining.clone(), held.clone());
    let mut opening = Box::pin(async {
        let running = doors.open(opened.as_ref(), ops, config, &host, &shutdown).await?;
        let (data, only) = (config.data.display(), config.only.text());
        let internal = internal_address.map(tracing::field::display);
        tracing::info!(%address, internal, %data, only, "stubmart serves at http://{address}");
        Ok::<_, Cause>(running)
    });
    // A market in a file is there before anybody asks. Servers may be down for as long as they like.
    let is_open = config.servers.is_none();
    let mut running = if is_open { opening.as_mut().await? } else { None };

    let each = config.limits.each(config.trust_proxy);
    let served = server(&doors.front, config.ingress(), each).serve(listener);
    let answered = async {
        if let Some(internal) = internal {
            let server = server(&doors.back, inside(config), Each::unlimited());
            server.serve(internal).await;
        }
    };
    let stop = async {
        let opened = async {
            if !is_open {
                running = opening.await?;
            }
            std::future::pending::<Result<(), Cause>>().await
        };
        let end = tokio::select! {
            failed = opened => failed,
            end = stop_signal() => end,
            task = died.died() => Err(format!("the task {task} has died").into()),
        };
        tracing::info!("stopping");
        drain.shut_down();
        if end.is_ok() {
            // Balancers see that it is not ready, and clients leave it with their next answer.
            host.clock.sleep(config.drain).await;
        }
        trigger.shut_down();
        end
    };
    let ((), (), end) = tokio::join!(served, answered, stop);
    close(running, opened).await?;
    end
}

/// Ends what runs in the background, and closes the engines.
async fn close(running: Option<Running>, opened: Option<Opened>) -> Result<(), Cause> {
    if let Some(Running { background, .. }) = running {
        background.end().await;
    }
    match opened {
        Some(opened) => opened.close().await,
        None => Ok(()),
    }
}

fn warn_of_stripe(config: &Config) {
    if let Some(warning) = config.stripe.warning().filter(|_| config.runs(Service::Payments)) {
        tracing::warn!("{warning}");
    }
}

/// Collects metrics, and keeps them in order until the shutdown.
fn collect_metrics(
    config: &Config,
    host: &Host,
    shutdown: &Shutdown,
) -> Result<PrometheusHandle, Cause> {
    let metrics = ops::metrics(&config.only)?;
    let upkeep = Arc::new(ops::Upkeep { metrics: metrics.clone(), host: host.clone() });
    let upkeep = worker::run(host.clone(), upkeep, shutdown.clone());
    host.spawner.spawn("metrics-upkeep", Box::pin(upkeep));
    Ok(metrics)
}

/// The services of this process while they run.
struct Running {
    background: Background,
    _services: Services,
}

/// Starts the services. On servers of its own a market waits until they are there.
async fn start(
    opened: &Opened,
    config: &Config,
    host: &Host,
    shutdown: &Shutdown,
) -> Result<Role<Services>, Cause> {
    loop {
        match opened.start(config, shutdown).await {
            Err(error) if config.servers.is_some() => {
                tracing::warn!(%error, "the services cannot start yet, will retry");
                host.clock.sleep(START_AGAIN).await;
            }
            started => return started,
        }
    }
}

/// Who comes from inside the market says for whom.
fn inside(config: &Config) -> Ingress {
    Ingress { trust_proxy: true, ..config.ingress() }
}

/// What is served to the public, and to other processes of the market.
#[derive(Default)]
struct Doors {
    front: Door,
    back: Door,
}

impl Doors {
    /// Opens both, once the services of this process have started.
    async fn open(
        &self,
        opened: Option<&Opened>,
        ops: Router,
        config: &Config,
        host: &Host,
        shutdown: &Shutdown,
    ) -> Result<Option<Running>, Cause> {
        if config.only.gateway {
            let gateway = Gateway::new(config, host, shutdown);
            for upstream in gateway.upstreams() {
                let watched = worker::run(host.clone(), upstream, shutdown.clone());
                host.spawner.spawn("upstream", Box::pin(watched));
            }
            self.back.open(gateway.router(ops.clone(), config, inside(config), host));
            self.front.open(gateway.router(ops, config, config.ingress(), host));
            return Ok(None);
        }
        let Some(opened) = opened else {
            self.front.open(app::public(OpenApiRouter::new(), ops, config, host)?);
            return Ok(None);
        };
        let mut role = start(opened, config, host, shutdown).await?;
        let background = opened.run(&role, shutdown.clone());
        let routes = *std::mem::take(&mut role.router);
        self.front.open(app::public(routes, ops, config, host)?);
        if let Some(secret) = &config.split.secret {
            self.back.open(app::internal(&role.service, secret.clone(), host));
        }
        Ok(Some(Running { background, _services: role.service }))
    }
}

/// What is served: the services once they have started, until then that they have not.
#[derive(Default, Clone)]
struct Door(Arc<OnceLock<Router>>);

impl Door {
    fn open(&self, app: Router) {
        self.0.get_or_init(|| app);
    }

    fn router(&self, host: &Host, ingress: &Ingress) -> Router {
        if let Some(app) = self.0.get() {
            return app.clone();
        }
        let closed = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .fallback(async || Problem::unavailable("the services have not started yet"));
        let closed = layer::apply(closed, host.clone(), ingress.clone());
        let door = self.clone();
        Router::new().fallback(move |request: Request| {
            let app = door.0.get().unwrap_or(&closed).clone();
            async move { app.oneshot(request).await.into_response() }
        })
    }
}

/// Every connection is an open file, and many a system allows a process a thousand of them unless it asks
/// for more. Answers how many there may be.
#[cfg(unix)]
fn raise_open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(from = limit.current, to = limit.maximum, "open files allowed"),
        Err(error) => tracing::warn!(%error, limit.current, "no more open files allowed"),
    }
    let allowed = getrlimit(Resource::Nofile).current;
    allowed.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
const fn raise_open_files() -> usize {
    usize::MAX
}

/// Sees to it that no other process serves the same directory. `import` and `check` may run beside this
/// one; two servers would each keep a catalogue that the other one's changes reach late. The lock ends
/// with the process, however that ends.
fn be_alone(config: &Config) -> Result<File, Cause> {
    let path = config.data.join(LOCK_FILE);
    engines::make_directory(&config.data)?;
    let file =
        File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(format!("another stubmart serves {} already", config.data.display()).into())
        }
        Err(TryLockError::Error(error)) => {
            Err(format!("cannot lock {}: {error}", path.display()).into())
        }
    }
}

/// Takes the address to serve at.
///
/// # Errors
/// The cause: it is taken already, or not this machine's.
pub(crate) async fn listen(config: &Config) -> Result<TcpListener, Cause> {
    listen_at(config.listen).await
}

async fn listen_at(address: SocketAddr) -> Result<TcpListener, Cause> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen at {address}: {error}").into())
}

/// Where other processes call this one, if any do.
async fn internal_listener(config: &Config) -> Result<Option<TcpListener>, Cause> {
    let address = config.split.internal_listen;
    let is_called = config.only.gateway || !config.only.called_from_elsewhere().is_empty();
    match address.filter(|_| is_called) {
        Some(address) => listen_at(address).await.map(Some),
        None => Ok(None),
    }
}

/// Waits for the signal to stop: Ctrl-C, or what an orchestrator sends. The end of a terminal is none: under
/// `nohup` it is meant to be survived, and otherwise the process ends by it.
pub(crate) async fn stop_signal() -> Result<(), Cause> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
