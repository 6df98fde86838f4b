//! The table of sentences: one field each, in the order of the pages.
//!
//! Filled twice, by `en` and `fr`; views read it through [`super::t`]. Plurals and word order are each language's own, hence functions.

use super::Lang;
use domain::{Job, JobId, JobState, kinds};

/// Every sentence of the interface but those behind a code and those of the live channel.
// The English table says what each is; a sentence about each sentence would say it again.
#[allow(missing_docs)]
pub struct Strings {
    pub lang: Lang,

    // The frame.
    pub skip: &'static str,
    pub main_navigation: &'static str,
    pub you_are_here: &'static str,
    pub work: &'static str,
    pub catalogue: &'static str,
    pub language: &'static str,
    pub theme: &'static str,
    pub theme_auto: &'static str,
    pub theme_light: &'static str,
    pub theme_dark: &'static str,
    pub motto: &'static str,
    pub api: &'static str,
    pub loading: &'static str,
    pub back: &'static str,
    pub pages: &'static str,
    pub not_found_title: &'static str,
    pub not_found_text: &'static str,
    pub back_to_work: &'static str,

    // States.
    pub state_sending: &'static str,
    pub state_cancelling: &'static str,
    pub state_scheduled: &'static str,
    pub state_queued: &'static str,
    pub state_running: &'static str,
    pub state_waiting: &'static str,
    pub state_retrying: &'static str,
    pub state_succeeded: &'static str,
    pub state_failed: &'static str,
    pub state_cancelled: &'static str,
    pub text_scheduled: &'static str,
    pub text_queued: &'static str,
    pub text_running: &'static str,
    pub text_waiting: &'static str,
    pub text_retrying: &'static str,
    pub text_succeeded: &'static str,
    pub text_failed: &'static str,
    pub text_cancelled: &'static str,
    pub why_cancelling: &'static str,
    pub why_retrying: fn(&str) -> String,
    pub finished_in: fn(&str) -> String,
    pub place: fn(&str) -> String,
    pub that_is: fn(&str) -> String,

    // Work.
    pub work_heading: &'static str,
    pub promise: &'static str,
    pub submit_heading: &'static str,
    pub kinds_of_work: &'static str,
    pub kind_rehearsal: &'static str,
    pub kind_import: &'static str,
    pub text_rehearsal: &'static str,
    pub text_import: &'static str,
    pub label: &'static str,
    pub label_hint: &'static str,
    pub answer_me: &'static str,
    pub at_once: &'static str,
    pub at_once_hint: &'static str,
    pub wait_up_to: fn(u64) -> String,
    pub wait_hint: &'static str,
    pub when_and_how: &'static str,
    pub start: &'static str,
    pub start_now: &'static str,
    pub start_now_hint: &'static str,
    pub start_at: &'static str,
    pub start_at_hint: &'static str,
    pub start_quiet: &'static str,
    pub start_quiet_hint: &'static str,
    pub start_idle: &'static str,
    pub start_idle_hint: &'static str,
    pub moment_utc: &'static str,
    pub moment_local: &'static str,
    pub start_within: &'static str,
    pub start_within_hint: &'static str,
    pub max_attempts: &'static str,
    pub max_attempts_hint: &'static str,
    pub priority: &'static str,
    pub priority_hint: &'static str,
    pub priority_low: &'static str,
    pub priority_normal: &'static str,
    pub priority_high: &'static str,
    pub submit: &'static str,
    pub sending_hint: &'static str,
    pub dismiss: &'static str,
    pub accepted_in: fn(&str) -> String,
    pub waited_for: fn(&str) -> String,
    pub waited_in_vain: fn(&str) -> String,
    pub already_accepted: &'static str,
    pub open_job: fn(&str) -> String,
    pub my_jobs: &'static str,
    pub filter_jobs: &'static str,
    pub filter_all: &'static str,
    pub filter_active: &'static str,
    pub filter_failed: &'static str,
    pub filter_done: &'static str,
    pub no_jobs_heading: &'static str,
    pub no_jobs_text: &'static str,
    pub no_jobs_here: &'static str,
    pub older: &'static str,
    pub newest: &'static str,

