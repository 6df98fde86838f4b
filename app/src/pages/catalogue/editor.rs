//! The form of a product, in its row and on its page: saves by `PATCH`, or by a post without script.
//!
//! What was typed, what it changes and what conflicts is `domain::catalogue::Draft`'s; here it meets controls, the channel's news and the
//! service's answers. Enter saves; Escape closes an editor in a row, the second time if something typed would be lost.
//! Invariants: news of the product never touch a control that somebody has typed into; nothing is sent without the tag of what is shown, nor
//! while a conflict waits for a choice; the focus moves only for whoever pressed a key or a button here.

use super::{
    dom,
    field::{Kind, PublishedField, TextField},
};
use crate::{
    backend,
    components::moment::use_moment,
    forms::FormState,
    i18n::{
        Lang, Strings,
        catalogue::{CatalogueStrings, use_catalogue},
        codes, format, use_lang, use_t,
    },
    state::live::use_live,
};
use domain::{
    Problem, Timestamp,
    api::{ChangedBy, Product, product_page},
    catalogue::{
        Choice, Draft, ProductEdit,
        draft::{CHOOSE, ETAG, FORM_VARIANTS},
        is_newer,
    },
};
use leptos::{
    ev::{Event, KeyboardEvent, SubmitEvent},
    html::Form,
    prelude::*,
    task::spawn_local,
};

/// What the editor's parts share.
#[derive(Clone, Copy)]
pub(super) struct Editor {
    pub draft: RwSignal<Draft>,
    pub problem: RwSignal<Option<Problem>>,
    /// By what and when the product was changed while something was typed.
    overtaken: RwSignal<Option<(ChangedBy, Timestamp)>>,
    said: RwSignal<Option<&'static str>>,
    busy: RwSignal<bool>,
    warned: RwSignal<bool>,
    form: NodeRef<Form>,
    pending: RwSignal<Option<Product>>,
    saved: Callback<Product>,
    close: Callback<()>,
    pub prefix: StoredValue<String>,
    pub inline: bool,
    pub lang: Lang,
    t: &'static Strings,
    pub c: &'static CatalogueStrings,
}

impl Editor {
    /// News of the product.
    fn follow(self, product: Product) {
        let news = self.draft.try_with_untracked(|draft| is_newer(&product, &draft.product)) == Some(true);
        if !news {
            return;
        }
        let change = (product.changed_by, product.updated_at);
        let Some(followed) = self.draft.try_update(|draft| draft.rebase(product)) else { return };
        self.show(&followed);
        if self.draft.with_untracked(Draft::is_dirty) {
            self.overtaken.set(Some(change));
        }
    }

    /// Brings controls in line with the draft.
    fn show(self, names: &[String]) {
        self.draft.with_untracked(|draft| names.iter().for_each(|name| dom::fill(self.form, name, draft.typed(name))));
    }

    fn typed(self, event: &Event) {
        if let Some((name, value)) = dom::typed(event) {
            self.take(&name, value);
        }
    }

    fn take(self, name: &str, value: String) {
        self.warned.set(false);
        self.said.set(None);
        if let Some(field) = name.strip_prefix(CHOOSE) {
            let choice = if value == "theirs" { Choice::Theirs } else { Choice::Mine };
            self.draft.update(|draft| draft.choose(field, choice));
            self.show(&[field.to_owned()]);
            // The buttons that had the focus are gone; their field is where one goes on.
            dom::focus(self.id(field));
        } else {
            self.draft.update(|draft| draft.type_in(name, value));
        }
        if self.draft.with_untracked(|draft| !draft.is_dirty()) {
            self.overtaken.set(None);
        }
    }

    fn submit(self, event: SubmitEvent) {
        event.prevent_default();
        if self.busy.get_untracked() {
            return;
        }
        self.said.set(None);
        self.problem.set(None);
        match self.draft.with_untracked(Draft::edit) {
            Err(errors) => self.refuse(Problem::invalid(errors)),
            Ok(edit) if edit == ProductEdit::default() => {
                self.done(self.draft.with_untracked(|draft| draft.product.clone()), self.c.unchanged)
            }
            Ok(edit) => self.send(edit),
        }
    }

    fn send(self, edit: ProductEdit) {
        let product = self.draft.with_untracked(|draft| draft.product.clone());
        self.busy.set(true);
        // Drawn at once, and differently from what is saved.
        self.pending.set(edit.apply(&product).ok());
        spawn_local(async move {
            let answer = backend::edit_product(&product, &edit).await;
            self.pending.try_set(None);
            if self.busy.try_set(false).is_some() {
                // The page was left; whether it went through shows when it is opened again.
                return;
            }
            match answer {
                Ok(product) => self.done(product, self.c.saved),
                Err(Problem { product: Some(product), .. }) => self.overtake(*product),
                Err(problem) => self.refuse(problem),
            }
        });
    }

