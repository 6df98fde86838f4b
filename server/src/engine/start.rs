//! When a submitted job may start and by when it must have, from the words of the request.
//!
//! Used by `submit`. Reads no clock; the quiet hours are the operator's.
//! Invariant: a deferred job has either a time or waits for idleness, never both; a time that has passed means now.

use super::quiet_hours::QuietHours;
use domain::{
    Deferral, InputError, Timestamp,
    api::{DEFER_LIMIT_S, Submit},
};

/// What a request says about its start. Nothing: at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) run_at: Option<Timestamp>,
    pub(super) deferral: Option<Deferral>,
    pub(super) start_by: Option<Timestamp>,
}

impl Start {
    /// Reads `run_at` and `start_within_s`.
    pub(super) fn of(submit: &Submit, quiet: &QuietHours, now: Timestamp) -> Result<Self, InputError> {
        let (run_at, deferral) = match submit.run_at.as_deref().map(str::trim) {
            None => (None, None),
            Some(word) => match Deferral::parse(word) {
                Some(Deferral::Idle) => (None, Some(Deferral::Idle)),
                Some(Deferral::Quiet) => match quiet.next_start(now) {
                    Some(start) => (Some(start), Some(Deferral::Quiet)),
                    None => (None, None),
                },
                None => (time(word, now)?, None),
            },
        };
        let within_ms =
            submit.start_within_s.map(|seconds| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX));
        let start_by = within_ms.map(|within_ms| run_at.unwrap_or(now).plus_ms(within_ms));
        Ok(Self { run_at, deferral, start_by })
    }
}

fn time(word: &str, now: Timestamp) -> Result<Option<Timestamp>, InputError> {
    let time: Timestamp = word.parse().map_err(|_| {
        let detail = "must be a time in UTC such as 2026-12-01T02:00:00Z, \"quiet\" or \"idle\"";
        InputError::new("/run_at", "invalid-time", detail)
    })?;
    let ahead_ms = time.ms_since(now);
    if ahead_ms > i64::try_from(DEFER_LIMIT_S * 1000).unwrap_or(i64::MAX) {
        return Err(InputError::new("/run_at", "too-far", "must be within a year"));
    }
    Ok((ahead_ms > 0).then_some(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn start(run_at: Option<&str>, start_within_s: Option<u64>) -> Result<Start, InputError> {
        let request = json!({"kind": "k", "input": {}, "run_at": run_at, "start_within_s": start_within_s});
        let noon = "2026-12-01T12:00:00Z".parse().unwrap();
        Start::of(&serde_json::from_value(request).unwrap(), &QuietHours::default(), noon)
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_start_is_now_a_time_quiet_or_idle() {
        assert_eq!(start(None, None), Ok(Start::default()));
        let later = "2026-12-01T13:00:00Z";
        assert_eq!(start(Some(later), None).unwrap(), Start { run_at: at(later), ..Start::default() });
        assert_eq!(start(Some("2026-12-01T12:00:00Z"), None), Ok(Start::default()), "a time that has come means now");
        let quiet = start(Some("quiet"), None).unwrap();
        assert_eq!((quiet.run_at, quiet.deferral), (at("2026-12-01T22:00:00Z"), Some(Deferral::Quiet)));
        let idle = start(Some("idle"), None).unwrap();
        assert_eq!((idle.run_at, idle.deferral), (None, Some(Deferral::Idle)));
    }

    #[test]
    fn it_must_start_within_so_long_of_when_it_may() {
        assert_eq!(start(None, Some(60)).unwrap().start_by, at("2026-12-01T12:01:00Z"));
        assert_eq!(start(Some("2026-12-01T13:00:00Z"), Some(60)).unwrap().start_by, at("2026-12-01T13:01:00Z"));
        assert_eq!(start(Some("idle"), Some(60)).unwrap().start_by, at("2026-12-01T12:01:00Z"));
    }

    #[test]
    fn nonsense_is_pointed_at() {
        let code = |word| start(Some(word), None).unwrap_err().code;
        assert_eq!(code("tomorrow"), "invalid-time");
        assert_eq!(code("2026-12-01T13:00:00+01:00"), "invalid-time");
        assert_eq!(code("2028-12-01T13:00:00Z"), "too-far");
    }
}
