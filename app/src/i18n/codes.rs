//! What the service says by code and parameters, in the reader's words, each with a next step.
//!
//! Used wherever a problem, a failure, a reason or a rejected row is shown. A code without words here, or one that lacks a
//! parameter, falls back to the service's English sentence: less good, never silent.

use super::{Lang, codes_en, codes_fr, format};
use domain::{
    Failure, InputError, Problem,
    job::{Queue, Waiting},
    kinds::catalogue_import::Reject,
};
use serde_json::{Map, Value};

/// A code, what it means, and what to do.
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

/// Why an unfinished job is where it is.
pub fn why(lang: Lang, queue: &Queue) -> String {
    let why = &queue.why;
    word(lang, table(lang).whys, &why.code, &why.params).map_or_else(|| why.code.clone(), |wording| wording.what)
}

/// What a job waits for; none for a code without words here.
pub fn waiting(lang: Lang, waiting: &Waiting) -> Option<String> {
    let what = &waiting.what;
    word(lang, table(lang).whys, &what.code, &what.params).map(|wording| wording.what)
}

/// What is wrong with a field; follows its name and a colon.
pub fn input_error(lang: Lang, error: &InputError) -> String {
    word(lang, table(lang).inputs, &error.code, &error.params)
        .map_or_else(|| error.detail.clone(), |wording| wording.what)
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

fn word(lang: Lang, entries: &[Entry], code: &str, params: &Map<String, Value>) -> Option<Wording> {
    let (_, what, next) = entries.iter().find(|(known, ..)| *known == code)?;
    Some(Wording { what: fill(lang, what, params)?, next: fill(lang, next, params)? })
}

/// Puts parameters into a sentence; none when one is missing.
fn fill(lang: Lang, sentence: &str, params: &Map<String, Value>) -> Option<String> {
    let mut out = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match params.get(name)? {
            Value::String(text) => out.push_str(text),
            Value::Number(value) => match value.as_u64() {
                Some(value) => out.push_str(&format::number(lang, value)),
                None => out.push_str(&value.to_string()),
            },
            other => out.push_str(&other.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
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
            assert_eq!(names(what), names(what_fr), "{code}");
            assert_eq!(next.is_empty(), next_fr.is_empty(), "{code}");
        }
    }

    #[test]
    fn figures_stand_in_the_sentence_as_the_language_writes_them() {
        let error = InputError::out_of_range("/input/steps", 1, 10_000);
        assert_eq!(input_error(Lang::En, &error), "enter a number from 1 to 10,000");
        assert_eq!(input_error(Lang::Fr, &error), "entrez un nombre de 1 à 10\u{202f}000");
    }

    #[test]
    fn a_code_without_words_falls_back_to_the_detail() {
        let unknown = Problem::new(418, "teapot", "I am a teapot.");
        assert_eq!(problem(Lang::Fr, &unknown).what, "I am a teapot.");
        let bare = InputError::new("/input/steps", "out-of-range", "must be from 1 to 5");
        assert_eq!(input_error(Lang::En, &bare), "must be from 1 to 5");
    }
}
