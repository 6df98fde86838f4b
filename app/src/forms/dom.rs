//! Reading a submitted form out of the page, times in the device's zone, and moving the focus. Browser only; on the server nothing is read.
//!
//! Invariant: the fields come as a post without JavaScript would send them: only ticked boxes, only chosen files.

#[cfg(feature = "hydrate")]
pub use browser::*;
#[cfg(not(feature = "hydrate"))]
pub use server::*;

/// The value of a field.
pub enum Entry {
    /// What was typed or ticked.
    Text(String),
    /// The file that was chosen.
    File(Chosen),
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::Entry;
    use leptos::{ev::SubmitEvent, prelude::*};
    use wasm_bindgen::JsCast;

    /// A file that the visitor chose.
    pub struct Chosen(pub web_sys::File);

    impl Chosen {
        /// The file's name on the visitor's machine.
        pub fn name(&self) -> String {
            self.0.name()
        }
    }

    /// The fields of the form that an event is about.
    pub fn read_entries(event: &SubmitEvent) -> Vec<(String, Entry)> {
        let form = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlFormElement>().ok());
        let data = form.and_then(|form| web_sys::FormData::new_with_form(&form).ok());
        let entries = data.and_then(|data| js_sys::try_iter(&data).ok().flatten());
        entries
            .into_iter()
            .flatten()
            .filter_map(|pair| {
                let pair: js_sys::Array = pair.ok()?.dyn_into().ok()?;
                let name = pair.get(0).as_string()?;
                let value = pair.get(1);
                let entry = match value.as_string() {
                    Some(text) => Entry::Text(text),
                    None => {
                        let file: web_sys::File = value.dyn_into().ok()?;
                        // A file field without a choice comes as an empty file without a name.
                        if file.name().is_empty() {
                            return None;
                        }
                        Entry::File(Chosen(file))
                    }
                };
                Some((name, entry))
            })
            .collect()
    }

    /// Moves the focus to an element once the page has been drawn.
    pub fn focus_soon(id: &'static str) {
        request_animation_frame(move || {
            if let Some(element) =
                document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok())
            {
                // An element that cannot take the focus leaves it where it is.
                let _ = element.focus();
            }
        });
    }

    /// Adds a line to a text area, unless it has it.
    pub fn append_line(id: &str, line: &str) {
        let area = document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
        let Some(area) = area else { return };
        let text = area.value();
        let text = text.trim_end();
        if text.lines().any(|known| known.trim() == line) {
            return;
        }
        area.set_value(&if text.is_empty() { line.to_owned() } else { format!("{text}\n{line}") });
    }

    /// A date and time of this device's zone, as a `datetime-local` control holds it, as RFC 3339 in UTC; none when it is none.
    pub fn utc_of_local(text: &str) -> Option<String> {
        // Without an offset it is local time (ECMA-262, "Date Time String Format").
        let date = js_sys::Date::new(&text.into());
        (!date.get_time().is_nan()).then(|| String::from(date.to_iso_string()))
    }

    /// A date and time in UTC, as a `datetime-local` control holds it, in this device's zone; none when it is none.
    pub fn local_of_utc(text: &str) -> Option<String> {
        let date = js_sys::Date::new(&format!("{text}Z").into());
        let (year, month, day) = (date.get_full_year(), date.get_month() + 1, date.get_date());
        let there = !date.get_time().is_nan();
        there.then(|| format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}", date.get_hours(), date.get_minutes()))
    }

    /// Empties the file field of a form, whose file has been sent.
    pub fn reset(id: &str) {
        if let Some(input) =
            document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlInputElement>().ok())
        {
            input.set_value("");
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    use super::Entry;
    use leptos::ev::SubmitEvent;

    /// A file that the visitor chose; there is none on the server.
    pub struct Chosen(std::convert::Infallible);

    impl Chosen {
        /// The file's name.
        pub fn name(&self) -> String {
            match self.0 {}
        }
    }

    impl Chosen {
        pub(crate) fn never(&self) -> ! {
            match self.0 {}
        }
    }

    /// Nothing: forms are posted to the server, not read by it here.
    pub fn read_entries(_: &SubmitEvent) -> Vec<(String, Entry)> {
        Vec::new()
    }

    /// None: the server knows no zone but UTC.
    pub fn utc_of_local(_: &str) -> Option<String> {
        None
    }

    /// None.
    pub fn local_of_utc(_: &str) -> Option<String> {
        None
    }

    /// Nothing.
    pub fn append_line(_: &str, _: &str) {}

    /// Nothing.
    pub fn focus_soon(_: &'static str) {}

    /// Nothing.
    pub fn reset(_: &str) {}
}
