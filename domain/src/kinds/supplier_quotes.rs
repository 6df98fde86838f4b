//! `supplier-quotes`: asks suppliers for the prices of products, side by side, and keeps what each of them says.
//!
//! Read by the server's kind, which asks, and by the interface, which shows the lines as they come. Knows no protocol and no clock.
//! Invariant: a supplier that does not answer is a line in `failed`, so every supplier that was asked is in the output once.

use super::Validate;
use crate::{InputError, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// The kind's name.
pub const NAME: &str = "supplier-quotes";
/// Most products of one job.
pub const MAX_HANDLES: usize = 100;
/// Most suppliers of one job.
pub const MAX_SUPPLIERS: usize = 20;
/// Longest handle, in bytes: the catalogue's own limit.
pub const MAX_HANDLE_LEN: usize = 255;
/// Longest id of a supplier, in bytes.
pub const MAX_ID_LEN: usize = 40;
/// Longest time within which answers count, in seconds.
pub const MAX_WITHIN_S: u64 = 86_400;
/// That time when the submitter names none, in seconds.
pub const DEFAULT_WITHIN_S: u64 = 30;

/// What to ask, and whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Handles of the products; one that is there twice counts once.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub handles: Vec<String>,
    /// Ids of the suppliers; all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 20)))]
    pub suppliers: Option<Vec<String>>,
    /// Seconds within which an answer counts.
    #[serde(default = "default_within_s")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 86_400)))]
    pub within_s: u64,
}

fn default_within_s() -> u64 {
    DEFAULT_WITHIN_S
}

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        let mut errors = Vec::new();
        errors.extend(wrong_list("/handles", &self.handles, MAX_HANDLES, is_handle));
        if let Some(suppliers) = &self.suppliers {
            errors.extend(wrong_list("/suppliers", suppliers, MAX_SUPPLIERS, is_supplier_id));
        }
        if !(1..=MAX_WITHIN_S).contains(&self.within_s) {
            errors.push(InputError::out_of_range("/within_s", 1, MAX_WITHIN_S));
        }
        errors
    }
}

/// The first thing that is wrong with a list. It is told of the list as a whole, which is one field of the form.
fn wrong_list(pointer: &str, list: &[String], most: usize, is_right: fn(&str) -> bool) -> Option<InputError> {
    if list.is_empty() {
        return Some(InputError::new(pointer, "none-chosen", "must name at least one"));
    }
    let count = distinct(list).len();
    if count > most {
        let params = [("max".to_owned(), json!(most)), ("found".to_owned(), json!(count))].into_iter().collect();
        let error = InputError::new(pointer, "too-many", format!("must name at most {most}; these are {count}"));
        return Some(InputError { params, ..error });
    }
    let wrong = list.iter().find(|text| !is_right(text))?;
    let shown: String = wrong.chars().filter(|char| !char.is_control()).take(60).collect();
    let error = InputError::new(pointer, "bad-name", format!("\"{shown}\" is no name that this list can have"));
    Some(InputError { params: [("value".to_owned(), json!(shown))].into_iter().collect(), ..error })
}

/// Whether a text can be a product's handle: what the catalogue takes, without white space around it.
pub fn is_handle(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_HANDLE_LEN
        && text.trim() == text
        && !text.contains(|char: char| char.is_control() || char == ',')
}

/// Whether a text can be a supplier's id. Ids become a part of a path, so they are of a few harmless characters.
pub fn is_supplier_id(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(harmless)
}

/// Each once, in the order of their first mention.
pub fn distinct(list: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    list.iter().map(String::as_str).filter(|text| seen.insert(*text)).collect()
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Output {
    /// In the order in which the suppliers answered.
    pub offers: Vec<Offer>,
    /// Those who did not.
    pub failed: Vec<Failed>,
}

/// A price of one supplier for one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Offer {
    /// The supplier's id.
    pub supplier: String,
    /// What it is for.
    #[serde(flatten)]
    pub quote: Quote,
}

