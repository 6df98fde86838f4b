//! What only a browser can do for push: ask for permission, and talk to the service worker, which does the rest (`public/sw.js`).
//!
//! Called by `push` and `state::browser_push`. Invariant: no question is put to the visitor by anything but [`turn_on`].

use crate::state::browser_push::Hindrance;
use domain::EndpointId;
use js_sys::{Array, Object, Reflect};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    MessageChannel, MessageEvent, Notification, NotificationPermission, ServiceWorkerContainer,
    ServiceWorkerRegistration,
};

type Hear = Closure<dyn FnMut(MessageEvent)>;

/// Listens to the service worker until it is dropped.
pub(crate) struct Listener {
    container: ServiceWorkerContainer,
    hear: Hear,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.container.remove_event_listener_with_callback("message", self.hear.as_ref().unchecked_ref());
    }
}

/// Calls back whenever a message of the push service has come. (What came before the document was read waits for that by itself.)
pub(crate) fn on_message(told: impl Fn() + 'static) -> Option<Listener> {
    let container = container().ok()?;
    let hear = Hear::new(move |event: MessageEvent| {
        if Reflect::has(&event.data(), &"told".into()).unwrap_or(false) {
            told();
        }
    });
    container.add_event_listener_with_callback("message", hear.as_ref().unchecked_ref()).ok()?;
    Some(Listener { container, hear })
}

/// Brings the service worker to this browser; without one, or where none is allowed, the page goes on without it.
pub(crate) fn register() {
    if let Ok(container) = container() {
        // A refusal shows when push is asked for.
        let _ = container.register("/sw.js");
    }
}

/// The endpoint of this browser, if the server sends to it.
pub(crate) async fn standing() -> Result<Option<EndpointId>, Hindrance> {
    able()?;
    if Notification::permission() != NotificationPermission::Granted {
        return Ok(None);
    }
    ask("standing").await
}

/// Asks the visitor, then subscribes. To be called from what they pressed.
pub(crate) async fn turn_on() -> Result<Option<EndpointId>, Hindrance> {
    able()?;
    let asked = Notification::request_permission().map_err(|_| Hindrance::Unsupported)?;
    let _ = JsFuture::from(asked).await;
    if Notification::permission() != NotificationPermission::Granted {
        return Err(Hindrance::Denied);
    }
    ask("subscribe").await
}

/// Takes this browser's subscription back, at its push service and at the server.
pub(crate) async fn turn_off() -> Result<Option<EndpointId>, Hindrance> {
    able()?;
    ask("unsubscribe").await
}

/// Whether this browser could be pushed to at all.
pub(crate) fn able() -> Result<(), Hindrance> {
    if !window().is_secure_context() {
        return Err(Hindrance::Insecure);
    }
    container()?;
    let has = |name: &str| Reflect::has(&window(), &name.into()).unwrap_or(false);
    if !(has("PushManager") && has("Notification")) {
        return Err(Hindrance::Unsupported);
    }
    if Notification::permission() == NotificationPermission::Denied { Err(Hindrance::Denied) } else { Ok(()) }
}

fn container() -> Result<ServiceWorkerContainer, Hindrance> {
    let navigator = window().navigator();
    // Not there on an insecure origin, and where it has been turned off.
    let there = Reflect::get(&navigator, &"serviceWorker".into()).is_ok_and(|found| !found.is_undefined());
    if there { Ok(navigator.service_worker()) } else { Err(Hindrance::Unsupported) }
}

async fn ask(what: &str) -> Result<Option<EndpointId>, Hindrance> {
    let lost = |_| Hindrance::NoWorker;
    let container = container()?;
    JsFuture::from(container.register("/sw.js")).await.map_err(lost)?;
    let ready = container.ready().map_err(lost)?;
    let registration: ServiceWorkerRegistration = JsFuture::from(ready).await.map_err(lost)?.unchecked_into();
    let worker = registration.active().ok_or(Hindrance::NoWorker)?;
    let channel = MessageChannel::new().map_err(lost)?;
    let (ours, theirs) = (channel.port1(), channel.port2());
    let answer = js_sys::Promise::new(&mut |resolve, _| ours.set_onmessage(Some(&resolve)));
    let question = Object::new();
    Reflect::set(&question, &"ask".into(), &what.into()).map_err(lost)?;
    worker.post_message_with_transferable(&question, &Array::of1(&theirs)).map_err(lost)?;
    let answer: MessageEvent = JsFuture::from(answer).await.map_err(lost)?.unchecked_into();
    ours.close();
    let answer = answer.data();
    let text = |name: &str| Reflect::get(&answer, &JsValue::from_str(name)).ok().and_then(|value| value.as_string());
    match text("error") {
        Some(code) => Err(Hindrance::of_code(&code, text("detail").unwrap_or_default())),
        None => Ok(text("endpoint").and_then(|id| id.parse().ok())),
    }
}
