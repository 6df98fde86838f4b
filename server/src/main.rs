//! The command `meanwhile`: reads flags and variables, starts the server, stops it on a signal; copies a data folder and back.
//!
//! Invariant: of a server, stdout carries one line, `listening on http://…`, when the server is ready; everything else goes to stderr.

use clap::{Args, Parser, Subcommand};
use server::{
    backup::{self, BackupError, Manifest},
    clock,
    config::{Config, InvalidConfig, LimitsConfig, OperatorConfig, PushConfig, RetentionConfig},
    engine::{
        kind_limits::{self, LimitSetting},
        quiet_hours::{InvalidQuietHours, QuietHours},
    },
    startup::{self, Running},
    suppliers, telemetry,
};
use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Submit. Carry on. Be told.
#[derive(Parser)]
#[command(name = "meanwhile", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Accepts jobs, runs them and serves the pages (the default)
    Serve,
    /// Simulates five suppliers for `supplier-quotes` to ask, with faults that can be set while they run
    Suppliers {
        /// Address and port to listen on; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:3001")]
        listen: SocketAddr,
        /// Ends when the process that started it has ended, which is the one of this id
        #[arg(long, hide = true, value_name = "PID")]
        stop_with: Option<u32>,
    },
    /// Copies the data folder, while the server runs or not, into a folder that is empty or not there
    Backup {
        /// Where the copy goes
        folder: PathBuf,
    },
    /// Makes a data folder, which must be empty or not there, from a copy
    Restore {
        /// Where the copy is
        folder: PathBuf,
    },
}

