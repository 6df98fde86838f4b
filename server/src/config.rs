//! Every setting of the server, by section, with its default and its check.
//!
//! Filled by `main.rs` from flags and `MEANWHILE_…` variables, by tests from [`Config::for_test`]; read by everyone, written by nobody later.
//! Invariant: a value that [`Config::validate`] let through makes sense together with all others.

use crate::{
    engine::{kind_limits::LimitsByKind, quiet_hours::QuietHours},
    kinds::supplier_quotes::{ask::Patience, breaker::BreakerConfig, client::base_of},
    notify::email,
    operator::SHORTEST,
    store::Policy,
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// More than one machine has sockets for.
const MAX_STREAMS: usize = 1_000_000;

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder with everything durable; made when it is not there.
    pub data: PathBuf,
    /// The folder with the built interface; without one it is looked for beside the executable.
    pub assets: Option<PathBuf>,
    /// How jobs run.
    pub engine: EngineConfig,
    /// How clients are followed.
    pub channels: ChannelsConfig,
    /// What may be uploaded.
    pub uploads: UploadsConfig,
    /// How much an owner may have, and how long it is kept.
    pub retention: RetentionConfig,
    /// How much one address may ask for.
    pub limits: LimitsConfig,
    /// Whom `supplier-quotes` asks.
    pub suppliers: SuppliersConfig,
    /// How third parties reach this server, when not at the address that it listens on.
    pub public_url: Option<String>,
    /// Who operates the server, and what everybody may see of its work.
    pub operator: OperatorConfig,
    /// How owners are told who are not there.
    pub push: PushConfig,
    /// How long a stop may take before unfinished jobs are handed back.
    pub stop_grace: Duration,
}

/// How jobs run.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Jobs that run side by side.
    pub workers: usize,
    /// How long a worker's right to a job lasts without renewal.
    pub lease: Duration,
    /// How often it is renewed.
    pub heartbeat: Duration,
    /// How long a handler may take to stop on its owner's wish.
    pub cancel_grace: Duration,
    /// When jobs may start that were submitted for quiet hours.
    pub quiet_hours: QuietHours,
    /// How many of a kind may run and start.
    pub kind_limits: LimitsByKind,
}

/// How clients are followed.
#[derive(Debug, Clone)]
pub struct ChannelsConfig {
    /// How often a quiet stream says that it lives.
    pub heartbeat: Duration,
    /// How long a connection may last, give or take a fifth.
    pub max_age: Duration,
    /// Streams that one owner may hold open.
    pub per_owner: usize,
    /// Streams in all.
    pub total: usize,
}

/// What may be uploaded.
#[derive(Debug, Clone)]
pub struct UploadsConfig {
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// Bytes of one owner's uploads together.
    pub quota_bytes: u64,
    /// How long an upload is kept that no job uses.
    pub expire_after: Duration,
}

/// How much an owner may have, and how long it is kept.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Jobs of one owner that have not ended; 0 for any number.
    pub open_jobs: u64,
    /// Days that a job is kept after its end.
    pub keep_jobs_days: u32,
    /// Days that the files of a job are kept after its end.
    pub keep_results_days: u32,
}

/// How much one address may ask for; 0 for any number. The machine's own address is not limited.
#[derive(Debug, Clone)]
pub struct LimitsConfig {
    /// Requests a second that change something; twice as many at once.
    pub requests_per_s: u32,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Connections in all, of the machine's own address too.
    pub connections: usize,
    /// Proxies that are believed when they say whom they speak for (`Forwarded`, else `X-Forwarded-For`).
    pub trusted_proxies: Vec<IpAddr>,
}

/// Whom `supplier-quotes` asks, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct SuppliersConfig {
    /// Address of their directory; without one there is nobody to ask.
    pub base: Option<String>,
    /// How long and how often one is asked.
    pub patience: Patience,
    /// When one is left alone.
    pub breaker: BreakerConfig,
}

/// Who operates the server, and what everybody may see of its work.
#[derive(Clone, Default)]
pub struct OperatorConfig {
    /// The token; without one it is made at the first start and kept in the data folder.
    pub token: Option<String>,
    /// Whether `GET /metrics` answers without it.
    pub metrics_open: bool,
}

impl std::fmt::Debug for OperatorConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A secret must not reach a log by way of `{:?}`.
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("OperatorConfig").field("token", &token).field("metrics_open", &self.metrics_open).finish()
    }
}