/// A price for one product, as a supplier gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quote {
    /// The product.
    pub handle: String,
    /// Decimal, such as `12.90`.
    pub price: String,
    /// ISO 4217, such as `EUR`.
    pub currency: String,
    /// Days until it is delivered.
    pub delivery_days: u32,
}

impl Quote {
    /// Whether it says what a quote must say: a price of plain digits, a currency of three capitals, days that one may count on.
    pub fn is_sound(&self) -> bool {
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let price = match self.price.split_once('.') {
            Some((whole, part)) => digits(whole, 9) && digits(part, 4),
            None => digits(&self.price, 9),
        };
        let currency = self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        is_handle(&self.handle) && price && currency && self.delivery_days <= 3650
    }

    /// The price in ten-thousandths, to compare by; none when it is not sound.
    pub fn amount(&self) -> Option<u64> {
        let (whole, part) = self.price.split_once('.').unwrap_or((&self.price, ""));
        let part = part.get(..part.len().min(4))?;
        format!("{whole}{part:0<4}").parse().ok()
    }
}

/// A supplier that gave no prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failed {
    /// The supplier's id.
    pub supplier: String,
    /// Why.
    pub reason: Reason,
}

/// Why a supplier gave no prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It did not answer in the time that one question may take.
    Timeout,
    /// No connection to it.
    Unreachable,
    /// It answered that it has failed.
    Error,
    /// It does not want to answer this question.
    Refused,
    /// It asks to come back later than its answer would count.
    Busy,
    /// Its answer cannot be read.
    Garbage,
    /// Its answer is larger than any answer need be.
    TooMuch,
    /// It took the question, and did not call back in time.
    TooLate,
    /// It failed so often of late that it was not asked.
    CircuitOpen,
    /// There is no supplier of this id.
    UnknownSupplier,
}

impl Reason {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Garbage => "garbage",
            Self::TooMuch => "too-much",
            Self::TooLate => "too-late",
            Self::CircuitOpen => "circuit-open",
            Self::UnknownSupplier => "unknown-supplier",
        }
    }
}

/// Whether a supplier is asked at all, as its circuit breaker has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Circuit {
    /// It is asked.
    #[default]
    Closed,
    /// It failed too often and is left alone for a while.
    Open,
    /// That while is over: the next question decides.
    HalfOpen,
}

impl Circuit {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// `data` of a `partial`: where one supplier stands. The latest of a supplier counts, but for the prices of an answer, which add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its id.
    pub supplier: String,
    /// Its name for people.
    pub name: String,
    /// Where it stands.
    pub state: LineState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Its prices; an answer with more than an event has room for takes several lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Quote>,
    /// Milliseconds from the question to the end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Its circuit after that.
    #[serde(default)]
    pub circuit: Circuit,
}

/// Where a supplier stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// It is being asked.
    Asked,
    /// It has taken the question and will call back.
    Promised,
    /// It gave prices.
    Answered,
    /// It did not.
    Failed,
}

impl LineState {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Promised => "promised",
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more is expected of it.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Answered | Self::Failed)
    }
}

/// `GET /api/v1/suppliers`: whom this server can ask, and how each of them does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct SupplierList {
    /// In the directory's order.
    pub items: Vec<SupplierInfo>,
    /// Where a demo's suppliers are made slow or dead; real ones have no such page.
    pub control: Option<String>,
}

crate::through_value::read_through_value!(SupplierList);

