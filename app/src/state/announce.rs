//! What of the jobs' course is worth saying aloud: changes of state and each quarter of the way.
//!
//! Compared by the activity dock, which words it. Pure. Invariant: a job that is merely loaded late (an older one) says nothing.

use domain::{Job, JobId, JobState};
use std::collections::BTreeMap;

/// What is compared of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glimpse {
    state: JobState,
    /// 0 to 4.
    quarter: u8,
}

impl Glimpse {
    /// What is compared of a job.
    pub fn of(job: &Job) -> Self {
        let percent = job.progress.as_ref().and_then(|progress| progress.percent());
        Self { state: job.state, quarter: percent.unwrap_or(0) / 25 }
    }
}

/// Something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A job is in another state.
    Became(JobId, JobState),
    /// A job has done so many quarters, 1 to 3.
    Quarter(JobId, u8),
}

/// What happened between two looks.
pub fn compare(before: &BTreeMap<JobId, Glimpse>, now: &BTreeMap<JobId, Glimpse>) -> Vec<News> {
    let newest = before.keys().next_back();
    now.iter()
        .filter_map(|(&id, now)| match before.get(&id) {
            None => newest.is_none_or(|newest| id > *newest).then_some(News::Became(id, now.state)),
            Some(before) if before.state != now.state => Some(News::Became(id, now.state)),
            Some(before) if now.quarter > before.quarter && now.quarter < 4 => Some(News::Quarter(id, now.quarter)),
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> JobId {
        JobId::from_bytes([byte; 16])
    }

    fn look(jobs: &[(u8, JobState, u8)]) -> BTreeMap<JobId, Glimpse> {
        jobs.iter().map(|&(byte, state, quarter)| (id(byte), Glimpse { state, quarter })).collect()
    }

    #[test]
    fn states_and_quarters_are_said_once_and_nothing_else() {
        let before = look(&[(1, JobState::Running, 0), (2, JobState::Running, 1), (3, JobState::Queued, 0)]);
        let now = look(&[(1, JobState::Running, 2), (2, JobState::Running, 1), (3, JobState::Running, 0)]);
        assert_eq!(compare(&before, &now), [News::Quarter(id(1), 2), News::Became(id(3), JobState::Running)]);
        assert_eq!(compare(&now, &now), []);
        let ended = look(&[(1, JobState::Succeeded, 4), (2, JobState::Running, 4)]);
        assert_eq!(compare(&now, &ended), [News::Became(id(1), JobState::Succeeded)]);
    }

    #[test]
    fn a_new_job_is_said_and_an_old_one_loaded_late_is_not() {
        let before = look(&[(5, JobState::Running, 0)]);
        let now = look(&[(2, JobState::Failed, 0), (5, JobState::Running, 0), (7, JobState::Queued, 0)]);
        assert_eq!(compare(&before, &now), [News::Became(id(7), JobState::Queued)]);
    }
}