#[derive(Args)]
struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "MEANWHILE_LISTEN", default_value = "127.0.0.1:3000", global = true)]
    listen: SocketAddr,
    /// Folder with everything durable; made on the first start
    #[arg(long, env = "MEANWHILE_DATA", default_value = "./data", global = true)]
    data: PathBuf,
    /// Folder with the built interface, when it is not beside the executable
    #[arg(long, env = "MEANWHILE_ASSETS", global = true)]
    assets: Option<PathBuf>,
    /// Jobs that run side by side
    #[arg(long, env = "MEANWHILE_WORKERS", default_value_t = 8, global = true)]
    workers: usize,
    /// Most jobs of a kind at once (KIND=JOBS) or started per minute (KIND=STARTS/min); may be repeated, in the variable with commas
    #[arg(long, env = "MEANWHILE_LIMITS", value_name = "KIND=LIMIT", value_delimiter = ',', global = true)]
    limit: Vec<LimitSetting>,
    /// Wall times between which jobs start that were submitted for quiet hours
    #[arg(long, env = "MEANWHILE_QUIET_HOURS", value_name = "FROM-TO", default_value = "22:00-06:00", global = true)]
    quiet_hours: String,
    /// Time zone of the quiet hours, by its IANA name; the machine's own without it
    #[arg(long, env = "MEANWHILE_TIME_ZONE", value_name = "ZONE", global = true)]
    time_zone: Option<String>,
    /// For tests, which cannot wait as long as a lease lasts; in milliseconds
    #[arg(long, env = "MEANWHILE_LEASE_MS", hide = true, global = true)]
    lease_ms: Option<u64>,
    /// Likewise: how often leases are renewed
    #[arg(long, env = "MEANWHILE_HEARTBEAT_MS", hide = true, global = true)]
    heartbeat_ms: Option<u64>,
    /// Streams that one visitor may hold open: SSE, WebSocket and long polls together
    #[arg(long, env = "MEANWHILE_STREAMS_PER_OWNER", default_value_t = 20, global = true)]
    streams_per_owner: usize,
    /// Streams of all visitors together; each takes a file descriptor
    #[arg(long, env = "MEANWHILE_STREAMS", default_value_t = 10_000, global = true)]
    streams: usize,
    /// Days that a job is kept after its end, with its log
    #[arg(long, env = "MEANWHILE_KEEP_JOBS", default_value_t = 30, global = true)]
    keep_jobs: u32,
    /// Days that the files of a job are kept after its end
    #[arg(long, env = "MEANWHILE_KEEP_RESULTS", default_value_t = 7, global = true)]
    keep_results: u32,
    /// Unfinished jobs that one owner may have; 0 for any number
    #[arg(long, env = "MEANWHILE_MAX_JOBS", default_value_t = 10_000, global = true)]
    max_jobs: u64,
    /// Requests a second that change something, of one address; 0 for any number
    #[arg(long, env = "MEANWHILE_MAX_REQUESTS", default_value_t = 200, global = true)]
    max_requests: u32,
    /// Connections of one address; 0 for any number
    #[arg(long, env = "MEANWHILE_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 256, global = true)]
    max_connections_per_address: usize,
    /// Connections in all; 0 for any number
    #[arg(long, env = "MEANWHILE_MAX_CONNECTIONS", default_value_t = 20_000, global = true)]
    max_connections: usize,
    /// Address of a proxy that is believed when it says whom it speaks for; several with commas between
    #[arg(long, env = "MEANWHILE_TRUSTED_PROXY", value_delimiter = ',', global = true)]
    trusted_proxy: Vec<IpAddr>,
    /// Address of the suppliers' directory, which `supplier-quotes` asks; `meanwhile suppliers` is one
    #[arg(long, env = "MEANWHILE_SUPPLIERS", value_name = "URL", global = true)]
    suppliers: Option<String>,
    /// How third parties reach this server, for their call-backs; where it listens without it
    #[arg(long, env = "MEANWHILE_PUBLIC_URL", value_name = "URL", global = true)]
    public_url: Option<String>,
    /// What opens the operator's routes: at least 16 visible characters; else it is made and kept in the data folder
    #[arg(long, env = "MEANWHILE_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true, global = true)]
    operator_token: Option<String>,
    /// Answer GET /metrics without the operator's token
    #[arg(long, env = "MEANWHILE_METRICS_OPEN", global = true)]
    metrics_open: bool,
    /// Mail server: smtps://user:password@host, or smtp:// with ?tls=required; without it no mail is sent
    #[arg(long, env = "MEANWHILE_SMTP", value_name = "URL", hide_env_values = true, global = true)]
    smtp: Option<String>,
    /// Who mails come from, such as "The shop <shop@example.org>"
    #[arg(long, env = "MEANWHILE_MAIL_FROM", value_name = "ADDRESS", global = true)]
    mail_from: Option<String>,
    /// How push services reach whoever runs this server: mailto:… or https://…; --public-url without it, if that is https
    #[arg(long, env = "MEANWHILE_PUSH_CONTACT", value_name = "URL", global = true)]
    push_contact: Option<String>,
    /// Hosts of push services beside those of the known browsers, with commas between
    #[arg(long, env = "MEANWHILE_PUSH_SERVICES", value_name = "HOST", value_delimiter = ',', global = true)]
    push_services: Vec<String>,
    /// Let webhooks go to private addresses and over plain HTTP; for development and tests
    #[arg(long, env = "MEANWHILE_PRIVATE_TARGETS", global = true)]
    private_targets: bool,
}

