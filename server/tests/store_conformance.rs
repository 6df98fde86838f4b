//! The conformance suite: every promise of the `Store` trait, run against each driver.
//!
//! A driver adds itself by implementing [`fixture::Driver`] and one line at the end. The checks are plain functions over
//! `Arc<dyn Store>`; the names are the promises (invariants and rules of `engine.md`). Time is an argument throughout.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "store_conformance/accepting.rs"]
mod accepting;
#[path = "store_conformance/ageing.rs"]
mod ageing;
#[path = "store_conformance/ending.rs"]
mod ending;
#[path = "store_conformance/fixture.rs"]
mod fixture;
#[path = "store_conformance/known.rs"]
mod known;
#[path = "store_conformance/model.rs"]
mod model;
#[path = "store_conformance/owning.rs"]
mod owning;
#[path = "store_conformance/reading.rs"]
mod reading;
#[path = "store_conformance/timing.rs"]
mod timing;
#[path = "store_conformance/turns.rs"]
mod turns;
#[path = "store_conformance/waiting.rs"]
mod waiting;
#[path = "store_conformance/working.rs"]
mod working;

use fixture::{Bench, Sqlite};

macro_rules! check {
    ($driver:ident: $($module:ident { $($promise:ident)* })*) => { $($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $module::$promise(Bench::open($driver::fresh())).await;
        }
    )*)* };
}

/// The list of promises; every driver keeps all of them.
macro_rules! conformance {
    ($driver:ident) => { check! { $driver:
        accepting {
            an_accepted_job_is_there_after_reopening a_stream_is_gap_free_under_fifty_tasks
            the_same_key_makes_one_job_however_many_ask_at_once a_key_names_one_request_until_it_is_forgotten
            keys_of_different_owners_do_not_meet a_job_uses_only_its_owners_uploads
            an_upload_stays_as_long_as_a_job_uses_it a_large_input_comes_back_whole a_commit_tells_what_it_changed
        }
        working {
            a_claim_takes_each_job_once_and_in_order a_claim_takes_only_the_kinds_it_knows concurrent_claims_share_no_job
            a_stale_lease_writes_nothing a_renewal_tells_held_lost_and_cancel a_step_commits_its_events_together
            a_checkpoint_is_what_the_next_attempt_starts_with a_large_event_is_refused_and_leaves_nothing
            a_catalogue_batch_commits_with_its_step a_commit_tells_how_many_jobs_change_the_catalogue
            an_edit_is_made_of_what_it_expects_only
        }
        ending {
            success_is_kept_with_its_output_and_files a_large_output_is_on_the_row_but_not_in_the_log
            a_transient_failure_comes_back_when_it_is_due the_last_attempt_fails_for_good
            a_permanent_failure_ends_at_once_and_its_event_fits a_released_attempt_does_not_count
            exactly_one_of_cancel_finish_and_rescue_wins success_wins_over_a_cancel_that_came_too_late
            a_retry_after_a_cancel_becomes_cancelled
        }
        owning {
            what_has_not_started_is_cancelled_at_once a_running_job_is_asked_and_the_answer_repeats
            a_finished_job_is_cancelled_too_late another_owners_job_does_not_exist
            a_reopened_job_has_fresh_attempts_and_its_checkpoint a_job_reopened_from_the_start_forgets
            only_failed_and_cancelled_jobs_reopen
        }
        timing {
            what_is_due_is_queued_and_the_next_is_named a_dead_workers_job_is_queued_again_without_losing_an_attempt
            a_live_lease_is_not_rescued_and_neither_is_ones_own everything_running_is_rescued_at_start_up
            a_poison_job_ends_crashed a_checkpoint_that_moves_renews_the_crash_budget a_rescued_job_heeds_its_cancel
            an_attempt_that_ends_by_itself_renews_the_crash_budget jobs_that_crashed_together_twice_come_back_apart
            a_job_without_attempts_is_failed_by_the_claim
        }
        turns {
            owners_take_turns_however_many_jobs_one_has turns_survive_reopening
            a_high_priority_goes_first_in_its_own_lane_only a_position_counts_the_lane_and_the_turns_of_others
            a_claim_keeps_to_the_kinds_quotas what_was_cancelled_while_queued_leaves_the_turn_to_others
            what_does_not_start_in_time_expires what_waits_for_idleness_starts_when_there_is_nothing_else
        }
        waiting {
            a_waiting_job_is_queued_by_its_call_back_and_gives_the_attempt_back
            a_call_back_that_comes_before_the_wait_ends_it_at_once an_address_is_used_once
            a_call_back_is_delivered_until_a_checkpoint_has_taken_it what_an_attempt_has_seen_does_not_end_its_wait
            several_call_backs_come_in_order_and_each_wakes_the_job a_wait_that_is_over_fails_the_job
            a_wait_may_be_over_and_the_job_go_on an_expired_address_takes_nothing
            addresses_die_with_their_job_and_do_not_come_back a_waiting_job_is_cancelled_at_once
            a_cancel_that_was_asked_before_wins_over_the_wait a_waiting_job_survives_a_restart_and_no_worker_rescues_it
            a_job_may_wait_more_often_than_it_has_attempts a_stale_lease_gets_no_call_backs
        }
        reading {
            what_is_unfinished_is_found_in_every_state_and_nobody_elses
            jobs_come_newest_first_in_keyset_pages jobs_are_found_by_state_kind_and_text
            events_come_in_pages_and_say_whether_more_follow one_jobs_events_name_their_predecessor
            an_unknown_owner_has_an_empty_stream position_and_durations_are_counted
            a_snapshot_and_its_head_belong_together the_epoch_survives_reopening a_closed_store_says_so
            a_data_folder_has_one_process
        }
        ageing {
            above_the_floor_nothing_is_missing_in_whatever_order_jobs_end a_job_goes_as_a_whole_and_leaves_nothing
            a_slice_removes_no_more_than_it_may_and_the_next_goes_on a_key_of_yesterday_is_forgotten
            files_go_before_their_job_but_not_from_under_a_checkpoint an_owner_has_no_more_open_jobs_than_the_policy_allows
            uploads_side_by_side_stay_within_the_quota_together a_deleted_owner_leaves_no_row_and_others_keep_theirs
            a_deletion_that_was_interrupted_is_finished
        }
    } };
}

mod sqlite {
    use super::*;

    conformance!(Sqlite);

    #[test]
    fn any_course_of_events_is_the_models() {
        model::any_course_of_events_is_the_models(Sqlite::fresh);
    }
}