/// How owners are told who are not there.
#[derive(Clone, Default)]
pub struct PushConfig {
    /// Webhooks may go to private addresses and over plain HTTP: for development and tests.
    pub private_targets: bool,
    /// Hosts of push services beside those that are known.
    pub services: Vec<String>,
    /// How push services reach whoever runs this server: `mailto:…` or `https://…`.
    pub contact: Option<String>,
    /// The mail server, with its password; without one no mail is sent.
    pub smtp: Option<String>,
    /// Who mails come from.
    pub mail_from: Option<String>,
}

impl std::fmt::Debug for PushConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let smtp = self.smtp.as_ref().map(|_| "…");
        f.debug_struct("PushConfig")
            .field("private_targets", &self.private_targets)
            .field("services", &self.services)
            .field("contact", &self.contact)
            .field("smtp", &smtp)
            .field("mail_from", &self.mail_from)
            .finish()
    }
}

impl PushConfig {
    fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |setting, problem: String| Err(InvalidConfig { setting, problem });
        let is_host = |name: &String| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        if let Some(wrong) = self.services.iter().find(|name| !is_host(name)) {
            return refuse("--push-services", format!("takes names of hosts, without scheme or port: \"{wrong}\""));
        }
        if self.contact.as_ref().is_some_and(|text| !text.starts_with("mailto:") && !text.starts_with("https://")) {
            return refuse("--push-contact", "must begin with mailto: or https://".to_owned());
        }
        match (&self.smtp, &self.mail_from) {
            (Some(_), None) => refuse("--mail-from", "is needed with --smtp: who do mails come from?".to_owned()),
            (None, Some(_)) => refuse("--smtp", "is needed with --mail-from: where do mails go out?".to_owned()),
            (Some(server), Some(from)) => {
                let named = |setting| move |problem| InvalidConfig { setting, problem };
                email::sender_of(from).map(drop).map_err(named("--mail-from"))?;
                email::server_of(server).map(drop).map_err(named("--smtp"))
            }
            (None, None) => Ok(()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            data: PathBuf::from("./data"),
            assets: None,
            engine: EngineConfig::default(),
            channels: ChannelsConfig::default(),
            uploads: UploadsConfig::default(),
            retention: RetentionConfig::default(),
            limits: LimitsConfig::default(),
            suppliers: SuppliersConfig::default(),
            public_url: None,
            operator: OperatorConfig::default(),
            push: PushConfig::default(),
            stop_grace: Duration::from_secs(10),
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            workers: 8,
            lease: Duration::from_secs(12),
            heartbeat: Duration::from_secs(4),
            cancel_grace: Duration::from_secs(5),
            quiet_hours: QuietHours::default(),
            kind_limits: LimitsByKind::new(),
        }
    }
}

impl Default for ChannelsConfig {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), max_age: Duration::from_secs(600), per_owner: 20, total: 10_000 }
    }
}

