//! `stubmart serve`: the market on an address, until it is asked to stop.

use std::{
    fs::{File, TryLockError},
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{StatusCode, header},
    middleware::map_request,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use stubmart_client::Client;
use stubmart_contract::Code;
use stubmart_http_kit::{ClientAddr, Problem, layer};
use stubmart_kernel::worker::{Shutdown, ShutdownTrigger};
use stubmart_node::{Engines, Market, Role};
use stubmart_os::Died;
use stubmart_ports::{Cause, host::Host};
use stubmart_web::{Web, WebConfig};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    config::Config,
    docs,
    engines::{self, Opened},
    held::Held,
    ops,
    server::{Admission, Server},
    stripe_settings::StripeSettings,
};

/// The file in the market's directory that the serving process holds locked.
pub(crate) const LOCK_FILE: &str = "serve.lock";

/// How long until services that could not start are started again.
const START_AGAIN: Duration = Duration::from_secs(1);

/// Everything that is served: the API with its documentation, the pages, and what operators ask.
fn app(
    routes: OpenApiRouter,
    engines: &Engines,
    config: &Config,
    metrics: PrometheusHandle,
    draining: Shutdown,
    held: Option<Held>,
) -> Router {
    let (api, document) = routes.split_for_parts();
    let api = api.merge(docs::router(&docs::complete(document), config.public_url.as_deref()));
    let with_layer = |router| layer::apply(router, engines.host.clone(), config.ingress());
    let behind_pages = with_layer(api.clone()).layer(map_request(forwarded_by_pages));
    let web = stubmart_web::router(Web {
        api: Client::in_process(behind_pages),
        config: WebConfig {
            stripe_publishable_key: engines.provider.publishable_key.clone(),
            public_url: config.public_url.clone(),
            trust_proxy: config.trust_proxy,
            ..WebConfig::default()
        },
        host: engines.host.clone(),
    });
    let all = api.merge(ops::router(engines.clone(), metrics, draining, held));
    let all = all.fallback(move |request: Request| {
        let web = web.clone();
        async move { page(web, request).await }
    });
    with_layer(all)
}

/// A call from a page counts for its visitor in the limits by address.
async fn forwarded_by_pages(mut request: Request) -> Request {
    if let Some(ConnectInfo(visitor)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let address = ClientAddr(visitor.ip());
        request.extensions_mut().insert(address);
    }
    request
}

/// Serves a page. A client that does not accept HTML gets an error in the API's form.
async fn page(web: Router, mut request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Problem::not_found().into_response();
    }
    if let Some(ClientAddr(address)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
    }
    let accept = request.headers().get_all(header::ACCEPT).iter();
    let takes_pages = accept.filter_map(|it| it.to_str().ok()).any(|it| it.contains("text/html"));
    let response = web.oneshot(request).await.into_response();
    let code = match response.status() {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        _ => return response,
    };
    if takes_pages {
        return response;
    }
    let mut problem = Problem::new(code).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

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
    let _alone = be_alone(config)?;
    let descriptors = raise_open_files();
    if let Some(warning) = config.stripe.as_ref().and_then(StripeSettings::warning) {
        tracing::warn!("{warning}");
    }
    let (trigger, shutdown) = ShutdownTrigger::new();
    let (drain, draining) = ShutdownTrigger::new();
    let metrics = ops::metrics()?;
    let opened = Opened::open(config, host.clone()).await?;
    let held = if config.servers.is_none() { Some(Held::take(config.database())?) } else { None };
    let address = listener.local_addr()?;
    let door = Door::default();
    let mut opening = Box::pin(async {
        let market = start(&opened, config, &host, &shutdown).await?;
        let background = opened.run(&market, shutdown.clone());
        let upkeep = ops::Upkeep { metrics: metrics.clone(), host: host.clone() };
        background.run_worker(Arc::new(upkeep));
        let app =
            app(*market.router, &opened.engines, config, metrics, draining.clone(), held.clone());
        door.open(app);
        tracing::info!(%address, data = %config.data.display(), "stubmart serves at http://{address}");
        Ok::<_, Cause>(background)
    });
    // A market in a file is there before anybody asks. Servers may be down for as long as they like.
    let mut background =
        if config.servers.is_none() { Some(opening.as_mut().await?) } else { None };

    let server = Server {
        app: door.router(&host, config),
        ingress: Arc::new(config.ingress()),
        host: host.clone(),
        admission: Admission::new(descriptors, config.limits.each(config.trust_proxy), &host),
        held: held.clone(),
        draining: draining.clone(),
        shutdown: shutdown.clone(),
    };
    let served = server.serve(listener);
    let stop = async {
        let opened = async {
            if background.is_none() {
                background = Some(opening.await?);
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
    let ((), end) = tokio::join!(served, stop);
    if let Some(background) = background {
        background.end().await;
    }
    opened.close().await?;
    end
}

/// Starts the services. On servers of its own a market waits until they are there.
async fn start(
    opened: &Opened,
    config: &Config,
    host: &Host,
    shutdown: &Shutdown,
) -> Result<Role<Market>, Cause> {
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

/// What is served: the market once it has started, until then that it has not.
#[derive(Default, Clone)]
struct Door(Arc<OnceLock<Router>>);

impl Door {
    fn open(&self, app: Router) {
        self.0.get_or_init(|| app);
    }

    fn router(&self, host: &Host, config: &Config) -> Router {
        if let Some(app) = self.0.get() {
            return app.clone();
        }
        let closed = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .fallback(async || Problem::unavailable("the services have not started yet"));
        let closed = layer::apply(closed, host.clone(), config.ingress());
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
    TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", config.listen).into())
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