    // Forms.
    pub error_summary: &'static str,
    pub steps: &'static str,
    pub steps_hint: &'static str,
    pub step_ms: &'static str,
    pub step_ms_hint: &'static str,
    pub partials: &'static str,
    pub partials_hint: &'static str,
    pub hold: &'static str,
    pub hold_hint: &'static str,
    pub make_it_wait: &'static str,
    pub wait_at: &'static str,
    pub wait_at_hint: &'static str,
    pub wait_s: &'static str,
    pub wait_s_hint: &'static str,
    pub wait_timeout: &'static str,
    pub wait_fail: &'static str,
    pub wait_resume: &'static str,
    pub make_it_fail: &'static str,
    pub fail_at: &'static str,
    pub fail_at_hint: &'static str,
    pub failure_mode: &'static str,
    pub mode_transient: &'static str,
    pub mode_permanent: &'static str,
    pub mode_panic: &'static str,
    pub mode_hang: &'static str,
    pub fail_attempts: &'static str,
    pub fail_attempts_hint: &'static str,
    pub file: &'static str,
    pub file_hint: &'static str,
    pub file_again_hint: &'static str,
    pub uploading: &'static str,
    pub edit_and_retry: &'static str,
    pub edit_text: &'static str,
    pub retry_edited: &'static str,

    // Actions.
    pub cancel: &'static str,
    pub cancelling: &'static str,
    pub cancel_stopped: &'static str,
    pub cancel_requested: &'static str,
    pub cancel_too_late: &'static str,
    pub retry: &'static str,
    pub retrying: &'static str,
    pub resume: &'static str,
    pub start_over: &'static str,
    pub waiting_no_worker: &'static str,
    pub waiting_ends: fn(&str) -> String,
    pub waiting_until: fn(&str) -> String,
    pub callback_answer: &'static str,
    pub callback_hint: &'static str,
    pub send_callback: &'static str,
    pub called_back: &'static str,
    pub callback_brought: &'static str,
    pub next_step: &'static str,
    pub next_step_hint: &'static str,

    // Progress.
    pub progress_none_yet: &'static str,
    pub progress_of: fn(&str) -> String,
    pub running_for: fn(&str) -> String,
    pub took: fn(&str) -> String,
    pub time_left: fn(&str) -> String,
    pub attempt_of: fn(u64, u64) -> String,

    // Job page.
    pub where_it_stands: &'static str,
    pub facts: &'static str,
    pub kind: &'static str,
    pub accepted: &'static str,
    pub finished: &'static str,
    pub runs_from: &'static str,
    pub edited_from: &'static str,
    pub id: &'static str,
    pub result: &'static str,
    pub result_link: &'static str,
    pub partials_heading: &'static str,
    pub rejects_heading: &'static str,
    pub step_done: fn(&str) -> String,
    pub steps_done: &'static str,
    pub created: &'static str,
    pub updated: &'static str,
    pub unchanged: &'static str,
    pub rows: &'static str,
    pub rejected: &'static str,
    pub open_catalogue: &'static str,
    pub download_rejects: &'static str,
    pub rejects_more: fn(&str, &str) -> String,
    pub line: &'static str,
    pub column: &'static str,
    pub reason: &'static str,
    pub failed_heading: &'static str,
    pub cancelled_heading: &'static str,
    pub retrying_heading: &'static str,
    pub done_so_far: &'static str,
    pub nothing_done: &'static str,
    pub after_attempts: fn(u64) -> String,
    pub next_attempt: fn(u64, u64, &str) -> String,
    pub technical: &'static str,
    pub attempts: &'static str,
    pub attempt: &'static str,
    pub started: &'static str,
    pub lasted: &'static str,
    pub outcome: &'static str,
    pub no_attempts: &'static str,
    pub attempt_released: &'static str,
    pub attempt_lost: &'static str,
    pub attempt_waited: &'static str,

    // Timeline.
    pub timeline: &'static str,
    pub left_out: fn(&str) -> String,
    pub event_accepted: &'static str,
    pub event_queued: &'static str,
    pub event_started: fn(u64) -> String,
    pub event_resumed_attempt: fn(u64) -> String,
    pub event_progress: &'static str,
    pub event_partials: fn(u64) -> String,
    pub event_attempt_failed: fn(u64, &str) -> String,
    pub event_retry_scheduled: fn(&str) -> String,
    pub event_waiting: &'static str,
    pub event_resumed: &'static str,
    pub event_resumed_timeout: &'static str,
    pub event_released_drain: &'static str,
    pub event_released_lost: &'static str,
    pub event_cancel_requested: &'static str,
    pub event_succeeded: &'static str,
    pub event_failed: &'static str,
    pub event_cancelled: &'static str,
    pub event_reopened: &'static str,
    pub event_reopened_start: &'static str,
    pub event_unknown: &'static str,

