//! Puts the server together, serves it, and takes it apart again in an order that loses nothing.
//!
//! Called by `main.rs` and by tests. Owns the accept loop: hyper's `http1` connections directly, since `axum::serve` goes through
//! an automatic builder that costs every idle stream another 9 KB. Does not handle requests: [`crate::router`] does.
//! Invariant: the store is opened first and closed last: its lock keeps every other process out of the data folder in between.

use crate::{
    api::callbacks::Gate,
    channels::{self, deadline::WriteDeadline},
    config::{Config, InvalidConfig},
    engine::{Engine, pruner},
    events::bus::Bus,
    files::{Files, make_folder},
    kinds::{self, supplier_quotes::directory::Directory},
    notify::{
        dispatcher::{Dispatcher, SenderOf},
        seen::Watch,
        senders::{Senders, SendersError},
    },
    operator::OperatorKey,
    owner::OwnerKey,
    router,
    state::{AppState, Reach},
    store::{Committed, Store, StoreError, sqlite::SqliteStore},
    throttle::Throttle,
    ui,
};
use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// Connections too many that are told so at the same time.
const REFUSALS: usize = 64;
/// How long one of them may take to ask and to listen.
const REFUSAL: Duration = Duration::from_secs(5);

/// Why the server did not start; each reads as one sentence for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// A setting that cannot work.
    #[error("{0}.")]
    Config(#[from] InvalidConfig),
    /// The data folder cannot be made or written to.
    #[error("The data folder {} cannot be used: {source}.", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("The data folder {} is in use by another meanwhile; stop that one or choose another folder with --data.", .0.display())]
    DataInUse(PathBuf),
    /// The database in it does not open.
    #[error("The database in the data folder does not open: {0}.")]
    Store(#[from] StoreError),
    /// Another process has the port.
    #[error("The address {0} is in use by another program; choose another one with --listen.")]
    AddressInUse(SocketAddr),
    /// The system refuses to listen there.
    #[error("The server cannot listen on {addr}: {source}.")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A server that runs.
pub struct Running {
    addr: SocketAddr,
    state: AppState,
    connections: TaskTracker,
}

/// Opens the data folder, recovers what a predecessor left, and serves.
///
/// # Errors
/// [`StartupError`], before anything was accepted.
pub async fn start(config: Config) -> Result<Running, StartupError> {
    start_sending(config, None).await
}

/// The same with other senders than those that the settings name, for tests.
///
/// # Errors
/// As [`start`].
pub async fn start_sending(config: Config, sender_of: Option<SenderOf>) -> Result<Running, StartupError> {
    config.validate()?;
    let suppliers =
        Directory::new(&config.suppliers).map_err(|problem| InvalidConfig { setting: "--suppliers", problem })?;
    let kinds = kinds::registry(suppliers.clone());
    if let Some(unknown) = config.engine.kind_limits.keys().find(|kind| !kinds.names().contains(&kind.as_str())) {
        let problem = format!("names no kind of job: \"{unknown}\"");
        return Err(InvalidConfig { setting: "--limit", problem }.into());
    }
    let data_error = |source| StartupError::Data { path: config.data.clone(), source };
    make_folder(&config.data).map_err(data_error)?;
    let store: Arc<dyn Store> = SqliteStore::open(&config.data).map_err(|error| match error {
        StoreError::InUse => StartupError::DataInUse(config.data.clone()),
        error => StartupError::Store(error),
    })?;
    store.set_policy(config.policy());
    let owners = OwnerKey::open(&config.data).map_err(data_error)?;
    let (operator, kept) =
        OperatorKey::open(&config.data, config.operator.token.as_deref(), &owners).map_err(data_error)?;
    if let Some(path) = kept {
        tracing::info!(path = %path.display(), "the operator's token is in this file; /operations asks for it");
    }
    let files = Files::open(&config.data).map_err(data_error)?;
    // Nobody writes yet, so whatever no row names is what a crash left.
    pruner::sweep_files(&*store, &files, Duration::ZERO).await?;
    // Bound before jobs run again, so that a start in vain changes nothing; served after, so that no request sees half a server.
    let listener = listen(config.listen).await?;
    let addr = listener.local_addr().map_err(|source| StartupError::Listen { addr: config.listen, source })?;
    let public_url = config.public_url.clone().unwrap_or_else(|| public_url(addr));
    suppliers.call_back_at(public_url.clone());
    let senders = Senders::open(&config.push, &config.data, &public_url).map_err(|error| match error {
        SendersError::Config(invalid) => invalid.into(),
        SendersError::Key(source) => data_error(source),
    })?;
    warn_of_push(&config);
    let bus = Bus::new();
    let (engine_slot, dispatcher_slot) = tell_commits(&*store, bus.clone());
    let engine = Engine::start(store.clone(), kinds, files.clone(), config.engine.clone()).await?;
    // A commit between start and here is seen by the engine's own first look at the store.
    let _ = engine_slot.set(engine.clone());
    let assets = Arc::new(ui::Assets::load(config.assets.as_deref()));
    let limits = channels::Limits::new(&config.channels);
    let shutdown = CancellationToken::new();
    let (acks, presence) = (channels::Acks::default(), channels::Presence::new(limits.clone()));
    let dispatcher = Dispatcher::start(
        store.clone(),
        sender_of.unwrap_or_else(|| senders.clone().by_kind()),
        Watch::new(acks.clone(), presence.clone()),
        engine.metrics().clone(),
        shutdown.clone(),
    );
    // A commit between its start and here is seen by its own first look, or half a minute later.
    let _ = dispatcher_slot.set(dispatcher.clone());
    let (callbacks, throttle) = (Gate::default(), Throttle::new(&config.limits));
    let state = AppState::new(Reach {
        store,
        engine,
        bus,
        files,
        owners,
        operator,
        config,
        shutdown,
        assets,
        limits,
        callbacks,
        throttle,
        acks,
        presence,
        dispatcher,
        suppliers,
        senders,
    });
    let connections = TaskTracker::new();
    // A peer that takes nothing for two heartbeats has gone, or should have.
    let stall = state.config.channels.heartbeat * 2;
    tokio::spawn(accept_loop(
        listener,
        router::router(state.clone()),
        state.throttle.clone(),
        stall,
        state.shutdown.clone(),
        connections.clone(),
    ));
    let keep_uploads = state.config.uploads.expire_after;
    tokio::spawn(pruner::run(state.store.clone(), state.files.clone(), keep_uploads, state.shutdown.clone()));
    Ok(Running { addr, state, connections })
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What its handlers reach; for tests.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Stops: no new connections, streams drained, handlers given their grace, the rest handed back, the store closed.
    pub async fn stop(self) {
        self.state.shutdown.cancel();
        let grace = self.state.config.stop_grace;
        tokio::join!(self.state.engine.stop(grace), self.state.dispatcher.stop(grace));
        self.connections.close();
        if tokio::time::timeout(Duration::from_secs(5), self.connections.wait()).await.is_err() {
            tracing::warn!(open = self.connections.len(), "connections were cut at the end of the grace period");
        }
        self.state.store.close().await;
    }
}

/// Passes each commit on to those who wait for one. Engine and dispatcher come later than the store, hence the slots.
fn tell_commits(store: &dyn Store, bus: Bus) -> (Arc<OnceLock<Engine>>, Arc<OnceLock<Dispatcher>>) {
    let (slot, dispatcher_slot) = (Arc::new(OnceLock::<Engine>::new()), Arc::new(OnceLock::<Dispatcher>::new()));
    let (engine, dispatcher) = (slot.clone(), dispatcher_slot.clone());
    store.on_commit(Arc::new(move |committed: &Committed| {
        bus.committed(&committed.heads, &committed.events);
        bus.catalogue_moved(committed.catalogue, committed.changing);
        if let Some(engine) = engine.get() {
            engine.committed(committed);
        }
        if let Some(dispatcher) = dispatcher.get() {
            dispatcher.committed(committed);
        }
    }));
    (slot, dispatcher_slot)
}

/// Says aloud what is fit for development only.
fn warn_of_push(config: &Config) {
    if config.push.private_targets {
        tracing::warn!(
            "--private-targets: webhooks may reach this machine and its network, and go over plain HTTP; not for production"
        );
    }
    if config.push.smtp.is_some() && config.public_url.is_none() {
        tracing::warn!("--smtp without --public-url: links in mails lead to the address that the server listens on");
    }
}

/// How the server's own machine reaches it: whoever listens on all addresses does on this one too.
fn public_url(addr: SocketAddr) -> String {
    let here: IpAddr = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(here, addr.port()))
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, StartupError> {
    TcpListener::bind(addr).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartupError::AddressInUse(addr),
        _ => StartupError::Listen { addr, source },
    })
}

