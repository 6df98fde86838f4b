//! The one place where the server reads the wall clock.
//!
//! Called by whoever hands a moment to the store, which takes time as an argument and has no clock of its own.

use domain::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// This moment, in milliseconds since 1970; 0 if the machine's clock stands before that.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
