//! `/mail/confirm/{token}` and `/mail/unsubscribe/{token}`: what the links in a mail open.
//!
//! The token is the right, so no cookie is asked for or set, and whoever has it may post from anywhere: mail programs do (RFC 8058).
//! Invariants: a GET changes nothing, since programs that look for viruses open every link; a POST can be repeated; a token that is
//! none, whatever is wrong with it, gets the same page; the token goes to nobody else (no referrer, no log).

use crate::{
    error::{ApiError, discard},
    notify::{
        email::{escaped, token_of},
        words,
    },
    state::AppState,
    store::EndpointRow,
    ui,
};
use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

type Token = Result<Path<String>, PathRejection>;

/// What a page says.
struct Said {
    heading: &'static str,
    text: &'static str,
    /// What its button says; without one nothing is left to do.
    button: Option<&'static str>,
}

/// Asks, and on POST confirms
///
/// # Errors
/// What the store said.
pub async fn confirm(State(state): State<AppState>, token: Token, request: Request) -> Result<Response, ApiError> {
    serve(state, token, request, true).await
}

/// Asks, and on POST unsubscribes
///
/// # Errors
/// What the store said.
pub async fn unsubscribe(State(state): State<AppState>, token: Token, request: Request) -> Result<Response, ApiError> {
    serve(state, token, request, false).await
}

async fn serve(state: AppState, token: Token, request: Request, confirming: bool) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // `List-Unsubscribe=One-Click`, or nothing that matters.
    discard(body.into_data_stream());
    let token = token.ok().and_then(|Path(text)| token_of(&text));
    let found = match &token {
        Some(token) => state.store.endpoint_of_token(token).await?,
        None => None,
    };
    let (Some(token), Some(row)) = (token, found) else {
        let words = words::mail(ui::lang_of(&parts.headers));
        let said = Said { heading: words.stale, text: words.stale_text, button: None };
        return Ok(page(&state, StatusCode::NOT_FOUND, ui::lang_of(&parts.headers), "", &said));
    };
    let lang = state.store.notification_settings(row.owner).await?.lang;
    let words = words::mail(&lang);
    let now = crate::clock::now();
    let said = match (confirming, parts.method == Method::POST) {
        (true, false) => Said { heading: words.confirm_heading, text: words.confirm_text, button: Some(words.confirm) },
        (true, true) if can_confirm(&row) && state.store.confirm_email(&token, now).await? => {
            Said { heading: words.confirmed, text: words.confirmed_text, button: None }
        }
        (true, true) => Said { heading: words.stale, text: words.stale_text, button: None },
        (false, false) => {
            Said { heading: words.unsubscribe_heading, text: words.unsubscribe_text, button: Some(words.unsubscribe) }
        }
        (false, true) => {
            state.store.unsubscribe_email(&token, now).await?;
            Said { heading: words.unsubscribed, text: words.unsubscribed_text, button: None }
        }
    };
    Ok(page(&state, StatusCode::OK, &lang, &row.shown.address, &said))
}

/// Whoever has unsubscribed is not subscribed again by an old mail.
fn can_confirm(row: &EndpointRow) -> bool {
    row.shown.state != domain::push::EndpointState::Gone
}

/// A page of its own, without script: it is opened in mail programs' own little browsers.
fn page(state: &AppState, status: StatusCode, lang: &str, address: &str, said: &Said) -> Response {
    const CSP: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let heading = escaped(&said.heading.replace("{address}", address));
    let text = escaped(said.text);
    let css = state.assets.css().map(|css| format!("<link rel=\"stylesheet\" href=\"{}\">", escaped(css)));
    let button = said.button.map(|button| {
        format!(
            "<form method=\"post\"><p><button class=\"button primary\" type=\"submit\">{}</button></p></form>",
            escaped(button)
        )
    });
    let html = format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"robots\" content=\"noindex\"><title>{heading}</title>{css}</head>\
         <body><div class=\"shell\"><header class=\"masthead\"><a class=\"brand\" href=\"/\">Meanwhile</a></header>\
         <main class=\"page\"><h1>{heading}</h1><p>{text}</p>{button}</main></div></body></html>",
        lang = escaped(lang),
        css = css.unwrap_or_default(),
        button = button.unwrap_or_default(),
    );
    let mut response = (status, html).into_response();
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CSP),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