async fn accept_loop(
    listener: TcpListener,
    router: Router,
    throttle: Throttle,
    stall: Duration,
    shutdown: CancellationToken,
    connections: TaskTracker,
) {
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Events are small and must not wait for an acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                let stream = WriteDeadline::new(stream, stall);
                match throttle.connect(peer.ip()) {
                    Some(permit) => {
                        let stream = stream.holding(permit);
                        connections.spawn(serve_connection(stream, peer, router.clone(), shutdown.clone()));
                    }
                    None => refuse(stream, peer, &refusals),
                }
            }
            Err(error) => {
                // Out of file descriptors, mostly: it passes when a connection ends, and spinning would not help.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Says that there are too many connections, to a few at a time; the others are closed without a word.
fn refuse(stream: WriteDeadline<TcpStream>, peer: SocketAddr, refusals: &Arc<Semaphore>) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else { return };
    tokio::spawn(async move {
        let stream = stream.holding(permit);
        let service = router::too_many_connections()
            .map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new));
        let mut http = hyper::server::conn::http1::Builder::new();
        let answered = http.keep_alive(false).serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        match tokio::time::timeout(REFUSAL, answered).await {
            Ok(Ok(())) => {}
            ended => tracing::debug!(%peer, ?ended, "a connection too many did not wait for its refusal"),
        }
    });
}

async fn serve_connection<H: Send + Unpin + 'static>(
    stream: WriteDeadline<TcpStream, H>,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) {
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
