//! What a message says, by what it tells: the one place outside the pages that asks the interface for its words.
//!
//! Called by `render`, which makes messages, and by `email`, which puts them into a letter.

use crate::store::Told;
use app::i18n::{
    Lang,
    notice::{self, About, MailWords, Notice},
};

/// A language by its tag; English for one that there is not.
pub fn lang_of(tag: &str) -> Lang {
    Lang::ALL.into_iter().find(|lang| lang.as_str() == tag).unwrap_or_default()
}

fn about(told: &Told) -> About<'_> {
    About { kind: &told.kind, label: told.label.as_deref(), event: told.event, code: told.code.as_deref() }
}

/// One event.
pub fn of_event(lang: &str, told: &Told) -> Notice {
    notice::of_event(lang_of(lang), about(told))
}

/// Several at once; `more` are counted and not named.
pub fn of_digest(lang: &str, told: &[Told], more: u64) -> Notice {
    notice::of_digest(lang_of(lang), &told.iter().map(about).collect::<Vec<_>>(), more)
}

/// A test.
pub fn of_test(lang: &str) -> Notice {
    notice::of_test(lang_of(lang))
}

/// The mail that asks whether an address is its owner's.
pub fn of_confirm(lang: &str) -> Notice {
    notice::of_confirm(lang_of(lang))
}

/// The words around a mail.
pub fn mail(lang: &str) -> &'static MailWords {
    notice::mail(lang_of(lang))
}
