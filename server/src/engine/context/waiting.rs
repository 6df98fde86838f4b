//! Waiting for the outside: addresses at which a third party calls back, what came to them, and the wait that holds no worker.
//!
//! Part of what a handler sees. The order that loses nothing: make a [`Callback`], commit its registration with the checkpoint that
//! says who is asked, ask, and return a [`Waiting`] as error; the next attempt finds in [`Context::callbacks`] what came, and takes it
//! with the checkpoint that contains it. Delivers nothing itself: the store does.
//! Invariants: a token is 256 random bits and is never stored, only its SHA-256; what came is given to every attempt until a
//! checkpoint has taken it.

use super::{Context, JobError};
use crate::{
    clock,
    store::{CallbackAddress, CallbackBody, Callbacks, Finish, OnTimeout, StoreError, Wait},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Timestamp, job::Why};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::sync::watch;

/// Bytes of a token: beyond guessing, whatever the rate.
const TOKEN_LEN: usize = 32;
/// Longest name of an address, in bytes.
const LONGEST_NAME: usize = 200;
/// Largest `what` of a wait, in bytes of JSON; the event has room for more.
const LONGEST_WHAT: usize = 4096;

/// What is kept of a token.
pub(in crate::engine) fn hash_of(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A fresh address for one call-back. Worth nothing until [`Self::address`] is committed.
pub struct Callback {
    token: String,
    name: String,
    until: Timestamp,
}

impl Callback {
    /// Makes one that can be used until a moment. The name is the handler's own; it tells the call-backs of a job apart.
    ///
    /// # Errors
    /// Transient when the system gives no random numbers.
    pub fn new(name: impl Into<String>, until: Timestamp) -> Result<Self, JobError> {
        let mut bytes = [0; TOKEN_LEN];
        getrandom::fill(&mut bytes).map_err(|error| JobError::transient("no-random-numbers", error.to_string()))?;
        let mut name = name.into();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        Ok(Self { token: URL_SAFE_NO_PAD.encode(bytes), name, until })
    }

    /// What to commit, in the `callbacks` of a step, before anybody is told [`Self::path`].
    pub fn address(&self) -> CallbackAddress {
        CallbackAddress { hash: hash_of(&self.token), name: self.name.clone(), until: self.until }
    }

    /// Where to post, once. A secret: whoever knows it may answer.
    pub fn path(&self) -> String {
        format!("/api/v1/callbacks/{}", self.token)
    }
}

/// A handler's wish to wait. Returned as an error, since an attempt that waits has no output.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting(Wait);

impl Waiting {
    /// Waits for something that a person reads under a stable kebab-case code; at the deadline the job fails (`callback-timeout`).
    pub fn until(code: impl Into<String>, until: Timestamp) -> Self {
        let what = Why { code: code.into(), params: serde_json::Map::new() };
        Self(Wait { what, until, on_timeout: OnTimeout::Fail })
    }

    /// As [`Self::until`], from now on.
    pub fn within(code: impl Into<String>, within: Duration) -> Self {
        Self::until(code, clock::now().plus_ms(i64::try_from(within.as_millis()).unwrap_or(i64::MAX)))
    }

    /// A figure for the sentence that people read.
    #[must_use]
    pub fn with(mut self, param: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.what.params.insert(param.into(), value.into());
        self
    }

    /// At the deadline the job goes on with what it has.
    #[must_use]
    pub const fn or_go_on(mut self) -> Self {
        self.0.on_timeout = OnTimeout::Resume;
        self
    }

    /// What the store is to be told at the end of this attempt.
    pub(in crate::engine) fn finish(self, context: &Context) -> Finish {
        let mut wait = self.0;
        if serde_json::to_vec(&wait.what).map_or(true, |json| json.len() > LONGEST_WHAT) {
            wait.what.params.clear();
            wait.what.code.truncate(wait.what.code.floor_char_boundary(LONGEST_NAME));
        }
        Finish::Waiting { wait, seen: context.seen.load(Ordering::Acquire), files: context.take_files() }
    }
}

/// Wakes a handler when call-backs have come; carries none, and may wake for those of other jobs: [`Context::callbacks`] tells.
pub struct Heard(watch::Receiver<u64>);

impl Heard {
    /// Resolves when one came since the last time, or since it was made. Dropped in between, it loses nothing.
    pub async fn any(&mut self) {
        if self.0.changed().await.is_err() {
            // The engine is gone, and with it whoever would call back here.
            std::future::pending::<()>().await;
        }
    }
}

impl From<Waiting> for JobError {
    fn from(waiting: Waiting) -> Self {
        Self::Waiting(Box::new(waiting))
    }
}

impl CallbackBody {
    /// The body as the handler expects it.
    ///
    /// # Errors
    /// Permanent, code `unreadable-callback`, when it has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        serde_json::from_str(&self.body).map_err(|error| {
            JobError::permanent("unreadable-callback", format!("the call-back `{}`: {error}", self.name))
        })
    }
}

impl Context {
    /// What came that no checkpoint has taken (`taken` of a step), in order, and which addresses can still be used. May be asked
    /// again while the attempt runs. What was given here does not end a wait of this attempt; whatever comes later does.
    ///
    /// # Errors
    /// [`JobError::Stopped`], or transient when the store does not answer.
    pub async fn callbacks(&self) -> Result<Callbacks, JobError> {
        self.go_on()?;
        match self.engine.store.callbacks(self.run.lease, clock::now()).await {
            Ok(Ok(callbacks)) => {
                let latest = callbacks.received.last().map_or(0, |body| body.id);
                self.seen.fetch_max(latest, Ordering::AcqRel);
                Ok(callbacks)
            }
            Ok(Err(_)) | Err(StoreError::Closed) => {
                self.run.lose();
                Err(JobError::Stopped)
            }
            Err(error) => Err(JobError::transient("store-unavailable", error.to_string())),
        }
    }

    /// For a handler that still works while it awaits call-backs: tells when some came, of whatever job, from now on.
    pub fn hear_callbacks(&self) -> Heard {
        Heard(self.engine.heard.subscribe())
    }

    /// Commits an address for one call-back and answers its path, for a handler whose checkpoint need not say that it asked.
    ///
    /// # Errors
    /// As [`Self::progress`].
    pub async fn callback_path(&self, name: &str, until: Timestamp) -> Result<String, JobError> {
        let callback = Callback::new(name, until)?;
        let step = crate::store::Advance { callbacks: vec![callback.address()], ..Default::default() };
        self.advance(step).await?;
        Ok(callback.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_all_different_and_not_what_is_kept() {
        let make = || Callback::new("quote", Timestamp(1)).unwrap();
        let (one, other) = (make(), make());
        assert_ne!(one.token, other.token);
        assert!(one.token.len() >= 43 && one.token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert!(!one.address().hash.as_slice().eq(one.token.as_bytes()));
        assert_eq!(one.address().hash, hash_of(one.path().rsplit('/').next().unwrap()));
    }
}
