//! The simulator's page: one form for each supplier, plain HTML without a script, in English or French as the browser asks.
//!
//! Routed by [`super::http`]. A form that is right answers 303 to the page, at its supplier; one that is wrong the page again (422), with
//! what is wrong in a sentence.
//! Invariant: what a visitor typed is never markup.

use super::{
    Simulator,
    http::obey,
    settings::{MAX_DELAY_MS, MAX_LATENCY_MS, Mode, Settings},
    supplier::Supplier,
};
use crate::{api::extract::read_body, error::ApiError};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use std::fmt::Write as _;

/// Largest form, in bytes.
const FORM_LIMIT: usize = 4 << 10;

/// The sentences of the page.
struct Words {
    lang: &'static str,
    title: &'static str,
    lede: &'static str,
    mode: &'static str,
    modes: [&'static str; 7],
    latency: &'static str,
    error_rate: &'static str,
    delay: &'static str,
    save: &'static str,
    kill: &'static str,
    revive: &'static str,
    reset: &'static str,
    asked: &'static str,
    pending: &'static str,
    delivered: &'static str,
    refused: &'static str,
    wrong: &'static str,
}

const EN: Words = Words {
    lang: "en",
    title: "Suppliers",
    lede: "Five suppliers to ask for prices. Make one slow, failing or dead while jobs run, and bring it back: changes hold at once, for questions that are under way too.",
    mode: "What it does",
    modes: [
        "answers",
        "says “later” and calls back",
        "never answers (dead)",
        "answers garbage",
        "answers without an end",
        "calls back twice",
        "calls back too late",
    ],
    latency: "Answers after, in milliseconds",
    error_rate: "Fails at, in per cent of the questions",
    delay: "Calls back after, in milliseconds",
    save: "Save",
    kill: "Make it dead",
    revive: "Bring it back",
    reset: "All as at the start",
    asked: "asked",
    pending: "call-backs owed",
    delivered: "delivered",
    refused: "unwanted",
    wrong: "Nothing was changed: give whole numbers, up to 600000 for the answer, 100 for the failures, 3600000 for the call-back.",
};

const FR: Words = Words {
    lang: "fr",
    title: "Fournisseurs",
    lede: "Cinq fournisseurs à qui demander des prix. Rendez-en un lent, défaillant ou muet pendant que des travaux tournent, puis ramenez-le : tout changement vaut aussitôt, même pour les questions en cours.",
    mode: "Ce qu’il fait",
    modes: [
        "répond",
        "dit « plus tard » et rappelle",
        "ne répond jamais (muet)",
        "répond n’importe quoi",
        "répond sans fin",
        "rappelle deux fois",
        "rappelle trop tard",
    ],
    latency: "Répond au bout de, en millisecondes",
    error_rate: "Échoue, en pour cent des questions",
    delay: "Rappelle au bout de, en millisecondes",
    save: "Enregistrer",
    kill: "Le rendre muet",
    revive: "Le ramener",
    reset: "Tout comme au début",
    asked: "questions",
    pending: "rappels dus",
    delivered: "remis",
    refused: "refusés",
    wrong: "Rien n’a été changé : donnez des nombres entiers, jusqu’à 600000 pour la réponse, 100 pour les échecs, 3600000 pour le rappel.",
};

const STYLE: &str = include_str!("style.css");

/// French for whoever prefers it to English.
fn words(headers: &HeaderMap) -> &'static Words {
    let accepts = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accepts.split([',', ';']).map(str::trim).find(|tag| tag.starts_with("en") || tag.starts_with("fr"));
    if first.is_some_and(|tag| tag.starts_with("fr")) { &FR } else { &EN }
}

/// `GET /`
pub(super) async fn show(State(simulator): State<Simulator>, headers: HeaderMap) -> Html<String> {
    Html(render(&simulator, words(&headers), None))
}

/// `GET /style.css`
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// `POST /reset`
pub(super) async fn reset(State(simulator): State<Simulator>) -> Redirect {
    simulator.suppliers.iter().for_each(|supplier| supplier.set(supplier.first));
    Redirect::to("/")
}

/// `POST /suppliers/{id}`
pub(super) async fn change(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let supplier = simulator.find(&id)?;
    let words = words(request.headers());
    let body = read_body(request, FORM_LIMIT).await?;
    let fields: Vec<(String, String)> = fields_of(&body);
    let wished = wish(supplier, &fields).and_then(|settings| obey(supplier, settings).ok());
    Ok(match wished {
        Some(_) => Redirect::to(&format!("/#{id}")).into_response(),
        None => (StatusCode::UNPROCESSABLE_ENTITY, Html(render(&simulator, words, Some(&id)))).into_response(),
    })
}