impl Default for UploadsConfig {
    fn default() -> Self {
        Self { max_bytes: 1 << 30, quota_bytes: 5 << 30, expire_after: Duration::from_secs(24 * 3600) }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { requests_per_s: 200, connections_per_address: 256, connections: 20_000, trusted_proxies: Vec::new() }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { open_jobs: 10_000, keep_jobs_days: 30, keep_results_days: 7 }
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct InvalidConfig {
    /// Which one, as in the flags.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Config {
    /// The defaults on a free port of this machine only, in a folder of the test's own.
    pub fn for_test(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.into(),
            stop_grace: Duration::from_secs(2),
            ..Self::default()
        }
    }

    /// What the store keeps to.
    pub fn policy(&self) -> Policy {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        let RetentionConfig { open_jobs, keep_jobs_days, keep_results_days } = self.retention;
        Policy {
            open_jobs: if open_jobs == 0 { u64::MAX } else { open_jobs },
            upload_bytes: self.uploads.quota_bytes,
            keep_jobs_ms: i64::from(keep_jobs_days) * DAY_MS,
            keep_results_ms: i64::from(keep_results_days) * DAY_MS,
        }
    }

    /// Checks what flags and types cannot.
    ///
    /// # Errors
    /// Names the first setting that cannot work.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |setting, problem: &str| Err(InvalidConfig { setting, problem: problem.to_owned() });
        if !(1..=1024).contains(&self.engine.workers) {
            return refuse("--workers", "must be from 1 to 1024");
        }
        if !(1..=MAX_STREAMS).contains(&self.channels.per_owner) {
            return refuse(
                "--streams-per-owner",
                "must be from 1 to 1000000; without any, no channel but polling works",
            );
        }
        if !(1..=MAX_STREAMS).contains(&self.channels.total) {
            return refuse("--streams", "must be from 1 to 1000000; without any, no channel but polling works");
        }
        if self.engine.heartbeat.is_zero() || self.engine.heartbeat * 2 > self.engine.lease {
            return refuse("lease", "must be at least twice the heartbeat, or one late renewal loses every job");
        }
        if self.uploads.quota_bytes < self.uploads.max_bytes {
            return refuse("upload quota", "must be at least the largest upload");
        }
        // Less than a day, and an idempotency key could outlive the job that it names.
        if !(1..=36_500).contains(&self.retention.keep_jobs_days) {
            return refuse("--keep-jobs", "must be from 1 to 36500 days");
        }
        if !(1..=self.retention.keep_jobs_days).contains(&self.retention.keep_results_days) {
            return refuse("--keep-results", "must be at least 1 day and at most as long as --keep-jobs");
        }
        for (setting, url) in [("--suppliers", &self.suppliers.base), ("--public-url", &self.public_url)] {
            // One of the server's own may well be https: it is only told to others.
            let plain =
                url.as_ref().map(|url| url.replacen("https://", "http://", usize::from(setting == "--public-url")));
            if let Some(Err(problem)) = plain.as_deref().map(base_of) {
                return refuse(setting, &problem);
            }
        }
        let fits = |token: &String| token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_graphic());
        if self.operator.token.as_ref().is_some_and(|token| !fits(token)) {
            return refuse("--operator-token", "must be at least 16 visible characters, without spaces");
        }
        self.push.validate()?;
        match &self.assets {
            Some(folder) if !folder.is_dir() => refuse("--assets", &format!("names no folder: {}", folder.display())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        let mut config = Config::default();
        config.engine.workers = 0;
        assert_eq!(config.validate().unwrap_err().setting, "--workers");
        config.engine = EngineConfig { heartbeat: Duration::from_secs(10), ..EngineConfig::default() };
        assert_eq!(config.validate().unwrap_err().setting, "lease");
        let channels = |per_owner, total| {
            let channels = ChannelsConfig { per_owner, total, ..ChannelsConfig::default() };
            Config { channels, ..Config::default() }.validate().map_err(|refused| refused.setting)
        };
        assert_eq!(channels(6_000, 20_000), Ok(()));
        assert_eq!(channels(0, 10_000), Err("--streams-per-owner"));
        assert_eq!(channels(20, 0), Err("--streams"));
        assert_eq!(channels(20, MAX_STREAMS + 1), Err("--streams"));
        let mut config = Config::default();
        config.retention.keep_jobs_days = 3;
        assert_eq!(config.validate().unwrap_err().setting, "--keep-results");
        config.retention.keep_jobs_days = 0;
        assert_eq!(config.validate().unwrap_err().setting, "--keep-jobs");
        let push = |services: &str, contact: Option<&str>, smtp: Option<&str>, from: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let (contact, smtp, mail_from) = (text(contact), text(smtp), text(from));
            let push =
                PushConfig { services: vec![services.to_owned()], contact, smtp, mail_from, private_targets: false };
            assert!(!format!("{push:?}").contains("secret"));
            Config { push, ..Config::default() }.validate().map_err(|refused| refused.setting)
        };
        let (server, from) = (Some("smtps://u:secret@mail.example"), Some("Shop <shop@shop.example>"));
        assert_eq!(push("push.example", Some("mailto:a@b.example"), server, from), Ok(()));
        assert_eq!(push("https://push.example", None, None, None), Err("--push-services"));
        assert_eq!(push("push.example", Some("a@b.example"), None, None), Err("--push-contact"));
        assert_eq!(push("push.example", None, server, None), Err("--mail-from"));
        assert_eq!(push("push.example", None, None, from), Err("--smtp"));
        assert_eq!(push("push.example", None, Some("smtp://u:secret@mail.example"), from), Err("--smtp"));
        assert_eq!(push("push.example", None, server, Some("shop")), Err("--mail-from"));
        let urls = |suppliers: &str, public: &str| {
            let suppliers = SuppliersConfig { base: Some(suppliers.to_owned()), ..SuppliersConfig::default() };
            let config = Config { suppliers, public_url: Some(public.to_owned()), ..Config::default() };
            config.validate().map_err(|refused| refused.setting)
        };
        assert_eq!(urls("http://127.0.0.1:3001", "https://shop.example/"), Ok(()));
        assert_eq!(urls("127.0.0.1:3001", "https://shop.example/"), Err("--suppliers"));
        assert_eq!(urls("http://127.0.0.1:3001", "shop.example"), Err("--public-url"));
    }
}
