//! Estimates and reasons, from rows and counts made up here.

use super::*;
use crate::store::Load;
use domain::{JobId, OwnerId, Progress};

fn row(state: JobState) -> JobRow {
    JobRow {
        id: JobId::from_bytes([1; 16]),
        owner: OwnerId::from_bytes([2; 16]),
        kind: "rehearsal".into(),
        label: None,
        state,
        input: "{}".into(),
        created_at: Timestamp(0),
        started_at: None,
        first_started_at: None,
        finished_at: None,
        attempt: 0,
        max_attempts: 3,
        timeout_ms: 1000,
        due_at: None,
        priority: 0,
        run_at: None,
        deferral: None,
        start_by: None,
        waiting: None,
        cancel_requested_at: None,
        resumable: false,
        progress: None,
        output: None,
        failure: None,
        origin: None,
        jseq: 1,
    }
}

fn history(ahead: u64, running: u64, durations_ms: &[i64]) -> QueueState {
    let load = Load { queued: ahead, running, idle: 0 };
    QueueState { ahead, load, running_of_kind: running, durations_ms: durations_ms.to_vec() }
}

#[test]
fn an_estimate_comes_from_history_until_the_job_has_a_pace_of_its_own() {
    let ten = [9000, 1000, 5000, 3000, 7000, 2000, 8000, 4000, 6000, 10_000];
    let mut job = row(JobState::Running);
    (job.started_at, job.first_started_at) = (Some(Timestamp(0)), Some(Timestamp(0)));
    job.attempt = 1;
    assert_eq!(eta(&job, &history(0, 1, &[]), Timestamp(0)), None);
    assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(0)), Some([3, 9]));
    assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(2000)), Some([1, 7]));
    assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(60_000)), None, "longer at it than all the others were");
    job.progress = Some(Progress { done: 1, total: Some(5), unit: None, note: None });
    assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(15_000)), Some([48, 78]), "four times 15 s are left");
    job.first_started_at = Some(Timestamp(-9000));
    assert_eq!(eta(&job, &history(0, 1, &[]), Timestamp(15_000)), None, "it waited, and began in the middle");
    job.attempt = 2;
    assert_eq!(eta(&job, &history(0, 1, &[]), Timestamp(15_000)), None, "resumed: its pace is not known");
}

#[test]
fn an_estimate_of_a_job_that_waits_counts_the_turns_before_it() {
    assert_eq!(eta(&row(JobState::Queued), &history(4, 2, &[1000]), Timestamp(0)), Some([3, 3]));
    let mut retrying = row(JobState::Retrying);
    retrying.due_at = Some(Timestamp(5000));
    assert_eq!(eta(&retrying, &history(0, 0, &[1000]), Timestamp(2000)), Some([4, 4]));
    let idle = JobRow { deferral: Some(Deferral::Idle), ..row(JobState::Scheduled) };
    assert_eq!(eta(&idle, &history(0, 0, &[1000]), Timestamp(2000)), None, "nobody knows when there is nothing to do");
}

#[test]
fn every_unfinished_state_says_why() {
    let why = |row: &JobRow, state: &QueueState, rules: Rules, now| why(row, state, &rules, Timestamp(now));
    let code = |row: &JobRow, state: &QueueState, now| why(row, state, Rules::default(), now).code;
    let idle = history(0, 0, &[]);
    assert_eq!(code(&row(JobState::Queued), &history(3, 8, &[]), 0), "ahead");
    assert_eq!(code(&row(JobState::Queued), &history(0, 8, &[]), 0), "next");
    assert_eq!(code(&row(JobState::Queued), &history(0, 8, &[]), 1000), "workers-busy");
    assert_eq!(code(&row(JobState::Running), &idle, 0), "running");
    assert_eq!(code(&row(JobState::Retrying), &idle, 0), "backing-off");
    assert_eq!(code(&row(JobState::Scheduled), &idle, 0), "scheduled");
    let cancelling = JobRow { cancel_requested_at: Some(Timestamp(1)), ..row(JobState::Running) };
    assert_eq!(code(&cancelling, &idle, 0), "cancelling");

    let limited = || Rules { parallel: Some(2), ..Rules::default() };
    assert_eq!(why(&row(JobState::Queued), &history(0, 2, &[]), limited(), 0).code, "kind-limit");
    assert_eq!(why(&row(JobState::Queued), &history(1, 1, &[]), limited(), 0).code, "ahead", "below its limit");
    let paced = why(&row(JobState::Queued), &idle, Rules { paced: Some(30), ..Rules::default() }, 0);
    assert_eq!((paced.code.as_str(), &paced.params["per_minute"]), ("kind-rate", &30.into()));

    let quiet = JobRow { deferral: Some(Deferral::Quiet), due_at: Some(Timestamp(0)), ..row(JobState::Scheduled) };
    let rules = Rules { quiet: ["22:00".into(), "06:00".into(), "UTC".into()], ..Rules::default() };
    let reason = why(&quiet, &idle, rules, 0);
    assert_eq!((reason.code.as_str(), &reason.params["zone"]), ("quiet-hours", &"UTC".into()));
    let waiting = JobRow { deferral: Some(Deferral::Idle), start_by: Some(Timestamp(9)), ..row(JobState::Scheduled) };
    let reason = why(&waiting, &history(3, 4, &[]), Rules::default(), 0);
    assert_eq!((reason.code.as_str(), &reason.params["unfinished"]), ("idle", &7.into()));
    assert_eq!(reason.params["start_by"], "1970-01-01T00:00:00.009Z");
}
