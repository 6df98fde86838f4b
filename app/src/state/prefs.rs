//! The visitor's choices (language, theme, channel), kept in cookies so that the server can render by them.
//!
//! Provided by the shell with [`provide_prefs`]. Does not change the language of a page: that is a reload, through `POST /preferences`.
//! Invariant: server and browser read the same value; the browser takes the language and the theme from `<html>`, as rendered.

use crate::i18n::Lang;
use leptos::prelude::*;

/// What the server read from the request; put into context by `server::ui`.
#[derive(Debug, Clone, Default)]
pub struct PrefsSource {
    /// The `Cookie` header.
    pub cookie_header: Option<String>,
    /// The `Accept-Language` header.
    pub accept_language: Option<String>,
}

impl PrefsSource {
    /// The language that a request wants: the visitor's choice, else what the browser likes best.
    pub fn lang(&self) -> Lang {
        let chosen = self.cookie_header.as_deref().and_then(|cookies| cookie_value(cookies, "lang")).and_then(lang);
        chosen.or_else(|| self.accept_language.as_deref().map(negotiate)).unwrap_or_default()
    }
}

/// Light, dark, or as the device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the device says.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order in which the interface offers them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The word in the cookie, the form and `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word)
    }
}

/// The channel that the visitor wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Asking every so many seconds.
    Poll {
        /// 1 to 30.
        interval_s: u8,
    },
    /// Server-Sent Events.
    Sse,
    /// WebSocket.
    Ws,
    /// Messages of the browser's push service; only after the visitor turned notifications on here.
    Push,
}

impl Choice {
    /// Seconds between two polls unless said otherwise.
    pub const DEFAULT_INTERVAL_S: u8 = 5;
    /// The intervals that the interface offers.
    pub const INTERVALS_S: [u8; 5] = [1, 2, 5, 10, 30];

    /// The channel's name, without the interval.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poll { .. } => "poll",
            Self::Sse => "sse",
            Self::Ws => "ws",
            Self::Push => "push",
        }
    }

    /// The value of the cookie: `poll:5`, `sse`, `ws`, `push`.
    pub fn cookie(self) -> String {
        match self {
            Self::Poll { interval_s } => format!("poll:{interval_s}"),
            other => other.name().to_owned(),
        }
    }

    /// Reads [`Self::cookie`] back; a bare `poll` or an interval out of limits is polling every 5 s.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, interval) = text.split_once(':').map_or((text, None), |(name, interval)| (name, Some(interval)));
        match (name, interval) {
            ("sse", None) => Some(Self::Sse),
            ("ws", None) => Some(Self::Ws),
            ("push", None) => Some(Self::Push),
            ("poll", interval) => {
                let interval_s = interval.and_then(|text| text.parse().ok()).filter(|s| (1..=30).contains(s));
                Some(Self::Poll { interval_s: interval_s.unwrap_or(Self::DEFAULT_INTERVAL_S) })
            }
            _ => None,
        }
    }
}

impl Default for Choice {
    /// Server-Sent Events: live, and through nearly every proxy.
    fn default() -> Self {
        Self::Sse
    }
}

/// The visitor's choices.
#[derive(Clone, Copy)]
pub struct Prefs {
    /// Fixed per page load.
    pub lang: Lang,
    /// Light or dark.
    pub theme: RwSignal<Theme>,
    /// The wanted channel; the one in use may be another, see `Live`.
    pub channel: RwSignal<Choice>,
    /// Whether the visitor wants the activity dock open; none before they said so.
    pub dock_open: RwSignal<Option<bool>>,
}

impl Prefs {
    /// Applies a theme at once and keeps it.
    pub fn set_theme(&self, theme: Theme) {
        self.theme.set(theme);
        browser::show_theme(theme.as_str());
        browser::write_cookie("theme", theme.as_str());
    }

    /// Wants another channel from now on; `Live` follows.
    pub fn set_channel(&self, choice: Choice) {
        browser::write_cookie("channel", &choice.cookie());
        if self.channel.get_untracked() != choice {
            self.channel.set(choice);
        }
    }

    /// Keeps whether the dock is open.
    pub fn set_dock_open(&self, open: bool) {
        self.dock_open.set(Some(open));
        browser::write_cookie("dock", if open { "open" } else { "closed" });
    }
}

/// Reads the preferences, puts them into context and returns them; called once, by the shell.
pub fn provide_prefs() -> Prefs {
    let prefs = read();
    provide_context(prefs);
    prefs
}

/// The visitor's choices.
pub fn use_prefs() -> Prefs {
    use_context().unwrap_or_else(read)
}

fn read() -> Prefs {
    let source = use_context::<PrefsSource>().unwrap_or_default();
    let cookies = browser::cookies().or(source.cookie_header).unwrap_or_default();
    let cookie = |name| cookie_value(&cookies, name);
    let shown = browser::shown();
    Prefs {
        lang: shown
            .as_ref()
            .and_then(|shown| lang(&shown.lang))
            .or_else(|| cookie("lang").and_then(lang))
            .or_else(|| source.accept_language.as_deref().map(negotiate))
            .unwrap_or_default(),
        theme: RwSignal::new(
            shown
                .as_ref()
                .and_then(|shown| Theme::parse(&shown.theme))
                .or_else(|| cookie("theme").and_then(Theme::parse))
                .unwrap_or_default(),
        ),
        channel: RwSignal::new(cookie("channel").and_then(Choice::parse).unwrap_or_default()),
        dock_open: RwSignal::new(cookie("dock").map(|word| word == "open")),
    }
}