    /// Somebody else was first.
    fn overtake(self, product: Product) {
        let change = (product.changed_by, product.updated_at);
        self.follow(product);
        match self.draft.with_untracked(|draft| draft.is_dirty().then(|| draft.product.clone())) {
            Some(_) => {
                self.overtaken.set(Some(change));
                self.refuse(Problem::new(412, "product-changed", "the product has changed"));
            }
            // What was to be saved is there already: this very edit, whose answer was lost, or the same one of somebody else.
            None => self.done(self.draft.with_untracked(|draft| draft.product.clone()), self.c.saved),
        }
    }

    fn done(self, product: Product, said: &'static str) {
        self.follow(product.clone());
        let settled = self.draft.try_update(Draft::settle).unwrap_or_default();
        self.show(&settled);
        self.overtaken.set(None);
        self.warned.set(false);
        // What was typed while it was being saved is still to be saved.
        if self.inline && self.draft.with_untracked(Draft::is_dirty) {
            return;
        }
        self.said.set(Some(said));
        self.saved.run(product);
    }

    fn refuse(self, problem: Problem) {
        self.problem.set(Some(problem));
        dom::focus(self.id("errors"));
    }

    fn leave(self) {
        let lost = self.draft.with_untracked(Draft::is_dirty) && !self.warned.get_untracked();
        if lost || self.busy.get_untracked() {
            self.warned.set(lost);
        } else {
            self.close.run(());
        }
    }
}

/// The form.
#[component]
pub(super) fn ProductEditor(
    /// As last read.
    product: Signal<Product>,
    /// Where to show what is being saved.
    pending: RwSignal<Option<Product>>,
    /// Before the ids of its controls.
    prefix: String,
    /// In a row, rather than on a page of its own.
    inline: bool,
    /// What the server refused, on the page that says so.
    #[prop(optional_no_strip)]
    refused: Option<FormState>,
    /// Called with the product once it is saved.
    saved: Callback<Product>,
    /// Called when it is to be closed.
    close: Callback<()>,
) -> impl IntoView {
    let (lang, t, c) = (use_lang(), use_t(), use_catalogue());
    let start = product.get_untracked();
    let late = refused.as_ref().is_some_and(|state| state.problem.code == "product-changed");
    let overtaken = late.then_some((start.changed_by, start.updated_at));
    let action = product_page(&start.handle);
    let handle = start.handle.clone();
    let (draft, problem) = match refused {
        Some(FormState { values, problem }) => (Draft::posted(start, &values), Some(problem)),
        None => (Draft::new(start), None),
    };
    let editor = Editor {
        draft: RwSignal::new(draft),
        problem: RwSignal::new(problem),
        overtaken: RwSignal::new(overtaken),
        said: RwSignal::new(None),
        busy: RwSignal::new(false),
        warned: RwSignal::new(false),
        form: NodeRef::new(),
        pending,
        saved,
        close,
        prefix: StoredValue::new(prefix),
        inline,
        lang,
        t,
        c,
    };
    // Once, after hydration: what was typed before the script was there.
    Effect::new(move |done: Option<()>| {
        if done.is_none() {
            for (name, value) in dom::entries(editor.form) {
                let differs = editor.draft.with_untracked(|draft| draft.typed(&name) != value);
                if differs {
                    editor.draft.update(|draft| draft.type_in(&name, value));
                }
            }
        }
    });
    Effect::new(move |_| editor.follow(product.get()));
    let started = use_live().started();
    let draft = editor.draft;
    let state = Memo::new(move |_| match draft.with(|draft| (draft.conflicts().is_empty(), draft.is_dirty())) {
        _ if editor.busy.get() => "pending",
        (false, _) => "conflict",
        (true, true) => "dirty",
        (true, false) => "clean",
    });
    let etag = Memo::new(move |_| draft.with(|draft| draft.product.etag.clone()));
    view! {
        <form
            class="form editor"
            method="post"
            action=action
            // The browser's own check of the choices serves where there is no script; with it, the page says what is missing itself.
            novalidate=move || started.get()
            node_ref=editor.form
            aria-label=move || (c.edit_of)(&product.read().title)
            data-editor=handle
            data-state=move || state.get()
            on:submit=move |event| editor.submit(event)
            on:input=move |event| editor.typed(&event)
            on:keydown=move |event: KeyboardEvent| {
                if event.key() == "Escape" && inline {
                    event.prevent_default();
                    editor.leave();
                }
            }
        >
            <input type="hidden" name=ETAG value=move || etag.get() />
            <Errors editor />
            <News editor />
            <div class="editor-fields">
                <TextField editor name="title" label=c.title />
                <TextField editor name="vendor" label=t.vendor />
                <TextField editor name="product_type" label=c.product_type />
                <TextField editor name="tags" label=c.tags />
            </div>
            <PublishedField editor />
            <Variants editor />
            <div class="actions">
                <button type="submit" class="primary" aria-disabled=move || editor.busy.get().then_some("true")>
                    {move || if editor.busy.get() { c.saving } else { c.save }}
                </button>
                {inline
                    .then(|| {
                        view! {
                            <button type="button" class="quiet" data-action="close" on:click=move |_| editor.leave()>
                                {c.close}
                            </button>
                            <span class="hint">{c.keys}</span>
                        }
                    })}
                <span role="status" class="editor-said" data-said>
                    {move || editor.said.get()}
                </span>
            </div>
            {move || {
                editor.warned.get().then(|| view! { <p class="notice" data-tone="warn" role="alert">{c.unsaved}</p> })
            }}
        </form>
    }
    .into_any()
}

