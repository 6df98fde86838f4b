//! The suppliers that this server asks: who they are, and a breaker for each.
//!
//! Made once by `startup`; shared by all jobs of the kind, by the API and the pages, which show how each supplier does. The list is read
//! from the suppliers' own directory and kept for a little while; when that cannot be read, the last one that could goes on to count.
//! Invariant: a breaker belongs to a listed supplier, so what people type makes none.

use super::{
    ask::Patience,
    breaker::{Breaker, BreakerConfig},
    client::{Client, Listing, base_of},
};
use crate::{clock, config::SuppliersConfig};
use domain::kinds::supplier_quotes::{SupplierInfo, SupplierList};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How long a list is believed without another look.
const FRESH: Duration = Duration::from_secs(10);
/// How long the directory may take.
const LISTS_WITHIN: Duration = Duration::from_secs(3);

/// Why there is nobody to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuppliers {
    /// The server was started without any.
    #[error("this server was started without suppliers")]
    Configured,
    /// Their directory cannot be read, and never could.
    #[error("the suppliers' directory cannot be read")]
    Reachable,
}

/// The suppliers; clones are the same.
#[derive(Clone)]
pub struct Directory(Arc<Shared>);

struct Shared {
    client: Option<Client>,
    patience: Patience,
    breaker: BreakerConfig,
    public_url: OnceLock<String>,
    listing: tokio::sync::Mutex<Option<(Instant, Listing)>>,
    breakers: Mutex<BTreeMap<String, Breaker>>,
}

impl Directory {
    /// As configured; without an address there is nobody to ask.
    ///
    /// # Errors
    /// What is wrong with the address, to follow the setting's name.
    pub fn new(config: &SuppliersConfig) -> Result<Self, String> {
        let base = config.base.as_deref().map(base_of).transpose()?;
        let client = base.map(Client::new).transpose().map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Shared {
            client,
            patience: config.patience,
            breaker: config.breaker,
            public_url: OnceLock::new(),
            listing: tokio::sync::Mutex::default(),
            breakers: Mutex::default(),
        })))
    }

    /// Says where suppliers reach this server: known once it listens.
    pub fn call_back_at(&self, public_url: String) {
        // Set once, by whoever starts the server; a second time would be the same server.
        let _ = self.0.public_url.set(public_url.trim_end_matches('/').to_owned());
    }

    /// A path of this server as suppliers reach it.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.0.public_url.get().map_or("", String::as_str))
    }

    /// Who can be asked.
    ///
    /// # Errors
    /// [`NoSuppliers`].
    pub async fn list(&self) -> Result<Listing, NoSuppliers> {
        let client = self.0.client.as_ref().ok_or(NoSuppliers::Configured)?;
        // Held over the look: who comes meanwhile takes what it brings.
        let mut known = self.0.listing.lock().await;
        if let Some((at, listing)) = &*known
            && at.elapsed() < FRESH
        {
            return Ok(listing.clone());
        }
        let looked = tokio::time::timeout(LISTS_WITHIN, client.list()).await;
        match looked.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(listing) => {
                *known = Some((Instant::now(), listing.clone()));
                Ok(listing)
            }
            Err(error) => {
                tracing::warn!(error, "the suppliers' directory cannot be read");
                known.as_ref().map(|(_, listing)| listing.clone()).ok_or(NoSuppliers::Reachable)
            }
        }
    }

    /// Who can be asked, and how each of them does.
    ///
    /// # Errors
    /// [`NoSuppliers`].
    pub async fn describe(&self) -> Result<SupplierList, NoSuppliers> {
        let Listing { suppliers, control } = self.list().await?;
        let (now, clock) = (Instant::now(), clock::now());
        let items = suppliers.into_iter().map(|supplier| {
            let (circuit, left) = self.breaker(&supplier.id).circuit(now);
            let open_until = left.map(|left| clock.plus_ms(i64::try_from(left.as_millis()).unwrap_or(i64::MAX)));
            SupplierInfo { id: supplier.id, name: supplier.name, circuit, open_until }
        });
        Ok(SupplierList { items: items.collect(), control })
    }

    /// The breaker of a listed supplier.
    pub(super) fn breaker(&self, id: &str) -> Breaker {
        let mut breakers = self.0.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.entry(id.to_owned()).or_insert_with(|| Breaker::new(self.0.breaker)).clone()
    }

    pub(super) fn client(&self) -> Option<&Client> {
        self.0.client.as_ref()
    }

    pub(super) fn patience(&self) -> Patience {
        self.0.patience
    }
}