/// One supplier, as this server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplierInfo {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is asked.
    pub circuit: Circuit,
    /// Until when it is left alone.
    pub open_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(input: &str) -> Vec<(String, String)> {
        let input: Input = serde_json::from_str(input).unwrap();
        input.validate().into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    fn at(pointer: &str, code: &str) -> (String, String) {
        (pointer.to_owned(), code.to_owned())
    }

    #[test]
    fn only_handles_are_required_and_the_rest_is_judged() {
        assert_eq!(judged(r#"{"handles":["mug","thé-vert"]}"#), []);
        assert_eq!(judged(r#"{"handles":["mug"],"suppliers":null,"within_s":86400}"#), []);
        assert_eq!(
            judged(r#"{"handles":[],"suppliers":[],"within_s":0}"#),
            [at("/handles", "none-chosen"), at("/suppliers", "none-chosen"), at("/within_s", "out-of-range")]
        );
        assert_eq!(judged(r#"{"handles":["mug",""]}"#), [at("/handles", "bad-name")]);
        assert_eq!(judged(r#"{"handles":["mug"],"suppliers":["../x"]}"#), [at("/suppliers", "bad-name")]);
        assert!(serde_json::from_str::<Input>(r#"{"handles":["mug"],"within":3}"#).is_err());
    }

    #[test]
    fn a_list_may_repeat_itself_but_not_grow_beyond_its_limit() {
        let many = |count: usize, of: usize| {
            let handles = (0..count).map(|n| format!("p-{}", n % of)).collect();
            Input { handles, suppliers: None, within_s: 30 }.validate()
        };
        assert_eq!(many(1000, MAX_HANDLES), []);
        assert_eq!(many(1000, MAX_HANDLES + 1)[0].code, "too-many");
    }

    #[test]
    fn what_is_no_price_is_not_sound() {
        let quote =
            |price: &str| Quote { handle: "mug".into(), price: price.into(), currency: "EUR".into(), delivery_days: 3 };
        for sound in ["0", "12", "12.9", "999999999.9999"] {
            assert!(quote(sound).is_sound(), "{sound}");
        }
        for wrong in ["", ".", "1.", ".5", "-1", "1e9", "1,5", "12.34567", "1234567890", "NaN", "1.2.3"] {
            assert!(!quote(wrong).is_sound(), "{wrong}");
        }
        for (currency, days) in [("eur", 3), ("EURO", 3), ("", 3), ("EUR", 3651)] {
            let quote = Quote { currency: currency.into(), delivery_days: days, ..quote("1") };
            assert!(!quote.is_sound(), "{currency} {days}");
        }
        assert!(quote("9.9").amount() < quote("10").amount() && quote("9.90").amount() == quote("9.9").amount());
    }

    #[test]
    fn an_offer_is_flat_as_the_contract_has_it() {
        let quote = Quote { handle: "mug".into(), price: "7.50".into(), currency: "EUR".into(), delivery_days: 3 };
        let offer = serde_json::to_value(Offer { supplier: "alba".into(), quote }).unwrap();
        let flat = json!({"supplier": "alba", "handle": "mug", "price": "7.50", "currency": "EUR", "delivery_days": 3});
        assert_eq!(offer, flat);
        let failed = Failed { supplier: "alba".into(), reason: Reason::CircuitOpen };
        assert_eq!(serde_json::to_value(failed).unwrap(), json!({"supplier": "alba", "reason": "circuit-open"}));
    }

    #[test]
    fn each_word_is_the_one_in_json() {
        use Reason::{
            Busy, CircuitOpen, Error, Garbage, Refused, Timeout, TooLate, TooMuch, UnknownSupplier, Unreachable,
        };
        for reason in
            [Timeout, Unreachable, Error, Refused, Busy, Garbage, TooMuch, TooLate, CircuitOpen, UnknownSupplier]
        {
            assert_eq!(serde_json::to_value(reason).unwrap(), json!(reason.as_str()));
        }
        for circuit in [Circuit::Closed, Circuit::Open, Circuit::HalfOpen] {
            assert_eq!(serde_json::to_value(circuit).unwrap(), json!(circuit.as_str()));
        }
        for state in [LineState::Asked, LineState::Promised, LineState::Answered, LineState::Failed] {
            assert_eq!(serde_json::to_value(state).unwrap(), json!(state.as_str()));
        }
    }
}
