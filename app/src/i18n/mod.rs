//! Languages: which there are, and every sentence of the interface in each.
//!
//! Views ask [`t`] for the table of the page's language. A sentence is a field of [`Strings`], so that one missing in a language
//! does not compile; what the service says by code is worded in [`codes`], figures and times in [`format`].

pub mod catalogue;
pub mod codes;
mod codes_en;
mod codes_fr;
mod en;
pub mod format;
mod fr;
pub mod live;
#[cfg(feature = "ssr")]
pub mod notice;
pub mod operations;
mod strings;

// Notifications.
pub mod delivery_codes;
pub mod notifications;
mod notifications_en;
mod notifications_fr;

pub use strings::{Strings, short_id};

use serde::{Deserialize, Serialize};

/// A language of the interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Lang {
    /// Every language, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The tag for `lang` attributes and the cookie.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// The language's own name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Fr => "Français",
        }
    }
}

/// The table of a language.
pub const fn t(lang: Lang) -> &'static Strings {
    match lang {
        Lang::En => &en::EN,
        Lang::Fr => &fr::FR,
    }
}

/// The table of the page's language.
pub fn use_t() -> &'static Strings {
    t(use_lang())
}

/// The page's language; it changes only by loading the page again.
pub fn use_lang() -> Lang {
    leptos::prelude::use_context::<Lang>().unwrap_or_default()
}
