//! The conformance suite of the outbox: every promise of the `Outbox` trait, run against each driver.
//!
//! As `store_conformance`, whose drivers and jobs it uses. Time is an argument throughout.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "outbox_conformance/ageing.rs"]
mod ageing;
#[path = "outbox_conformance/ending.rs"]
mod ending;
#[path = "store_conformance/fixture.rs"]
#[allow(dead_code, reason = "its other users need more of it")]
mod fixture;
#[path = "outbox_conformance/gathering.rs"]
mod gathering;
#[path = "outbox_conformance/model.rs"]
mod model;
#[path = "outbox_conformance/owning.rs"]
mod owning;
#[path = "outbox_conformance/post.rs"]
mod post;
#[path = "outbox_conformance/sending.rs"]
mod sending;
#[path = "outbox_conformance/telling.rs"]
mod telling;

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
        telling {
            an_event_and_its_deliveries_are_there_together an_endpoint_is_told_of_what_it_asked_for
            a_job_may_say_otherwise whoever_has_no_endpoint_is_told_nothing a_fallback_and_a_digest_are_due_later
            a_commit_tells_when_something_is_due
        }
        sending {
            first_attempts_are_made_in_order_and_one_at_a_time a_retry_holds_up_nothing_and_comes_when_it_is_due
            many_deliveries_of_one_endpoint_delay_no_other a_held_host_is_left_alone_except_by_hand
            a_stale_lease_writes_nothing_to_a_delivery an_attempt_that_was_cut_off_comes_first_and_under_the_same_id
            what_is_put_off_was_never_attempted a_message_that_kills_is_given_up_in_the_end
            a_claim_has_all_that_a_message_needs
        }
        gathering {
            a_digest_tells_what_waits_in_one_message a_digest_says_the_same_at_every_attempt
            what_a_digest_did_not_tell_goes_back_to_its_place a_cancelled_digest_leaves_the_rest_to_the_next
        }
        ending {
            an_endpoint_that_is_gone_takes_everything_with_it nothing_of_before_a_pause_is_made_up_for
            a_removed_endpoint_keeps_no_secret_and_its_log_stays much_that_ends_with_its_endpoint_reads_as_ended_at_once
            what_is_under_way_when_its_endpoint_goes_is_noted a_cancelled_delivery_is_not_sent_and_ends_once
            what_was_under_way_when_it_was_cancelled_is_noted what_is_sent_again_keeps_its_id_and_gets_a_fresh_course
        }
        owning {
            an_address_is_added_once_and_a_limited_number_of_them a_new_subscription_takes_the_place_of_the_old_one
            nobody_sees_or_touches_what_is_anothers an_address_is_told_nothing_until_it_is_confirmed
            a_browsers_steps_count_the_first_time_and_reach_a_fallback deliveries_are_listed_newest_first_in_pages
            a_rotated_secret_signs_beside_the_one_before
        }
        ageing {
            a_job_stays_until_all_of_it_is_told deliveries_go_with_their_job_and_tests_by_age
            when_an_owner_goes_nothing_is_sent_and_no_address_stays a_restored_or_restarted_store_sends_what_was_under_way
        }
        model { random_courses_keep_every_promise }
    } };
}

conformance!(Sqlite);
