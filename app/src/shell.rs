//! The frame of every page: the document, the masthead, the dock, and the contexts that views live on.
//!
//! The server renders [`document`]; the browser hydrates [`App`], its body. What the server knows and the browser must start with
//! (time, form key, refused form, snapshot) travels as one serialised value, [`Given`].
//! Invariant: [`App`] renders the same on both sides from that value and the request; going live happens after, in an Effect.

use crate::{
    backend::{self, JobsQuery},
    components::{
        activity_dock::ActivityDock,
        channel_picker::ChannelPicker,
        moment::RenderedAt,
        switches::{LangSwitch, ThemeSwitch},
        title_badge::TitleBadge,
    },
    forms::{Refused, focus_soon},
    given::{FirstPage, FormKey, Given},
    i18n::use_t,
    routes::Pages,
    state::{
        browser_push::provide_browser_push,
        jobs::provide_jobs,
        live::provide_live,
        prefs::{provide_prefs, use_prefs},
    },
};
use domain::Timestamp;
use leptos::{nonce::use_nonce, prelude::*, task::spawn_local};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{components::Router, hooks::use_location};

/// Where the built interface is; without it pages still work, plain and without script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetPaths {
    /// The style sheet.
    pub css: Option<String>,
    /// The glue and the module it loads.
    pub script: Option<(String, String)>,
}

/// The whole document, for the server.
pub fn document(assets: AssetPaths) -> impl IntoView {
    let prefs = use_prefs();
    let theme = prefs.theme.get_untracked().as_str();
    let script = assets.script.map(|(js, wasm)| {
        let start = format!("import init,{{hydrate}} from {js:?};await init({{module_or_path:{wasm:?}}});hydrate();");
        view! {
            <link rel="modulepreload" href=js />
            <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script type="module" nonce=use_nonce()>
                {start}
            </script>
        }
    });
    view! {
        <!DOCTYPE html>
        <html lang=prefs.lang.as_str() data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/icon.svg" r#type="image/svg+xml" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <link rel="apple-touch-icon" href="/apple-touch-icon.png" />
                <meta name="theme-color" content="#fbfaf7" media="(prefers-color-scheme: light)" />
                <meta name="theme-color" content="#14171d" media="(prefers-color-scheme: dark)" />
                {assets.css.map(|css| view! { <link rel="stylesheet" href=css /> })}
                {script}
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The interface.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(provide_prefs().lang);
    let store = provide_jobs();
    let live = provide_live(store);
    let push = provide_browser_push();
    let given = SharedValue::new(|| {
        use_context::<Given>().unwrap_or(Given { now: Timestamp(0), key: String::new(), refused: None, snapshot: None })
    });
    let Given { now, key, refused, snapshot } = given.into_inner();
    let posted = refused
        .as_ref()
        .filter(|state| state.problem.code != "idempotency-key-reused")
        .and_then(|state| state.values.iter().find(|(name, _)| name == "idempotency_key").map(|(_, key)| key.clone()));
    let oldest = snapshot.as_ref().and_then(|list| list.items.last().filter(|_| list.next.is_some())).map(|job| job.id);
    provide_context(RenderedAt(now));
    provide_context(FormKey::new(posted.filter(|key| !key.is_empty()).unwrap_or(key)));
    provide_context(FirstPage { oldest });
    Refused::provide(refused);
    if let Some(list) = &snapshot {
        store.load(list.clone());
    }
    Effect::new(move |_| push.prepare());
    Effect::new(move |_| {
        if let Some(list) = snapshot.clone() {
            live.start(store, list);
            return;
        }
        // The server could not read it; the browser asks again.
        spawn_local(async move {
            if let Ok(list) = backend::jobs(JobsQuery::default()).await {
                store.load(list.clone());
                live.start(store, list);
            }
        });
    });
    view! {
        <Title formatter=|text| format!("{text} · Meanwhile") />
        <Router>
            <Frame />
        </Router>
    }
}

/// Header, page, dock, footer.
#[component]
fn Frame() -> impl IntoView {
    let t = use_t();
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        // A page that comes without a load must be found by those who do not see it come.
        if before.is_some_and(|before| before != path) {
            focus_soon("main");
        }
        path
    });
    let on_work = move || path.with(|path| path == "/" || path.starts_with("/jobs")).then_some("page");
    let on_catalogue =
        move || path.with(|path| path == "/catalogue" || path.starts_with("/catalogue/")).then_some("page");
    let on_settings = move || path.with(|path| path.starts_with("/settings")).then_some("page");
    view! {
        <div class="shell">
            <a class="skip-link" href="#main" rel="external">
                {t.skip}
            </a>
            <header class="masthead">
                <a class="brand" href="/">
                    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
                        <path d="M4 7h9M4 12h16M11 17h9" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" />
                    </svg>
                    "Meanwhile"
                </a>
                <nav class="primary" aria-label=t.main_navigation>
                    <a href="/" aria-current=on_work>
                        {t.work}
                    </a>
                    <a href="/catalogue" aria-current=on_catalogue>
                        {t.catalogue}
                    </a>
                </nav>
                <div class="masthead-tools">
                    <ChannelPicker />
                    <a class="to-settings" href="/settings" rel="external" aria-current=on_settings>
                        {crate::i18n::notifications::use_notifications().settings}
                    </a>
                    <LangSwitch />
                    <ThemeSwitch />
                </div>
            </header>
            <main class="page" id="main" tabindex="-1">
                <Pages />
            </main>
            <ActivityDock />
            <TitleBadge />
            <footer class="foot">
                <p>{t.motto}</p>
                <p>
                    <a href="/privacy" rel="external">
                        {t.your_data}
                    </a>
                    " · "
                    <a href="/operations" rel="external">
                        {crate::i18n::operations::use_operations().title}
                    </a>
                    " · "
                    <a href="/api/openapi.json" rel="external">
                        {t.api}
                    </a>
                </p>
            </footer>
        </div>
    }
    .into_any()
}
