//! What goes into the store and comes out about waiting: addresses for call-backs, what came to them, the wait itself.
//!
//! Part of [`super::rows`]' vocabulary, with no SQL and no HTTP in it. A token is never among it, only its SHA-256.

use domain::{Timestamp, job::Why};

/// An address for one call-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAddress {
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// The handler's own name for it.
    pub name: String,
    /// It can be used before then.
    pub until: Timestamp,
}

/// What came for a job, and what still may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callbacks {
    /// In the order in which they came.
    pub received: Vec<CallbackBody>,
    /// Addresses that were not used and have not expired, by deadline.
    pub open: Vec<OpenCallback>,
}

/// A call-back that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackBody {
    /// Grows with each that comes.
    pub id: u64,
    /// The handler's own name for its address.
    pub name: String,
    /// When it was committed.
    pub received_at: Timestamp,
    /// JSON.
    pub body: String,
}

/// An address that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCallback {
    /// The handler's own name for it.
    pub name: String,
    /// Until when.
    pub until: Timestamp,
}

/// What a wait's deadline brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimeout {
    /// The job fails: reason `timeout`, code `callback-timeout`.
    Fail,
    /// The job goes on with what it has.
    Resume,
}

impl OnTimeout {
    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Resume => "resume",
        }
    }
}

/// What a job is to wait for, without a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// What for, for a person; must fit into an event.
    pub what: Why,
    /// The deadline.
    pub until: Timestamp,
    /// What the deadline brings.
    pub on_timeout: OnTimeout,
}
