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

/// A moment as the standard library has it, for those who only take that.
pub fn system_time(moment: Timestamp) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_millis(u64::try_from(moment.0).unwrap_or(0))
}
