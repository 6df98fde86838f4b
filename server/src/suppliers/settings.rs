//! How a simulated supplier behaves: what can be set while it runs, and what each of the five starts with.
//!
//! Read and written by [`super::http`] and [`super::page`], obeyed by [`super::supplier`].

use domain::InputError;
use serde::{Deserialize, Serialize};

/// Longest latency, in milliseconds.
pub const MAX_LATENCY_MS: u64 = 600_000;
/// Longest delay of a call-back, in milliseconds.
pub const MAX_DELAY_MS: u64 = 3_600_000;

/// What a supplier does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It answers.
    Answer,
    /// It takes the question and calls back.
    CallBack,
    /// It never answers; a question that it holds is answered when it comes to life.
    Dead,
    /// It answers something that nobody can read.
    Garbage,
    /// It answers without an end.
    TooMuch,
    /// It calls back, and once more.
    Twice,
    /// It calls back when the answer no longer counts.
    Late,
}

impl Mode {
    /// Each, in the order in which they are offered.
    pub const ALL: [Self; 7] =
        [Self::Answer, Self::CallBack, Self::Dead, Self::Garbage, Self::TooMuch, Self::Twice, Self::Late];

    /// The word in JSON and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::CallBack => "call-back",
            Self::Dead => "dead",
            Self::Garbage => "garbage",
            Self::TooMuch => "too-much",
            Self::Twice => "twice",
            Self::Late => "late",
        }
    }
}

/// All that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds before it answers.
    pub latency_ms: u64,
    /// The share of questions that it fails at (503), from 0 to 1; evenly, not by chance: of 0.5 each second one.
    pub error_rate: f64,
    /// What it does.
    pub mode: Mode,
    /// Milliseconds between its 202 and its call-back.
    pub call_back_delay_ms: u64,
}

/// Some of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    latency_ms: Option<u64>,
    error_rate: Option<f64>,
    mode: Option<Mode>,
    call_back_delay_ms: Option<u64>,
}

impl Settings {
    /// What is wrong with them; nothing when they can be obeyed.
    pub fn validate(&self) -> Vec<InputError> {
        let mut errors = Vec::new();
        if self.latency_ms > MAX_LATENCY_MS {
            errors.push(InputError::out_of_range("/latency_ms", 0, MAX_LATENCY_MS));
        }
        if !(0.0..=1.0).contains(&self.error_rate) {
            errors.push(InputError::out_of_range("/error_rate", 0, 1));
        }
        if self.call_back_delay_ms > MAX_DELAY_MS {
            errors.push(InputError::out_of_range("/call_back_delay_ms", 0, MAX_DELAY_MS));
        }
        errors
    }

    /// With a change made to them.
    #[must_use]
    pub fn with(self, change: Change) -> Self {
        Self {
            latency_ms: change.latency_ms.unwrap_or(self.latency_ms),
            error_rate: change.error_rate.unwrap_or(self.error_rate),
            mode: change.mode.unwrap_or(self.mode),
            call_back_delay_ms: change.call_back_delay_ms.unwrap_or(self.call_back_delay_ms),
        }
    }
}

/// The five: id, name, and what each starts with. One is slow, one fails, one calls back.
pub const FIVE: [(&str, &str, Settings); 5] = {
    const fn answers(latency_ms: u64) -> Settings {
        Settings { latency_ms, error_rate: 0.0, mode: Mode::Answer, call_back_delay_ms: 6_000 }
    }
    [
        ("alba", "Alba Wholesale", answers(200)),
        ("borealis", "Borealis & Sons", answers(900)),
        ("cobalt", "Cobalt Trading", answers(3_500)),
        ("dune", "Dune Imports", Settings { error_rate: 1.0, ..answers(300) }),
        ("echo", "Echo Supply", Settings { mode: Mode::CallBack, ..answers(150) }),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_five_start_with_can_be_obeyed_and_nonsense_is_named() {
        for (id, _, settings) in FIVE {
            assert_eq!(settings.validate(), [], "{id}");
        }
        let wrong = Settings { latency_ms: MAX_LATENCY_MS + 1, error_rate: f64::NAN, ..FIVE[0].2 };
        let pointers: Vec<_> = wrong.validate().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/latency_ms", "/error_rate"]);
    }

    #[test]
    fn a_change_leaves_the_rest_and_each_word_is_the_one_in_json() {
        for mode in Mode::ALL {
            let change: Change = serde_json::from_value(serde_json::json!({"mode": mode.as_str()})).unwrap();
            assert_eq!(FIVE[2].2.with(change), Settings { mode, ..FIVE[2].2 });
        }
        assert!(serde_json::from_str::<Change>(r#"{"latency": 5}"#).is_err());
    }
}