/// The value of a cookie in a `Cookie` header or `document.cookie`.
fn cookie_value<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    cookies.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

fn lang(tag: &str) -> Option<Lang> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    Lang::ALL.into_iter().find(|lang| lang.as_str().eq_ignore_ascii_case(primary))
}

/// The language that an `Accept-Language` header likes best (RFC 9110, 12.5.4); English for one that names none of ours.
fn negotiate(header: &str) -> Lang {
    let mut best: Option<(Lang, f32)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';');
        let Some(found) = parts.next().and_then(lang) else { continue };
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((found, quality));
        }
    }
    best.map_or(Lang::En, |(lang, _)| lang)
}

/// What `<html>` says about the page as rendered.
struct Shown {
    lang: String,
    theme: String,
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::Shown;
    use leptos::prelude::document;
    use wasm_bindgen::JsCast;

    /// Browsers cap it at 400 days.
    const MAX_AGE_S: u32 = 400 * 24 * 60 * 60;

    pub(super) fn cookies() -> Option<String> {
        document().dyn_into::<web_sys::HtmlDocument>().ok()?.cookie().ok()
    }

    pub(super) fn shown() -> Option<Shown> {
        let html = document().document_element()?;
        let attribute = |name| html.get_attribute(name).unwrap_or_default();
        Some(Shown { lang: attribute("lang"), theme: attribute("data-theme") })
    }

    pub(super) fn show_theme(word: &str) {
        if let Some(html) = document().document_element() {
            // Only an attribute name that is no name fails.
            let _ = html.set_attribute("data-theme", word);
        }
    }

    pub(super) fn write_cookie(name: &str, value: &str) {
        if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
            // A visitor who refuses cookies keeps the choice for this page.
            let _ = document.set_cookie(&format!("{name}={value}; Path=/; Max-Age={MAX_AGE_S}; SameSite=Lax"));
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod browser {
    use super::Shown;

    pub(super) fn cookies() -> Option<String> {
        None
    }

    pub(super) fn shown() -> Option<Shown> {
        None
    }

    pub(super) fn show_theme(_: &str) {}

    pub(super) fn write_cookie(_: &str, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let header = r#"meanwhile_owner=abc.def=; theme=dark;channel="poll:10" ; lang=fr"#;
        assert_eq!(cookie_value(header, "theme"), Some("dark"));
        assert_eq!(cookie_value(header, "channel").and_then(Choice::parse), Some(Choice::Poll { interval_s: 10 }));
        assert_eq!(cookie_value(header, "lang").and_then(lang), Some(Lang::Fr));
        assert_eq!(cookie_value(header, "owner"), None);
        assert_eq!(cookie_value("", "lang"), None);
    }

    #[test]
    fn a_choice_survives_its_cookie() {
        for choice in [Choice::Sse, Choice::Ws, Choice::Push]
            .into_iter()
            .chain((1..=30).map(|interval_s| Choice::Poll { interval_s }))
        {
            assert_eq!(Choice::parse(&choice.cookie()), Some(choice));
        }
        for text in ["poll", "poll:", "poll:0", "poll:31", "poll:x"] {
            assert_eq!(Choice::parse(text), Some(Choice::Poll { interval_s: 5 }), "{text}");
        }
        assert_eq!(Choice::parse("push:5"), None);
        assert_eq!(Choice::parse("sse:5"), None);
    }

    #[test]
    fn the_language_liked_best_wins() {
        for (header, expected) in [
            ("", Lang::En),
            ("de-DE, de;q=0.9", Lang::En),
            ("fr-CA,fr;q=0.9,en;q=0.8", Lang::Fr),
            ("de, en;q=0.4, fr;q=0.5", Lang::Fr),
            ("en-GB, fr;q=0.5", Lang::En),
            ("fr;q=0, en;q=0.1", Lang::En),
            ("fr;q=x, en;q=0.1", Lang::En),
        ] {
            assert_eq!(negotiate(header), expected, "{header}");
        }
    }

    #[test]
    fn the_server_reads_the_request_and_falls_back_on_defaults() {
        let read_with = |cookie_header: Option<&str>, accept_language: Option<&str>| {
            let owner = Owner::new();
            owner.with(|| {
                provide_context(PrefsSource {
                    cookie_header: cookie_header.map(str::to_owned),
                    accept_language: accept_language.map(str::to_owned),
                });
                let prefs = provide_prefs();
                (prefs.lang, prefs.theme.get_untracked(), prefs.channel.get_untracked())
            })
        };
        assert_eq!(read_with(None, None), (Lang::En, Theme::Auto, Choice::Sse));
        assert_eq!(read_with(None, Some("fr-CA, en;q=0.8")).0, Lang::Fr);
        assert_eq!(
            read_with(Some("lang=en; theme=dark; channel=poll:10"), Some("fr")),
            (Lang::En, Theme::Dark, Choice::Poll { interval_s: 10 })
        );
        assert_eq!(read_with(Some("lang=xx; theme=xx; channel=xx"), None), (Lang::En, Theme::Auto, Choice::Sse));
    }
}
