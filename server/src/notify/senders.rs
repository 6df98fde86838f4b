//! All that sends, put together from the settings: a sender for each kind of endpoint, and what the API needs to add one.
//!
//! Made by `startup`, held by the state; the dispatcher asks for a sender by kind. Knows neither the store nor HTTP serving.

use super::{
    Sender,
    confirmations::Confirmations,
    dispatcher::SenderOf,
    email::{Email, NoMailServer, sender_of, server_of},
    http::{Http, Patience},
    target::Targets,
    vapid::Vapid,
    web_push::WebPush,
    webhook::Webhook,
};
use crate::config::{InvalidConfig, PushConfig};
use domain::push::{EndpointKind, PushOffer};
use std::{io, path::Path, sync::Arc};

/// Everything that sends; clones share it.
#[derive(Clone)]
pub struct Senders(Arc<Inner>);

struct Inner {
    web_push: Arc<dyn Sender>,
    webhook: Arc<dyn Sender>,
    email: Arc<dyn Sender>,
    http: Http,
    offer: PushOffer,
    confirmations: Confirmations,
}

/// Why nothing can be sent; each goes with the server's other reasons not to start.
#[derive(Debug, thiserror::Error)]
pub enum SendersError {
    /// A setting that cannot work.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The key cannot be read or made.
    #[error(transparent)]
    Key(#[from] io::Error),
}

impl Senders {
    /// From the settings, with the key in the data folder. `public_url` is what links in mails begin with.
    ///
    /// # Errors
    /// A setting that cannot work, or a key that cannot be read or made.
    pub fn open(config: &PushConfig, data: &Path, public_url: &str) -> Result<Self, SendersError> {
        let contact = config.contact.clone().or_else(|| {
            // RFC 8292, section 2.1 takes an https address of the sender, too.
            public_url.starts_with("https://").then(|| public_url.to_owned())
        });
        let vapid = Vapid::open(data, contact.as_deref())?;
        let targets = Targets::new(config.private_targets, &config.services);
        let http = Http::new(targets, Patience::default())?;
        let invalid = |setting| move |problem| InvalidConfig { setting, problem };
        let mut email: Arc<dyn Sender> = Arc::new(NoMailServer);
        let mut email_from = None;
        if let (Some(server), Some(from)) = (&config.smtp, &config.mail_from) {
            let from = sender_of(from).map_err(invalid("--mail-from"))?;
            email_from = Some(from.email.to_string());
            email = Arc::new(Email::new(server_of(server).map_err(invalid("--smtp"))?, from, public_url));
        }
        let offer = PushOffer {
            web_push_key: vapid.public_key().to_owned(),
            email_from,
            private_webhooks: config.private_targets,
        };
        Ok(Self(Arc::new(Inner {
            web_push: Arc::new(WebPush::new(http.clone(), vapid)),
            webhook: Arc::new(Webhook::new(http.clone())),
            email,
            http,
            offer,
            confirmations: Confirmations::default(),
        })))
    }

    /// Who sends to endpoints of a kind.
    pub fn of(&self, kind: EndpointKind) -> Arc<dyn Sender> {
        match kind {
            EndpointKind::WebPush => self.0.web_push.clone(),
            EndpointKind::Webhook => self.0.webhook.clone(),
            EndpointKind::Email => self.0.email.clone(),
        }
    }

    /// The same, as the dispatcher asks.
    pub fn by_kind(self) -> SenderOf {
        Arc::new(move |kind| Some(self.of(kind)))
    }

    /// What can be sent.
    pub fn offer(&self) -> &PushOffer {
        &self.0.offer
    }

    /// Looks names up, and says which addresses are allowed.
    pub fn http(&self) -> &Http {
        &self.0.http
    }

    /// Counts the mails that ask.
    pub fn confirmations(&self) -> &Confirmations {
        &self.0.confirmations
    }
}
