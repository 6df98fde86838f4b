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
    parts::Page,
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
use std::collections::{BTreeMap, BTreeSet};

/// Where the built interface is; without it pages still work, plain and without script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetPaths {
    /// The style sheet.
    pub css: Option<String>,
    /// The script and the modules.
    pub script: Option<ScriptPaths>,
}

/// Where the script and the modules are that it loads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptPaths {
    /// The script that a page starts.
    pub script: String,
    /// The script that fetches parts, if the build has parts.
    pub loader: Option<String>,
    /// The module that every page loads.
    pub module: String,
    /// The modules that each part needs.
    pub parts: BTreeMap<String, Vec<String>>,
}

impl ScriptPaths {
    /// What the page loads, and what its visitor is likely to need next: parts of the pages that links lead to without a load.
    fn modules(&self, page: Option<Page>) -> (Vec<String>, Vec<String>) {
        let of = |part: &str| self.parts.get(part).into_iter().flatten();
        let now: Vec<_> = [&self.module].into_iter().chain(page.into_iter().flat_map(|page| of(page.part()))).collect();
        let soon: BTreeSet<_> =
            NEXT.iter().flat_map(|page| of(page.part())).filter(|path| !now.contains(path)).collect();
        (now.into_iter().cloned().collect(), soon.into_iter().cloned().collect())
    }
}

/// Pages that are shown without a load of the document.
const NEXT: [Page; 3] = [Page::Work, Page::Job, Page::Catalogue];

/// The whole document, for the server, around the page.
pub fn document(assets: AssetPaths, page: Option<Page>) -> impl IntoView {
    let prefs = use_prefs();
    let theme = prefs.theme.get_untracked().as_str();
    let script = assets.script.map(|paths| {
        let (now, soon) = paths.modules(page);
        let ScriptPaths { script, loader, module, .. } = paths;
        let start =
            format!("import init,{{hydrate}} from {script:?};await init({{module_or_path:{module:?}}});hydrate();");
        let now = now.into_iter().map(|path| {
            view! { <link rel="preload" href=path r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }
        });
        let soon = soon.into_iter().map(|path| {
            view! { <link rel="prefetch" href=path r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }
        });
        view! {
            <link rel="modulepreload" href=script />
            {loader.map(|path| view! { <link rel="modulepreload" href=path /> })}
            {now.collect_view()}
            {soon.collect_view()}
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
