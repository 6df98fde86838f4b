//! Sending a file with progress: by XMLHttpRequest, since `fetch` tells nothing about what has been sent.
//!
//! Browser only; without script the file goes along with the form. Used by the submit form.
//! Invariant: a promise settles once, and a request that ended has let go of its closures.

use crate::forms::Chosen;
use domain::{Problem, api::Upload};
use leptos::prelude::*;

/// How much of a file has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Bytes sent.
    pub bytes: u64,
    /// Bytes in all.
    pub of: u64,
}

/// Sends a file to `POST /api/v1/uploads`.
///
/// # Errors
/// The service's problem (too large, quota), or `unreachable`.
#[cfg(feature = "hydrate")]
pub async fn send(file: &Chosen, sent: RwSignal<Option<Sent>>) -> Result<Upload, Problem> {
    use crate::backend::problem_of;
    use wasm_bindgen::{JsCast, JsValue, closure::Closure};

    let failed = |error: JsValue| Problem::unreachable(format!("{error:?}"));
    let request = web_sys::XmlHttpRequest::new().map_err(failed)?;
    let form = web_sys::FormData::new().map_err(failed)?;
    form.append_with_blob_and_filename("file", &file.0, &file.0.name()).map_err(failed)?;
    request.open("POST", "/api/v1/uploads").map_err(failed)?;
    request.set_request_header("accept", "application/json").map_err(failed)?;
    sent.set(Some(Sent { bytes: 0, of: file.0.size() as u64 }));

    let progress = Closure::<dyn FnMut(web_sys::ProgressEvent)>::new(move |event: web_sys::ProgressEvent| {
        // The form may be gone; the upload goes on.
        sent.try_set(Some(Sent { bytes: event.loaded() as u64, of: event.total() as u64 }));
    });
    request.upload().map_err(failed)?.set_onprogress(Some(progress.as_ref().unchecked_ref()));
    let mut ended = None;
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        // `loadend` follows load, error, abort and timeout alike; which it was shows in the status.
        let closure = Closure::<dyn FnMut()>::new(move || {
            let _ = resolve.call0(&JsValue::NULL);
        });
        request.set_onloadend(Some(closure.as_ref().unchecked_ref()));
        ended = Some(closure);
    });
    request.send_with_opt_form_data(Some(&form)).map_err(failed)?;
    let outcome = wasm_bindgen_futures::JsFuture::from(promise).await;
    drop((progress, ended));
    outcome.map_err(failed)?;
    sent.try_set(None);

    let status = request.status().map_err(failed)?;
    let body = request.response_text().ok().flatten().unwrap_or_default();
    match status {
        0 => Err(Problem::unreachable("the upload was cut off")),
        200..300 => {
            domain::read_json(&body).map_err(|error| Problem::new(status, "unreadable-answer", error.to_string()))
        }
        _ => Err(problem_of(status, &body)),
    }
}

/// Nothing: the server receives files, it does not send them.
///
/// # Errors
/// Always.
#[cfg(not(feature = "hydrate"))]
#[allow(clippy::unused_async)]
pub async fn send(file: &Chosen, _: RwSignal<Option<Sent>>) -> Result<Upload, Problem> {
    file.never()
}