impl Serve {
    fn config(self) -> Result<Config, InvalidConfig> {
        let quiet_hours = QuietHours::parse(&self.quiet_hours, self.time_zone.as_deref()).map_err(|error| {
            let setting = if error == InvalidQuietHours::Zone { "--time-zone" } else { "--quiet-hours" };
            InvalidConfig { setting, problem: error.to_string() }
        })?;
        let mut config = Config { listen: self.listen, data: self.data, assets: self.assets, ..Config::default() };
        config.engine.workers = self.workers;
        config.engine.quiet_hours = quiet_hours;
        config.engine.kind_limits = kind_limits::by_kind(self.limit);
        config.engine.lease = self.lease_ms.map_or(config.engine.lease, Duration::from_millis);
        config.engine.heartbeat = self.heartbeat_ms.map_or(config.engine.heartbeat, Duration::from_millis);
        config.channels.per_owner = self.streams_per_owner;
        config.channels.total = self.streams;
        config.retention = RetentionConfig {
            open_jobs: self.max_jobs,
            keep_jobs_days: self.keep_jobs,
            keep_results_days: self.keep_results,
        };
        config.limits = LimitsConfig {
            requests_per_s: self.max_requests,
            connections_per_address: self.max_connections_per_address,
            connections: self.max_connections,
            trusted_proxies: self.trusted_proxy,
        };
        // What is set to nothing is not set.
        config.suppliers.base = self.suppliers.filter(|url| !url.is_empty());
        config.public_url = self.public_url.filter(|url| !url.is_empty());
        config.push = PushConfig {
            private_targets: self.private_targets,
            services: self.push_services.into_iter().filter(|host| !host.is_empty()).collect(),
            contact: self.push_contact.filter(|url| !url.is_empty()),
            smtp: self.smtp.filter(|url| !url.is_empty()),
            mail_from: self.mail_from.filter(|from| !from.is_empty()),
        };
        config.operator = OperatorConfig { token: self.operator_token, metrics_open: self.metrics_open };
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    telemetry::start();
    let started = match command {
        None | Some(Command::Serve) => match serve.config() {
            Ok(config) => startup::start(config).await,
            Err(invalid) => Err(invalid.into()),
        },
        Some(Command::Suppliers { listen, stop_with }) => return simulate(listen, stop_with).await,
        Some(Command::Backup { folder }) => return told(backed_up(&serve.data, &folder)),
        Some(Command::Restore { folder }) => return told(restored(&folder, &serve.data)),
    };
    match started {
        Ok(running) => run(running).await,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the suppliers until a signal, or the end of whoever started them.
async fn simulate(listen: SocketAddr, stop_with: Option<u32>) -> ExitCode {
    let stop = StopSignals::listen();
    let running = match suppliers::start(listen).await {
        Ok(running) => running,
        Err(error) => {
            eprintln!("The suppliers cannot listen on {listen}: {error}.");
            return ExitCode::FAILURE;
        }
    };
    ready(running.addr());
    match stop_with {
        Some(parent) => tokio::select! {
            () = stop.received() => {}
            () = suppliers::parent_ended(parent) => {}
        },
        None => stop.received().await,
    }
    ExitCode::SUCCESS
}

/// Says on stdout that it is ready. Whoever started it may have closed its end of that; that is no reason to stop.
fn ready(addr: SocketAddr) {
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "listening on http://{addr}").and_then(|()| stdout.flush());
}

/// One sentence, on stdout when it was done, on stderr when it was not.
fn told(said: Result<String, BackupError>) -> ExitCode {
    match said {
        Ok(sentence) => {
            println!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn backed_up(data: &Path, to: &Path) -> Result<String, BackupError> {
    let Manifest { jobs, files, missing, .. } = backup::backup(data, to, clock::now())?;
    missing.iter().for_each(|name| eprintln!("missing in the data folder: {name}"));
    let lacking = if missing.is_empty() { String::new() } else { format!(", {} missing ones left out", missing.len()) };
    Ok(format!("Copied {jobs} jobs and {files} files{lacking} from {} to {}.", data.display(), to.display()))
}

fn restored(from: &Path, data: &Path) -> Result<String, BackupError> {
    let Manifest { jobs, files, made_at, .. } = backup::restore(from, data)?;
    Ok(format!(
        "Restored {jobs} jobs and {files} files, as of {made_at}, to {}; clients will read everything anew.",
        data.display()
    ))
}

async fn run(running: Running) -> ExitCode {
    // Before the line that says that it is ready: whoever reads it may send a signal at once.
    let stop = StopSignals::listen();
    ready(running.addr());
    stop.received().await;
    tracing::info!("stopping");
    running.stop().await;
    ExitCode::SUCCESS
}

/// SIGINT and SIGTERM; Ctrl-C elsewhere. One that cannot be listened to is left out.
struct StopSignals {
    #[cfg(unix)]
    unix: Vec<tokio::signal::unix::Signal>,
}

impl StopSignals {
    fn listen() -> Self {
        #[cfg(unix)]
        let unix = {
            use tokio::signal::unix::{SignalKind, signal};
            [SignalKind::interrupt(), SignalKind::terminate()]
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect()
        };
        Self {
            #[cfg(unix)]
            unix,
        }
    }

    #[cfg(unix)]
    async fn received(mut self) {
        std::future::poll_fn(|cx| {
            let any = self.unix.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if any { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    #[cfg(not(unix))]
    async fn received(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signal can be received at all: serve until killed.
            std::future::pending::<()>().await;
        }
    }
}
