//! What the service says by code and parameters, in the reader's words, each with a next step.
//!
//! Used wherever a problem, a failure, a reason or a rejected row is shown. A code without words here, or one that lacks a
//! parameter, falls back to the service's English sentence: less good, never silent.

use super::{Lang, codes_en, codes_fr, format, t};
use domain::{
    Failure, InputError, Problem, Timestamp,
    job::{Queue, Waiting},
    kinds::catalogue_import::Reject,
};
use serde_json::{Map, Value};

/// A code, what it means, and what to do; of a reason to wait, the same in a few words.
pub(super) type Entry = (&'static str, &'static str, &'static str);

/// All codes of a language, by what they are about.
pub(super) struct Table {
    pub(super) problems: &'static [Entry],
    pub(super) failures: &'static [Entry],
    pub(super) whys: &'static [Entry],
    pub(super) inputs: &'static [Entry],
    pub(super) rejects: &'static [Entry],
}

/// What happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// What happened.
    pub what: String,
    /// What to do; may be empty.
    pub next: String,
}

impl Wording {
    /// Both sentences.
    pub fn in_full(&self) -> String {
        if self.next.is_empty() { self.what.clone() } else { format!("{} {}", self.what, self.next) }
    }
}

const fn table(lang: Lang) -> &'static Table {
    match lang {
        Lang::En => &codes_en::TABLE,
        Lang::Fr => &codes_fr::TABLE,
    }
}

/// What is wrong with a request.
pub fn problem(lang: Lang, problem: &Problem) -> Wording {
    word(lang, table(lang).problems, &problem.code, &Map::new())
        .unwrap_or_else(|| fallback(lang, &problem.code, Some(&problem.detail)))
}

/// What went wrong with a job or an attempt.
pub fn failure(lang: Lang, failure: &Failure) -> Wording {
    word(lang, table(lang).failures, &failure.code, &failure.params)
        .unwrap_or_else(|| fallback(lang, &failure.code, failure.detail.as_ref()))
}

/// The same of a code alone; none for one that needs figures or has no words.
pub fn failure_of(lang: Lang, code: &str) -> Option<Wording> {
    word(lang, table(lang).failures, code, &Map::new())
}

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// A moment, which each reader sees in another zone.
    Moment(Timestamp),
}

/// Why an unfinished job is where it is; none without words for it.
pub fn why(lang: Lang, queue: &Queue) -> Option<Vec<Part>> {
    let (_, what, _) = find(table(lang).whys, &queue.why.code)?;
    fill(lang, what, &queue.why.params)
}

/// The same in a few words; none where the place in line says enough.
pub fn why_in_short(lang: Lang, queue: &Queue) -> Option<Vec<Part>> {
    let (_, _, short) = find(table(lang).whys, &queue.why.code)?;
    fill(lang, short, &queue.why.params).filter(|parts| !parts.is_empty())
}

/// By when a job must have started, of one that may not wait for ever.
pub fn start_by(lang: Lang, queue: &Queue) -> Option<Vec<Part>> {
    let (_, what, _) = find(table(lang).whys, "start-by")?;
    fill(lang, what, &queue.why.params)
}

/// A moment that a reason names.
pub fn moment(queue: &Queue, name: &str) -> Option<Timestamp> {
    queue.why.params.get(name)?.as_str()?.parse().ok()
}

/// What a job waits for; none for a code without words here.
pub fn waiting(lang: Lang, waiting: &Waiting) -> Option<String> {
    let what = &waiting.what;
    word(lang, table(lang).whys, &what.code, &what.params).map(|wording| wording.what)
}

/// What is wrong with a field; follows its name and a colon.
pub fn input_error(lang: Lang, error: &InputError) -> String {
    let minutes = in_minutes(error);
    let params = minutes.as_ref().unwrap_or(&error.params);
    word(lang, table(lang).inputs, &error.code, params).map_or_else(|| error.detail.clone(), |wording| wording.what)
}

