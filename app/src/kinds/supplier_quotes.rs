//! `supplier-quotes` in the interface: products and suppliers to choose, the suppliers' answers as they come, the best offers at the end.
//!
//! The form takes products from `/?kind=supplier-quotes&handles=a,b` when nothing was typed yet. Folding the lines is
//! [`super::supplier_lines`].
//! Invariant: the form works without script: what is chosen from the catalogue, and the list, are fields that the server joins.

use super::{
    partials,
    supplier_lines::{Row, best_offers, names, rows},
};
use crate::{
    backend,
    components::field::{FieldError, InputField, described_by},
    forms::{Scope, append_line, id_of},
    i18n::{codes, format, use_lang, use_t},
};
use domain::{
    Event, Problem,
    kinds::{
        form::items,
        supplier_quotes::{Circuit, Line, Output, Quote, SupplierInfo, SupplierList},
    },
};
use leptos::{ev, html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use serde_json::Value;

const HANDLES: &str = "input.handles";
const SUPPLIERS: &str = "input.suppliers";
/// Products whose titles are offered while one types.
const OFFERED: usize = 50;

/// The fields of the form.
#[component]
pub fn Fields(
    /// The form.
    scope: Scope,
) -> impl IntoView {
    let t = use_t();
    let query = use_query_map().with_untracked(|query| query.get("handles"));
    let asked = query.filter(|_| scope.is_empty()).map_or_else(|| scope.values(HANDLES), |handles| vec![handles]);
    let mut handles: Vec<String> = asked.iter().flat_map(|text| items(text)).map(str::to_owned).collect();
    let mut seen = std::collections::BTreeSet::new();
    handles.retain(|handle| seen.insert(handle.clone()));
    let found = Resource::new(|| (), |()| async { (backend::suppliers().await, find(None).await) });
    let handles = StoredValue::new(handles.join("\n"));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    let (suppliers, products) = found.await;
                    view! {
                        <Products scope products handles=handles.get_value() />
                        <Suppliers scope suppliers />
                    }
                })
            }}
        </Suspense>
        <InputField
            scope
            name="input.within_s"
            label=t.quotes_within
            hint=t.quotes_within_hint
            kind="number"
            first="30"
        />
    }
    .into_any()
}

/// Handles and titles of products that match what was typed; none when the catalogue cannot be read, since a list can be typed without.
async fn find(q: Option<String>) -> Vec<(String, String)> {
    let page = backend::products(q, None).await;
    let products = page.map(|page| page.items).unwrap_or_default().into_iter().take(OFFERED);
    products.map(|product| (product.handle, product.title)).collect()
}

/// The list of products, and a field that offers those of the catalogue while one types.
#[component]
fn Products(scope: Scope, products: Vec<(String, String)>, handles: String) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let (id, find_id) = (id_of(HANDLES), "find-product");
    let error = scope.error(lang, HANDLES);
    let offered = RwSignal::new(products);
    let field = NodeRef::<html::Input>::new();
    let (wanted, looking) = (StoredValue::new(String::new()), StoredValue::new(false));
    // One look at a time; the last thing typed is looked for in the end.
    let look = move |text: String| {
        wanted.set_value(text);
        if looking.get_value() {
            return;
        }
        looking.set_value(true);
        spawn_local(async move {
            while let Some(text) = wanted.try_get_value() {
                let found = find(Some(text.clone()).filter(|text| !text.is_empty())).await;
                offered.try_set(found);
                if wanted.try_get_value().is_none_or(|wanted| wanted == text) {
                    break;
                }
            }
            looking.try_set_value(false);
        });
    };
    let list_id = id.clone();
    let add = move || {
        let Some(field) = field.get_untracked() else { return };
        items(&field.value()).for_each(|handle| append_line(&list_id, handle));
        field.set_value("");
    };
    let (on_change, on_click) = (add.clone(), add.clone());
    let on_key = move |event: ev::KeyboardEvent| {
        // Enter chooses the product; the form is sent by its button.
        if event.key() == "Enter" {
            event.prevent_default();
            add();
        }
    };
    let option = |(handle, title): (String, String)| view! { <option value=handle>{title}</option> };
    view! {
        <div class="field">
            <label for=find_id>{t.quotes_find}</label>
            <p class="hint" id="find-product-hint">{t.quotes_find_hint}</p>
            <div class="field-with-button">
                <input
                    id=find_id
                    name=HANDLES
                    type="text"
                    list="catalogue-products"
                    autocomplete="off"
                    aria-describedby="find-product-hint"
                    node_ref=field
                    on:input=move |event| look(event_target_value(&event))
                    on:change=move |_| on_change()
                    on:keydown=on_key
                />
                <button type="button" class="script-only" on:click=move |_| on_click()>{t.quotes_add}</button>
            </div>
            <datalist id="catalogue-products">
                {move || offered.get().into_iter().map(option).collect_view()}
            </datalist>
        </div>
        <div class="field">
            <label for=id.clone()>{t.quotes_products}</label>
            <p class="hint" id=format!("{id}-hint")>{t.quotes_products_hint}</p>
            <FieldError id=id.clone() error />
            <textarea
                id=id.clone()
                name=HANDLES
                rows="4"
                spellcheck="false"
                autocomplete="off"
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&id, true, error)
            >
                {handles}
            </textarea>
        </div>
    }
    .into_any()
}