fn fields_of(body: &[u8]) -> Vec<(String, String)> {
    // The parser of URLs reads forms as browsers send them (WHATWG URL, "application/x-www-form-urlencoded").
    let query = String::from_utf8_lossy(body);
    let url = reqwest::Url::parse(&format!("http://form/?{query}"));
    url.map(|url| url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
        .unwrap_or_default()
}

/// What a form asks for; none when it cannot be read.
fn wish(supplier: &Supplier, fields: &[(String, String)]) -> Option<Settings> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    let now = supplier.settings();
    match field("do") {
        Some("kill") => return Some(Settings { mode: Mode::Dead, ..now }),
        Some("revive") => return Some(supplier.first),
        _ => {}
    }
    let number = |name: &str, most: u64| field(name)?.parse::<u64>().ok().filter(|number| *number <= most);
    let per_cent = u32::try_from(number("error_per_cent", 100)?).ok()?;
    Some(Settings {
        mode: Mode::ALL.into_iter().find(|mode| field("mode") == Some(mode.as_str()))?,
        latency_ms: number("latency_ms", MAX_LATENCY_MS)?,
        error_rate: f64::from(per_cent) / 100.0,
        call_back_delay_ms: number("call_back_delay_ms", MAX_DELAY_MS)?,
    })
}

fn render(simulator: &Simulator, words: &Words, wrong: Option<&str>) -> String {
    let Words { lang, title, lede, reset, .. } = words;
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} · Meanwhile</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main>\
         <header><h1>{title}</h1><p>{lede}</p><form method=\"post\" action=\"/reset\"><button>{reset}</button></form></header>"
    );
    for supplier in simulator.suppliers.iter() {
        let wrong = wrong.filter(|id| *id == supplier.id).map(|_| words.wrong);
        // Writing into a text does not fail.
        let _ = write_supplier(&mut page, supplier, words, wrong);
    }
    page.push_str("</main></body></html>");
    page
}

fn write_supplier(page: &mut String, supplier: &Supplier, words: &Words, wrong: Option<&str>) -> std::fmt::Result {
    let (id, name, settings, counts) = (supplier.id, escape(supplier.name), supplier.settings(), supplier.counts());
    let (asked, pending, delivered, refused) = (counts.asked, counts.pending, counts.delivered, counts.refused);
    let mode = settings.mode.as_str();
    write!(page, "<section id=\"{id}\" data-supplier=\"{id}\" data-mode=\"{mode}\" aria-labelledby=\"{id}-name\">")?;
    write!(page, "<h2 id=\"{id}-name\">{name}</h2>")?;
    write!(
        page,
        "<p class=\"counts\"><span>{asked} {}</span> <span>{pending} {}</span> <span>{delivered} {}</span> \
         <span>{refused} {}</span></p>",
        words.asked, words.pending, words.delivered, words.refused
    )?;
    if let Some(wrong) = wrong {
        write!(page, "<p role=\"alert\" class=\"wrong\">{wrong}</p>")?;
    }
    write!(page, "<form method=\"post\" action=\"/suppliers/{id}\"><label>{} <select name=\"mode\">", words.mode)?;
    for (mode, word) in Mode::ALL.into_iter().zip(words.modes) {
        let selected = if mode == settings.mode { " selected" } else { "" };
        write!(page, "<option value=\"{}\"{selected}>{word}</option>", mode.as_str())?;
    }
    page.push_str("</select></label>");
    let per_cent = (settings.error_rate * 100.0).round();
    for (field, label, value, most) in [
        ("latency_ms", words.latency, settings.latency_ms.to_string(), MAX_LATENCY_MS),
        ("error_per_cent", words.error_rate, per_cent.to_string(), 100),
        ("call_back_delay_ms", words.delay, settings.call_back_delay_ms.to_string(), MAX_DELAY_MS),
    ] {
        write!(
            page,
            "<label>{label} <input name=\"{field}\" type=\"number\" min=\"0\" max=\"{most}\" value=\"{value}\" required></label>"
        )?;
    }
    let (act, word) = if settings.mode == Mode::Dead { ("revive", words.revive) } else { ("kill", words.kill) };
    write!(
        page,
        "<p class=\"actions\"><button class=\"primary\">{}</button> \
         <button name=\"do\" value=\"{act}\" formnovalidate>{word}</button></p></form></section>",
        words.save
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