/// The limits of a field that the API counts in seconds and the form in minutes.
fn in_minutes(error: &InputError) -> Option<Map<String, Value>> {
    let seconds = |name: &str| error.params.get(name).filter(|_| error.pointer == "/start_within_s")?.as_u64();
    let (min, max) = (seconds("min")?.div_ceil(60), seconds("max")? / 60);
    Some([("min".to_owned(), min.into()), ("max".to_owned(), max.into())].into_iter().collect())
}

/// Why a row was not taken.
pub fn reject(lang: Lang, reject: &Reject) -> String {
    word(lang, table(lang).rejects, &reject.code, &reject.params)
        .map_or_else(|| reject.code.clone(), |wording| wording.what)
}

/// The service's own sentence; what to do is then to try again.
fn fallback(lang: Lang, code: &str, detail: Option<&String>) -> Wording {
    let next = match lang {
        Lang::En => "Try again; if it stays, tell whoever runs the server.",
        Lang::Fr => "Réessayez ; si cela persiste, prévenez l’exploitant du serveur.",
    };
    let what = detail.filter(|detail| !detail.is_empty()).cloned().unwrap_or_else(|| code.to_owned());
    Wording { what, next: next.to_owned() }
}

fn word(lang: Lang, entries: &'static [Entry], code: &str, params: &Map<String, Value>) -> Option<Wording> {
    let (_, what, next) = find(entries, code)?;
    let line = |sentence| fill(lang, sentence, params).map(|parts| in_one(lang, parts));
    Some(Wording { what: line(what)?, next: line(next)? })
}