/// A box for each supplier, with how it does; without any, why.
#[component]
fn Suppliers(scope: Scope, suppliers: Result<SupplierList, Problem>) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let error = scope.error(lang, SUPPLIERS);
    let id = id_of(SUPPLIERS);
    let chosen = scope.values(SUPPLIERS);
    // Nothing was said of them yet, not even that none is: all are asked.
    let all = scope.value(SUPPLIERS).is_none();
    match suppliers {
        Err(problem) => {
            let text = codes::problem(lang, &problem).in_full();
            view! {
                <p class="notice" data-tone="warn" id=id data-code=problem.code>
                    {text}
                </p>
            }
            .into_any()
        }
        Ok(SupplierList { items, control }) => {
            let choice = move |SupplierInfo { id, name, circuit, .. }: SupplierInfo| {
                let ticked = all || chosen.contains(&id);
                let note = (circuit != Circuit::Closed).then(|| {
                    view! {
                        " "
                        <span class="hint">{(t.quotes_circuit)(circuit)}</span>
                    }
                });
                view! {
                    <label class="choice" data-supplier=id.clone() data-circuit=circuit.as_str()>
                        <input type="checkbox" name=SUPPLIERS value=id.clone() checked=ticked />
                        <span>{name} {note}</span>
                    </label>
                }
            };
            view! {
                <fieldset class="choices suppliers" id=id.clone() tabindex="-1">
                    <legend>{t.quotes_suppliers}</legend>
                    <FieldError id=id.clone() error />
                    // Says that there were boxes: none ticked is none, not all.
                    <input type="hidden" name=SUPPLIERS value="" />
                    {items.into_iter().map(choice).collect_view()}
                </fieldset>
                {control
                    .map(|href| {
                        view! {
                            <p class="hint">
                                <a href=href rel="external noopener" target="_blank" data-control="suppliers">
                                    {t.quotes_control}
                                </a>
                                " "
                                {t.quotes_control_hint}
                            </p>
                        }
                    })}
            }
            .into_any()
        }
    }
}

