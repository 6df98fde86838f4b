//! A form's text fields as the JSON input of a kind; shared by the server's form handler and the browser's submit.
//!
//! Judges nothing: what cannot be turned into what the kind wants stays text, and the kind's own check says what is wrong with it.
//! Invariant: the same fields give the same input on both sides, so that a submit repeated without JavaScript is a repeat.

use super::{catalogue_export, catalogue_import, rehearsal, supplier_quotes};
use crate::api::LABEL_LIMIT;
use serde_json::{Map, Value};

/// What the names of input fields begin with: `input.steps`.
pub const PREFIX: &str = "input.";

/// The input of a kind from a form's fields, in the order sent. Names without [`PREFIX`] are not of the input; an empty field is an
/// absent one; of a repeated name the last counts (the idiom of a hidden field before a checkbox), but for a list, which takes them all.
pub fn input_from_form(kind: &str, fields: &[(String, String)]) -> Value {
    let mut input = Map::new();
    for (name, text) in fields {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        if is_list(kind, name) {
            add_to_list(&mut input, name, text);
            continue;
        }
        match text.trim() {
            "" => input.remove(name),
            text => input.insert(name.to_owned(), value(kind, name, text)),
        };
    }
    Value::Object(input)
}

/// Fields that are lists: each value may hold several, with commas or line ends between.
fn is_list(kind: &str, name: &str) -> bool {
    matches!((kind, name), (supplier_quotes::NAME, "handles" | "suppliers"))
}

/// Adds what a value names. A field that was sent with nothing in it is an empty list, not an absent one: of boxes to tick a
/// hidden field tells that they were there.
fn add_to_list(input: &mut Map<String, Value>, name: &str, text: &str) {
    let list = input.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(list) = list else { return };
    list.extend(items(text).map(Value::from));
}

/// What a text names, with commas or line ends between.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n', '\r']).map(str::trim).filter(|item| !item.is_empty())
}

/// `on` is what a browser sends for a checkbox; digits are a number.
fn value(kind: &str, name: &str, text: &str) -> Value {
    // A word in any case, even if someone types digits there: then the complaint is about the word.
    let word =
        matches!((kind, name), (rehearsal::NAME, "failure" | "wait_timeout") | (catalogue_import::NAME, "upload"))
            || (kind, name) == (catalogue_export::NAME, "format");
    if word {
        return text.into();
    }
    match text {
        "on" | "true" => true.into(),
        "off" | "false" => false.into(),
        _ => number(text).unwrap_or_else(|| text.into()),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from)).ok()
}

/// The field that carries the name of the file sent, put in by whoever reads the form.
pub const FILE_NAME: &str = "file_name";

/// The label that a form asks for: as typed, else the name of its file, so that nobody looks at a list of nameless imports.
pub fn label(fields: &[(String, String)]) -> Option<String> {
    let of_file = || text(fields, FILE_NAME).map(|name| name.chars().take(LABEL_LIMIT).collect());
    text(fields, "label").map(str::to_owned).or_else(of_file)
}

/// The last value of a field, without white space around it; none when that is empty.
pub(super) fn text<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let last = fields.iter().rev().find(|(field, _)| field == name);
    last.map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn a_job_without_a_label_is_called_after_its_file() {
        assert_eq!(label(&fields(&[("label", " "), (FILE_NAME, "spring.csv")])), Some("spring.csv".to_owned()));
        assert_eq!(label(&fields(&[("label", "mine"), (FILE_NAME, "spring.csv")])), Some("mine".to_owned()));
        let long = "é".repeat(LABEL_LIMIT + 1);
        assert_eq!(label(&fields(&[(FILE_NAME, &long)])), Some("é".repeat(LABEL_LIMIT)));
        assert_eq!(label(&fields(&[])), None);
    }

    #[test]
    fn text_becomes_what_the_kind_wants() {
        let form = fields(&[
            ("kind", "rehearsal"),
            ("input.steps", " 5 "),
            ("input.partials", "on"),
            ("input.fail_at", ""),
            ("input.failure", "transient"),
            ("input.hold", "off"),
        ]);
        let input = input_from_form("rehearsal", &form);
        assert_eq!(input, json!({"steps": 5, "partials": true, "failure": "transient", "hold": false}));
        assert!(serde_json::from_value::<rehearsal::Input>(input).is_ok());
    }

    #[test]
    fn what_is_no_number_stays_text_for_the_check_to_refuse() {
        let form = fields(&[
            ("input.steps", "five"),
            ("input.step_ms", "-1"),
            ("input.x", "99999999999999999999"),
            ("input.y", "--1"),
        ]);
        let input = input_from_form("rehearsal", &form);
        assert_eq!(input, json!({"steps": "five", "step_ms": -1, "x": "99999999999999999999", "y": "--1"}));
    }

    #[test]
    fn a_list_takes_all_its_values() {
        let form = fields(&[
            ("input.handles", "mug"),
            ("input.handles", " 123, mug\r\n\r\nthé vert\n"),
            ("input.suppliers", ""),
            ("input.suppliers", "alba"),
            ("input.suppliers", "on"),
            ("input.within_s", "5"),
        ]);
        let input = input_from_form(supplier_quotes::NAME, &form);
        assert_eq!(
            input,
            json!({"handles": ["mug", "123", "mug", "thé vert"], "suppliers": ["alba", "on"], "within_s": 5})
        );
        assert!(serde_json::from_value::<supplier_quotes::Input>(input).is_ok());
        // Boxes that were there and not ticked are none, not all.
        let none = input_from_form(supplier_quotes::NAME, &fields(&[("input.suppliers", "")]));
        assert_eq!(none, json!({"suppliers": []}));
        assert_eq!(input_from_form(rehearsal::NAME, &fields(&[("input.handles", "a,b")])), json!({"handles": "a,b"}));
    }

    #[test]
    fn of_a_repeated_name_the_last_counts() {
        assert_eq!(
            input_from_form("rehearsal", &fields(&[("input.hold", "off"), ("input.hold", "on")])),
            json!({"hold": true})
        );
        assert_eq!(input_from_form("rehearsal", &fields(&[("input.hold", "on"), ("input.hold", "")])), json!({}));
    }
}