    // Catalogue.
    pub catalogue_text: &'static str,
    pub search_products: &'static str,
    pub search: &'static str,
    pub as_of: &'static str,
    pub revision: fn(&str) -> String,
    pub products_count: fn(u64) -> String,
    pub being_changed: fn(u64) -> String,
    pub product: &'static str,
    pub handle: &'static str,
    pub vendor: &'static str,
    pub variants: &'static str,
    pub price: &'static str,
    pub changed: &'static str,
    pub next_page: &'static str,
    pub first_page: &'static str,
    pub no_products: &'static str,
    pub no_products_text: &'static str,
    pub no_products_found: &'static str,
    pub no_products_found_text: &'static str,
    pub all_products: &'static str,
    pub import_now: &'static str,

    // Your data.
    pub your_data: &'static str,
    pub your_data_text: &'static str,
    pub kept_heading: &'static str,
    pub kept_jobs: fn(u32) -> String,
    pub kept_results: fn(u32) -> String,
    pub kept_uploads: &'static str,
    pub kept_cookie: &'static str,
    pub kept_catalogue: &'static str,
    pub delete_data: &'static str,
    pub delete_data_text: &'static str,
    pub delete_confirm: &'static str,
    pub delete_first_confirm: &'static str,
    pub deleted_data: &'static str,
}

impl Strings {
    /// A kind's name; of one that has no words here, the name in the API.
    pub fn kind_name<'a>(&self, kind: &'a str) -> &'a str {
        match kind {
            kinds::rehearsal::NAME => self.kind_rehearsal,
            kinds::catalogue_import::NAME => self.kind_import,
            kinds::bulk::RETRY => super::operations::operations(self.lang).kind_bulk_retry,
            kinds::bulk::CANCEL => super::operations::operations(self.lang).kind_bulk_cancel,
            other => other,
        }
    }

    /// What a kind is for.
    pub fn kind_text(&self, kind: &str) -> &'static str {
        match kind {
            kinds::rehearsal::NAME => self.text_rehearsal,
            kinds::catalogue_import::NAME => self.text_import,
            _ => "",
        }
    }

    /// The heading over a kind's partial results.
    pub fn partials_title(&self, kind: &str) -> &'static str {
        match kind {
            kinds::catalogue_import::NAME => self.rejects_heading,
            _ => self.partials_heading,
        }
    }

    /// What a job is called: its label, or its kind and the end of its id.
    pub fn title_of(&self, job: &Job) -> String {
        job.label.clone().unwrap_or_else(|| format!("{} {}", self.kind_name(&job.kind), short_id(job.id)))
    }

    /// A state as a sentence, for when the service gives no reason.
    pub fn state_text(&self, state: JobState) -> &'static str {
        match state {
            JobState::Scheduled => self.text_scheduled,
            JobState::Queued => self.text_queued,
            JobState::Running => self.text_running,
            JobState::Waiting => self.text_waiting,
            JobState::Retrying => self.text_retrying,
            JobState::Succeeded => self.text_succeeded,
            JobState::Failed => self.text_failed,
            JobState::Cancelled => self.text_cancelled,
        }
    }

    /// The label of the field that a pointer is about; of one without a field, its own name.
    pub fn field_name<'a>(&self, pointer: &'a str) -> &'a str {
        match pointer {
            "/input/steps" => self.steps,
            "/input/step_ms" => self.step_ms,
            "/input/partials" => self.partials,
            "/input/hold" => self.hold,
            "/input/fail_at" => self.fail_at,
            "/input/failure" => self.failure_mode,
            "/input/fail_attempts" => self.fail_attempts,
            "/input/wait_at" => self.wait_at,
            "/input/wait_s" => self.wait_s,
            "/input/wait_timeout" => self.wait_timeout,
            "/input/upload" => self.file,
            "/label" => self.label,
            "/run_at" => self.start,
            "/start_within_s" => self.start_within,
            "/priority" => self.priority,
            "/max_attempts" => self.max_attempts,
            "/kind" => self.kind,
            other => other.rsplit('/').next().unwrap_or(other),
        }
    }
}

/// The end of an id, its random part: enough to tell a page's jobs apart.
pub fn short_id(id: JobId) -> String {
    id.to_string().chars().skip(30).collect()
}
