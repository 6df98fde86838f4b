//! `rehearsal` in the interface: a form that dictates the course of a job, its steps as they come, its result.

use super::partials;
use crate::{
    components::{
        field::{CheckField, InputField, SelectField},
        json_view::JsonView,
    },
    forms::Scope,
    i18n::{format, use_lang, use_t},
};
use domain::{
    Event,
    kinds::rehearsal::{Output, Partial},
};
use leptos::prelude::*;
use serde_json::Value;

/// The fields of the form.
#[component]
pub fn Fields(
    /// The form.
    scope: Scope,
) -> impl IntoView {
    let t = use_t();
    let lang = use_lang();
    let fail_error = scope.error(lang, "input.fail_at");
    let starts_open = scope.value("input.fail_at").is_some();
    let wait_error = scope.error(lang, "input.wait_at");
    let starts_waiting = scope.value("input.wait_at").is_some();
    let timeouts = vec![("fail", t.wait_fail), ("resume", t.wait_resume)];
    let modes = vec![
        ("transient", t.mode_transient),
        ("permanent", t.mode_permanent),
        ("panic", t.mode_panic),
        ("hang", t.mode_hang),
    ];
    view! {
        <div class="field-row">
            <InputField scope name="input.steps" label=t.steps hint=t.steps_hint kind="number" first="8" />
            <InputField scope name="input.step_ms" label=t.step_ms hint=t.step_ms_hint kind="number" first="500" />
        </div>
        <CheckField scope name="input.partials" label=t.partials hint=t.partials_hint />
        <CheckField scope name="input.hold" label=t.hold hint=t.hold_hint />
        <details open=move || starts_waiting || wait_error.with(Option::is_some)>
            <summary>{t.make_it_wait}</summary>
            <div class="field-row">
                <InputField scope name="input.wait_at" label=t.wait_at hint=t.wait_at_hint kind="number" />
                <InputField scope name="input.wait_s" label=t.wait_s hint=t.wait_s_hint kind="number" first="600" />
                <SelectField scope name="input.wait_timeout" label=t.wait_timeout options=timeouts first="fail" />
            </div>
        </details>
        <details open=move || starts_open || fail_error.with(Option::is_some)>
            <summary>{t.make_it_fail}</summary>
            <div class="field-row">
                <InputField scope name="input.fail_at" label=t.fail_at hint=t.fail_at_hint kind="number" />
                <SelectField scope name="input.failure" label=t.failure_mode options=modes first="transient" />
                <InputField scope name="input.fail_attempts" label=t.fail_attempts hint=t.fail_attempts_hint kind="number" first="1" />
            </div>
        </details>
    }
    .into_any()
}

/// The steps that have reported, each once.
#[component]
pub fn Partials(
    /// The job's log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let steps = Memo::new(move |_| {
        let mut steps: Vec<u32> =
            log.with(|log| partials::<Partial>(log)).into_iter().map(|partial| partial.step).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    });
    view! {
        <ol class="partials" aria-label=t.partials_heading>
            <For each=move || steps.get() key=|step| *step let:step>
                <li data-step=step>{(t.step_done)(&format::number(lang, step.into()))}</li>
            </For>
        </ol>
    }
    .into_any()
}

/// What it left behind.
#[component]
pub fn Outcome(
    /// The output.
    result: Value,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let output = serde_json::from_value::<Output>(result).unwrap_or(Output { steps: 0, callback: None });
    let brought = output.callback.map(|value| {
        view! {
            <div>
                <dt>{t.callback_brought}</dt>
                <dd>
                    <JsonView value />
                </dd>
            </div>
        }
    });
    let steps = output.steps;
    view! {
        <dl class="facts figures">
            <div>
                <dt>{t.steps_done}</dt>
                <dd class="num">{format::number(lang, steps.into())}</dd>
            </div>
            {brought}
        </dl>
    }
    .into_any()
}