/// What is wrong, with links to the places.
#[component]
fn Errors(editor: Editor) -> impl IntoView {
    let Editor { problem, lang, t, .. } = editor;
    let prefix = editor.id("");
    move || {
        problem.get().map(|problem| {
            let wording = codes::problem(lang, &problem);
            let places = problem.errors.iter().map(|error| {
                let href = format!("#{prefix}{}", error.pointer.trim_start_matches('/').replace('/', "-"));
                let text = format!("{}: {}", t.field_name(&error.pointer), codes::input_error(lang, error));
                view! {
                    <li>
                        <a href=href rel="external">{text}</a>
                    </li>
                }
            });
            let places = places.collect_view();
            let heading = if problem.code == "product-changed" { wording.what.clone() } else { t.error_summary.to_owned() };
            let text = if problem.code == "product-changed" { wording.next } else { wording.in_full() };
            view! {
                <div class="error-summary" id=format!("{prefix}errors") role="alert" tabindex="-1" data-code=problem.code.clone()>
                    <h2>{heading}</h2>
                    <p>{text}</p>
                    <ul>{places}</ul>
                </div>
            }
        })
    }
}

/// That the product was changed while something was typed.
#[component]
fn News(editor: Editor) -> impl IntoView {
    let Editor { draft, overtaken, c, .. } = editor;
    let now = use_moment();
    let open = Memo::new(move |_| draft.with(|draft| draft.conflicts().len() as u64));
    view! {
        <div role="status">
            {move || {
                overtaken
                    .get()
                    .map(|(by, at)| {
                        let who = c.changed_by(by, now.get(), at);
                        let open = open.get();
                        view! {
                            <div class="notice" data-tone="warn" data-overtaken data-conflicts=open>
                                <p>{(c.overtaken)(&who)}</p>
                                {(open > 0).then(|| view! { <p><strong>{(c.overtaken_open)(open)}</strong></p> })}
                            </div>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}

/// The fields of each variant; one that an import adds meanwhile appears at the end.
#[component]
fn Variants(editor: Editor) -> impl IntoView {
    let Editor { draft, lang, c, .. } = editor;
    let variants = Memo::new(move |_| {
        let of = |draft: &Draft| {
            let shown = draft.product.variants.iter().take(FORM_VARIANTS);
            shown.map(|variant| variant.options.clone()).enumerate().collect::<Vec<_>>()
        };
        draft.with(of)
    });
    let left = Memo::new(move |_| draft.with(|draft| draft.product.variants.len().saturating_sub(FORM_VARIANTS)));
    let fields = move |(index, options): (usize, Vec<(String, String)>)| {
        let name = |field: &str| format!("variants.{index}.{field}");
        let values: Vec<String> = options.into_iter().map(|(_, value)| value).collect();
        // What Shopify calls the variant of a product that has no choice.
        let legend = match values.join(" / ") {
            text if text.is_empty() || text == "Default Title" => c.only_variant.to_owned(),
            text => text,
        };
        view! {
            <fieldset class="variant" data-variant=index>
                <legend>{legend}</legend>
                <div class="variant-fields">
                    <TextField editor name=name("price") label=c.price kind=Kind::Decimal />
                    <TextField editor name=name("compare_at_price") label=c.compare_at kind=Kind::Decimal />
                    <TextField editor name=name("inventory_qty") label=c.in_stock kind=Kind::Number />
                    <TextField editor name=name("sku") label=c.sku />
                </div>
            </fieldset>
        }
    };
    view! {
        <For each=move || variants.get() key=|(index, options)| (*index, options.clone()) children=fields />
        {move || {
            (left.get() > 0)
                .then(|| {
                    let figure = |n: usize| format::number(lang, n as u64);
                    view! { <p class="muted">{(c.variants_left_out)(&figure(left.get()), &figure(FORM_VARIANTS))}</p> }
                })
        }}
    }
    .into_any()
}