/// What the suppliers have said so far, in the order in which they did.
#[component]
pub fn Partials(
    /// The job's log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let t = use_t();
    let rows = Memo::new(move |_| rows(log.with(|log| partials::<Line>(log))));
    view! {
        <div class="table-scroll partials" tabindex="0" role="region" aria-label=t.quotes_heading>
            <table class="data suppliers">
                <thead>
                    <tr>
                        <th scope="col">{t.quotes_supplier}</th>
                        <th scope="col">{t.quotes_state}</th>
                        <th scope="col" class="num">{t.price}</th>
                        <th scope="col" class="num">{t.quotes_delivery}</th>
                        <th scope="col" class="num">{t.quotes_took}</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || rows.get() key=Row::key children=|row| view! { <SupplierRow row /> } />
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn SupplierRow(row: Row) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let Row { supplier, name, state, reason, offers, took_ms, circuit } = row;
    let why = reason.map(|reason| view! { <span class="hint">{(t.quotes_reason)(reason)}</span> });
    let left_alone =
        (circuit != Circuit::Closed).then(|| view! { <span class="hint circuit">{(t.quotes_circuit)(circuit)}</span> });
    let took = took_ms.map(|ms| format::duration(lang, i64::try_from(ms).unwrap_or(i64::MAX)));
    let prices = match offers.as_slice() {
        [] if state.is_settled() && reason.is_none() => view! { <span class="muted">{t.quotes_none}</span> }.into_any(),
        [] => view! { "–" }.into_any(),
        [one] => money(lang, one).into_any(),
        many => {
            let count = (t.quotes_prices)(many.len() as u64);
            let line = |quote: &Quote| view! { <li>{quote.handle.clone()} ": " {money(lang, quote)}</li> };
            let lines = many.iter().map(line).collect_view();
            view! {
                <details>
                    <summary>{count}</summary>
                    <ul>{lines}</ul>
                </details>
            }
            .into_any()
        }
    };
    let days = offers.iter().map(|quote| quote.delivery_days);
    let days = days.clone().min().zip(days.max()).map(|(least, most)| {
        if least == most {
            (t.quotes_days)(&format::number(lang, least.into()))
        } else {
            (t.quotes_days)(&format!("{least}–{most}"))
        }
    });
    view! {
        <tr data-supplier=supplier data-state=state.as_str() data-reason=reason.map(|reason| reason.as_str()) data-circuit=circuit.as_str()>
            <td data-label=t.quotes_supplier>{name}</td>
            <td data-label=t.quotes_state>
                <span class="supplier-state">
                    <span class="word" data-state=state.as_str()>{(t.quotes_state_word)(state)}</span>
                    {why}
                    {left_alone}
                </span>
            </td>
            <td class="num" data-label=t.price>{prices}</td>
            <td class="num" data-label=t.quotes_delivery>{days.unwrap_or_else(|| "–".to_owned())}</td>
            <td class="num" data-label=t.quotes_took>{took.unwrap_or_else(|| "–".to_owned())}</td>
        </tr>
    }
    .into_any()
}

fn money(lang: crate::i18n::Lang, quote: &Quote) -> String {
    format!("{}\u{a0}{}", format::decimal(lang, &quote.price), quote.currency)
}

/// The best offer for each product, and who gave none.
#[component]
pub fn Outcome(
    /// The output.
    result: Value,
    /// The job's log, which has the suppliers' names.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let Output { offers, failed } = serde_json::from_value(result).unwrap_or_default();
    let names = StoredValue::new(log.with_untracked(|log| names(partials::<Line>(log))));
    let name_of = move |id: &str| names.with_value(|names| names.get(id).cloned()).unwrap_or_else(|| id.to_owned());
    let best = best_offers(&offers);
    let best_rows = best.into_iter().map(|(best, others)| {
        let more = others.iter().map(|offer| {
            format!(
                "{}: {}, {}",
                name_of(&offer.supplier),
                money(lang, &offer.quote),
                (t.quotes_days)(&format::number(lang, offer.quote.delivery_days.into()))
            )
        });
        let more = more.map(|text| view! { <li>{text}</li> }).collect_view();
        let count = others.len() as u64;
        view! {
            <tr data-handle=best.quote.handle.clone() data-supplier=best.supplier.clone()>
                <td data-label=t.product>{best.quote.handle.clone()}</td>
                <td class="num" data-label=t.quotes_best>
                    <strong>{money(lang, &best.quote)}</strong>
                </td>
                <td data-label=t.quotes_supplier>{name_of(&best.supplier)}</td>
                <td class="num" data-label=t.quotes_delivery>
                    {(t.quotes_days)(&format::number(lang, best.quote.delivery_days.into()))}
                </td>
                <td data-label=t.quotes_others_heading>
                    {if count == 0 {
                        view! { "–" }.into_any()
                    } else {
                        view! {
                            <details>
                                <summary>{(t.quotes_others)(count)}</summary>
                                <ul>{more}</ul>
                            </details>
                        }
                            .into_any()
                    }}
                </td>
            </tr>
        }
    });
    let none = offers.is_empty();
    let best_rows = best_rows.collect_view();
    let table = (!none).then(|| {
        view! {
            <div class="table-scroll" tabindex="0" role="region" aria-label=t.quotes_best>
                <table class="data offers">
                    <thead>
                        <tr>
                            <th scope="col">{t.product}</th>
                            <th scope="col" class="num">{t.quotes_best}</th>
                            <th scope="col">{t.quotes_supplier}</th>
                            <th scope="col" class="num">{t.quotes_delivery}</th>
                            <th scope="col">{t.quotes_others_heading}</th>
                        </tr>
                    </thead>
                    <tbody>{best_rows}</tbody>
                </table>
            </div>
        }
    });
    let without = failed.into_iter().map(|failed| {
        view! {
            <li data-supplier=failed.supplier.clone() data-reason=failed.reason.as_str()>
                <strong>{name_of(&failed.supplier)}</strong>
                ": "
                {(t.quotes_reason)(failed.reason)}
            </li>
        }
    });
    let without = without.collect_view();
    let lacking = (!without.is_empty()).then(|| {
        view! {
            <h3>{t.quotes_failed_heading}</h3>
            <ul class="suppliers-failed">{without}</ul>
        }
    });
    view! {
        {none.then(|| view! { <p>{t.quotes_no_offers}</p> })}
        {table}
        {lacking}
    }
    .into_any()
}
