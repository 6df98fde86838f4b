//! How fresh the catalogue is: as of when it is true, which jobs are changing it, and how the page comes to know.
//!
//! Invariant: what it says is known: the moment of the reading, or the latest sign of life of a channel that would have told of a change.

use super::rows::Frame;
use crate::{
    components::{job_progress::JobProgress, moment::Ago},
    i18n::{catalogue::use_catalogue, format, live, use_lang, use_t},
    state::{
        clock::use_now,
        jobs::use_jobs,
        live::{Status, use_live},
    },
};
use domain::{JobId, JobState, Timestamp, api::job_page, kinds::CHANGING_CATALOGUE};
use leptos::prelude::*;

/// The line above the list.
#[component]
pub(super) fn Freshness(
    /// The list without its products.
    frame: RwSignal<Frame>,
) -> impl IntoView {
    let (lang, t, c) = (use_lang(), use_t(), use_catalogue());
    let live = use_live();
    let (status, channel, started) = (live.status(), live.channel(), live.started());
    let changing = Memo::new(move |_| frame.with(Frame::jobs));
    let how = move || {
        let name = live::live(lang).name(channel.get());
        started.get().then(|| match status.get() {
            Status::Live | Status::Polling => (c.stays_fresh)(name),
            Status::Connecting => String::new(),
            Status::Offline { .. } | Status::Stale | Status::Told => c.may_be_old.to_owned(),
        })
    };
    view! {
        <div
            class="freshness"
            data-revision=move || frame.with(|frame| frame.revision)
            data-changing=move || changing.get()
        >
            <p>
                <span>{t.as_of} " " <Ago at=confirmed(Signal::derive(move || frame.with(|frame| frame.as_of))) /></span>
                <span class="num">{move || (t.revision)(&format::number(lang, frame.with(|frame| frame.revision)))}</span>
                <span class="num">{move || (t.products_count)(frame.with(|frame| frame.total))}</span>
                <span>{how}</span>
            </p>
            <BeingChanged count=changing.into() />
        </div>
    }
    .into_any()
}

/// When it was true for the last time: a channel that is alive would have told of a change.
fn confirmed(as_of: Signal<Timestamp>) -> Signal<Timestamp> {
    let live = use_live();
    let (status, meter, now) = (live.status(), live.meter(), use_now());
    Signal::derive(move || {
        let read = as_of.get();
        match (now.get(), meter.read().quiet_ms, status.get()) {
            (Some(now), Some(quiet), Status::Live | Status::Polling) => read.max(Timestamp(now.0 - quiet as i64)),
            _ => read,
        }
    })
}

/// Which jobs are changing it: how many, and the visitor's own by name, with how far they are.
#[component]
pub(super) fn BeingChanged(
    /// Jobs of anybody.
    count: Signal<u64>,
) -> impl IntoView {
    let (t, c) = (use_t(), use_catalogue());
    let store = use_jobs();
    let own = Memo::new(move |_| {
        let changes = |id: &JobId| {
            let row = store.get(*id)?;
            row.with(|job| job.state == JobState::Running && CHANGING_CATALOGUE.contains(&job.kind.as_str()))
                .then_some(())
        };
        store.ids().get().into_iter().filter(|id| changes(id).is_some()).collect::<Vec<JobId>>()
    });
    let count = Memo::new(move |_| count.get().max(own.read().len() as u64));
    // Made anew only when another job comes or goes: how far one is moves within its own view.
    let jobs = move || {
        let job = |id: JobId| {
            let row = store.get(id)?;
            let job = Signal::derive(move || row.get());
            let title = Signal::derive(move || job.with(|job| t.title_of(job)));
            Some(view! {
                <li data-job=id.to_string()>
                    <p>{c.your_import} " " <a href=job_page(id)>{title}</a></p>
                    <JobProgress job name=title />
                </li>
            })
        };
        own.get().into_iter().map(job).collect_view()
    };
    view! {
        <Show when=move || { count.get() > 0 }>
            <div class="being-changed" data-being-changed>
                <strong>{move || (t.being_changed)(count.get())}</strong>
                <ul>{jobs}</ul>
            </div>
        </Show>
    }
    .into_any()
}