fn find(entries: &'static [Entry], code: &str) -> Option<&'static Entry> {
    entries.iter().find(|(known, ..)| *known == code)
}

/// The pieces as one text, moments in UTC.
fn in_one(lang: Lang, parts: Vec<Part>) -> String {
    let piece = |part| match part {
        Part::Text(text) => text,
        Part::Moment(at) => format::minute(lang, at),
    };
    parts.into_iter().map(piece).collect()
}

/// Puts parameters into a sentence; none when one is missing. `{…_s}` is a length of time, `{kind}` has the kind's own name.
fn fill(lang: Lang, sentence: &str, params: &Map<String, Value>) -> Option<Vec<Part>> {
    let (mut parts, mut out) = (Vec::new(), String::with_capacity(sentence.len()));
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match params.get(name)? {
            Value::Null => return None,
            Value::String(text) if name == "kind" => out.push_str(t(lang).kind_name(text)),
            Value::String(text) => match text.parse() {
                Ok(at) => parts.extend([Part::Text(std::mem::take(&mut out)), Part::Moment(at)]),
                Err(_) => out.push_str(text),
            },
            Value::Number(value) => match value.as_u64() {
                Some(seconds) if name.ends_with("_s") => {
                    out.push_str(&format::duration(
                        lang,
                        i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX),
                    ));
                }
                Some(value) => out.push_str(&format::number(lang, value)),
                None => out.push_str(&value.to_string()),
            },
            other => out.push_str(&other.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    parts.push(Part::Text(out));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sentence: &str) -> Vec<&str> {
        sentence.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn both_languages_word_the_same_codes_with_the_same_parameters() {
        let tables =
            |table: &'static Table| [table.problems, table.failures, table.whys, table.inputs, table.rejects].concat();
        let (en, fr) = (tables(table(Lang::En)), tables(table(Lang::Fr)));
        assert_eq!(en.len(), fr.len());
        for ((code, what, next), (code_fr, what_fr, next_fr)) in en.iter().zip(&fr) {
            assert_eq!(code, code_fr);
            assert_eq!((names(what), names(next)), (names(what_fr), names(next_fr)), "{code}");
            assert_eq!(next.is_empty(), next_fr.is_empty(), "{code}");
        }
    }

    #[test]
    fn figures_stand_in_the_sentence_as_the_language_writes_them() {
        let error = InputError::out_of_range("/input/steps", 1, 10_000);
        assert_eq!(input_error(Lang::En, &error), "enter a number from 1 to 10,000");
        assert_eq!(input_error(Lang::Fr, &error), "entrez un nombre de 1 à 10\u{202f}000");
    }

    fn queue(code: &str, params: Value) -> Queue {
        let why = serde_json::from_value(serde_json::json!({"code": code, "params": params})).unwrap();
        Queue { position: 0, eta_s: None, why }
    }

    fn said(lang: Lang, code: &str, params: Value) -> Option<String> {
        why(lang, &queue(code, params)).map(|parts| in_one(lang, parts))
    }

    #[test]
    fn every_rule_of_the_engine_has_its_sentence_in_both_languages() {
        use serde_json::json;
        let (at, later) = ("2026-12-01T22:00:00.000Z", "2026-12-01T23:30:00.000Z");
        for (code, params) in [
            ("ahead", json!({"n": 2})),
            ("next", json!({})),
            ("workers-busy", json!({"running": 8})),
            ("kind-limit", json!({"kind": "rehearsal", "limit": 2})),
            ("kind-rate", json!({"kind": "rehearsal", "per_minute": 6})),
            ("scheduled", json!({"at": at})),
            ("quiet-hours", json!({"at": at, "from": "22:00", "to": "06:00", "zone": "Europe/Paris"})),
            ("idle", json!({"unfinished": 3})),
            ("backing-off", json!({"at": at})),
            ("waiting", json!({"for": "supplier", "until": later})),
            ("cancelling", json!({"since": at})),
            ("running", json!({})),
        ] {
            for lang in Lang::ALL {
                let text = said(lang, code, params.clone()).unwrap_or_else(|| panic!("{code} is without words"));
                assert!(text.ends_with('.') && !text.contains(['{', '}']), "{text}");
            }
        }
        let limit = said(Lang::Fr, "kind-limit", json!({"kind": "rehearsal", "limit": 2})).unwrap();
        assert!(limit.contains("Répétition"), "the kind by the name that people know: {limit}");
    }

    #[test]
    fn a_moment_in_a_sentence_stays_a_moment() {
        let parts = why(Lang::En, &queue("scheduled", serde_json::json!({"at": "2026-12-01T22:00:00.000Z"}))).unwrap();
        assert_eq!(parts[1], Part::Moment("2026-12-01T22:00:00Z".parse().unwrap()));
        let by = queue("next", serde_json::json!({"start_by": "2026-12-01T22:00:00.000Z"}));
        assert_eq!(
            start_by(Lang::En, &by).map(|parts| in_one(Lang::En, parts)).as_deref(),
            Some("It must start by 1 Dec 2026, 22:00 UTC, else it expires.")
        );
        assert_eq!(start_by(Lang::En, &queue("next", serde_json::json!({}))), None);
    }

    #[test]
    fn lengths_of_time_are_told_in_the_forms_own_units() {
        let too_long = InputError::out_of_range("/start_within_s", 1, 31_622_400);
        assert_eq!(input_error(Lang::En, &too_long), "enter a number from 1 to 527,040");
        let params = serde_json::json!({"start_within_s": 600});
        let failure = Failure {
            reason: domain::FailureReason::Expired,
            code: "not-started-in-time".into(),
            params: params.as_object().cloned().unwrap(),
            detail: None,
            retryable: true,
            attempt: 0,
        };
        assert!(super::failure(Lang::En, &failure).what.contains("10 min"));
    }

    #[test]
    fn a_code_without_words_falls_back_to_the_detail() {
        let unknown = Problem::new(418, "teapot", "I am a teapot.");
        assert_eq!(problem(Lang::Fr, &unknown).what, "I am a teapot.");
        let bare = InputError::new("/input/steps", "out-of-range", "must be from 1 to 5");
        assert_eq!(input_error(Lang::En, &bare), "must be from 1 to 5");
    }
}
