//! A form's request as a whole: input, label, and when and how the job is to run.
//!
//! Shared by the server's form handler and the browser's submit; the fields of the kind are [`super::form`]'s. Reads no clock: a moment
//! without a zone is UTC (what the form says without script); the browser has turned its own time into UTC before.
//! Invariant: the same fields give the same request on both sides, and what was left as it stood is not in it.

use super::form::{input_from_form, label, text};
use crate::{InputError, Timestamp, api::Submit};

/// When to start: `now`, `at` (see [`START_AT`]), `quiet` or `idle`.
pub const START: &str = "start";
/// A date and a time, as a `datetime-local` control sends it, or a whole RFC 3339 time in UTC.
pub const START_AT: &str = "start_at";
/// Whole minutes within which the job must have started.
pub const START_WITHIN_MIN: &str = "start_within_min";
/// A whole number; higher goes first.
pub const PRIORITY: &str = "priority";
/// Attempts that may be made.
pub const MAX_ATTEMPTS: &str = "max_attempts";

/// The request that a form makes.
///
/// # Errors
/// What cannot be turned into the request at all, at the pointers of the API; everything else is for the engine to judge.
pub fn request_from_form(kind: &str, fields: &[(String, String)]) -> Result<Submit, Vec<InputError>> {
    let mut errors = Vec::new();
    let mut take = |error| errors.push(error);
    let run_at = run_at(fields).map_err(&mut take).unwrap_or_default();
    let minutes = whole::<u64>(fields, START_WITHIN_MIN, "/start_within_s").map_err(&mut take).unwrap_or_default();
    let priority = whole::<i32>(fields, PRIORITY, "/priority").map_err(&mut take).unwrap_or_default();
    let max_attempts = whole::<u32>(fields, MAX_ATTEMPTS, "/max_attempts").map_err(&mut take).unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Submit {
        kind: kind.to_owned(),
        input: input_from_form(kind, fields),
        label: label(fields),
        priority: priority.filter(|&priority| priority != 0),
        run_at,
        max_attempts,
        start_within_s: minutes.map(|minutes| minutes.saturating_mul(60)),
        timeout_s: None,
    })
}

fn run_at(fields: &[(String, String)]) -> Result<Option<String>, InputError> {
    match text(fields, START) {
        None | Some("now") => Ok(None),
        Some(word @ ("quiet" | "idle")) => Ok(Some(word.to_owned())),
        Some("at") => {
            let moment = text(fields, START_AT).and_then(moment);
            let detail = "must be a date and a time, such as 2026-12-01T02:00";
            moment
                .map(|moment| Some(moment.to_string()))
                .ok_or_else(|| InputError::new("/run_at", "invalid-time", detail))
        }
        Some(_) => Err(InputError::new("/run_at", "unknown-value", "must be now, at, quiet or idle")),
    }
}

/// `2026-12-01T02:00`, with or without seconds, in UTC; or RFC 3339 in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    [String::new(), "Z".to_owned(), ":00Z".to_owned()].iter().find_map(|rest| format!("{text}{rest}").parse().ok())
}

fn whole<T: std::str::FromStr>(
    fields: &[(String, String)],
    name: &str,
    pointer: &str,
) -> Result<Option<T>, InputError> {
    let Some(text) = text(fields, name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| InputError::new(pointer, "not-a-number", "must be a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(pairs: &[(&str, &str)]) -> Result<Submit, Vec<InputError>> {
        let mut fields = vec![("input.steps".to_owned(), "5".to_owned())];
        fields.extend(pairs.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())));
        request_from_form("rehearsal", &fields)
    }

    #[test]
    fn what_was_left_as_it_stood_is_not_in_the_request() {
        let untouched = [("start", "now"), ("start_at", ""), ("start_within_min", ""), ("priority", "0")];
        let bare = serde_json::to_value(request(&untouched).unwrap()).unwrap();
        assert_eq!(bare, json!({"kind": "rehearsal", "input": {"steps": 5}}));
        assert_eq!(request(&untouched), request(&[]));
    }

    #[test]
    fn when_and_how_are_read_into_the_fields_of_the_api() {
        let all = [("start", "quiet"), ("start_within_min", "10"), ("priority", "-10"), ("max_attempts", "5")];
        let read = request(&all).unwrap();
        assert_eq!((read.run_at.as_deref(), read.start_within_s), (Some("quiet"), Some(600)));
        assert_eq!((read.priority, read.max_attempts), (Some(-10), Some(5)));
    }

    #[test]
    fn a_moment_without_a_zone_is_utc_however_it_is_written() {
        for text in ["2026-12-01T02:00", "2026-12-01T02:00:00", "2026-12-01T02:00:00.000", "2026-12-01T02:00:00.000Z"] {
            let read = request(&[("start", "at"), ("start_at", text)]).unwrap();
            assert_eq!(read.run_at.as_deref(), Some("2026-12-01T02:00:00.000Z"), "{text}");
        }
        assert_eq!(request(&[("start", "idle"), ("start_at", "2026-12-01T02:00")]).unwrap().run_at.unwrap(), "idle");
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at_all_at_once() {
        let wrong =
            [("start", "at"), ("start_within_min", "soon"), ("priority", "very"), ("max_attempts", "9999999999")];
        let errors = request(&wrong).unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        let number = "not-a-number";
        assert_eq!(
            found,
            [
                ("/run_at", "invalid-time"),
                ("/start_within_s", number),
                ("/priority", number),
                ("/max_attempts", number)
            ]
        );
        assert_eq!(request(&[("start", "never")]).unwrap_err()[0].code, "unknown-value");
        assert_eq!(request(&[("start", "at"), ("start_at", "tomorrow")]).unwrap_err()[0].code, "invalid-time");
    }
}
