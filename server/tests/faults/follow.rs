//! Follows an owner's stream by polling until everything in it has ended, and judges each event on the way.
//!
//! Used by the ledger. Every event must continue the one before, of the stream and of its job, and be possible in the job's state;
//! in the end each row that the API lists must be the fold of the job's events (`domain::event::fold`).
//! A write by a worker whose lease is over shows as an event that its job's state does not allow, or as a step taken twice.

use domain::{
    Event, EventType, Job, JobId,
    api::{EventPage, JobList},
    event::{begin, fold, next_state},
};
use reqwest::Client;
use serde::de::DeserializeOwned;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Nothing new for so long: what is missing will not come.
const PATIENCE: Duration = Duration::from_secs(90);

/// A job as its events tell it.
pub struct Followed {
    pub job: Job,
    pub partials: Vec<u64>,
}

/// A whole stream.
pub struct Stream {
    pub jobs: HashMap<JobId, Followed>,
    pub events: usize,
}

/// From the beginning until these jobs, and all others of the stream, have ended.
pub async fn follow(client: &Client, base: &str, cookie: &str, promised: &[JobId]) -> Stream {
    let snapshot: JobList = get(client, base, cookie, "/api/v1/jobs?limit=1").await;
    let mut cursor = snapshot.cursor.at(0);
    let mut stream = Stream { jobs: HashMap::new(), events: 0 };
    let mut moved_at = Instant::now();
    loop {
        let path = format!("/api/v1/events?after={cursor}&limit=500&wait=5&fold=false");
        let page: EventPage = get(client, base, cookie, &path).await;
        if !page.items.is_empty() {
            moved_at = Instant::now();
        }
        for event in &page.items {
            stream.take(event);
        }
        cursor = page.next_cursor;
        let left: Vec<_> = stream.unfinished().collect();
        if !page.more && left.is_empty() && promised.iter().all(|id| stream.jobs.contains_key(id)) {
            break;
        }
        assert!(moved_at.elapsed() < PATIENCE, "lost: promised and never heard of, or never ended: {left:?}");
    }
    stream.compare(client, base, cookie).await;
    stream
}

impl Stream {
    fn unfinished(&self) -> impl Iterator<Item = (JobId, &str)> {
        let jobs = self.jobs.values().map(|followed| &followed.job);
        jobs.filter(|job| !job.state.is_terminal()).map(|job| (job.id, job.state.as_str()))
    }

    fn take(&mut self, event: &Event) {
        self.events += 1;
        assert_eq!((event.prev, event.seq), (self.events as u64 - 1, self.events as u64), "a gap in the stream");
        let Some(followed) = self.jobs.get_mut(&event.job) else {
            let job = begin(event).unwrap_or_else(|| panic!("a log begins with {event:?}"));
            assert_eq!(event.jseq, 1);
            self.jobs.insert(event.job, Followed { job, partials: Vec::new() });
            return;
        };
        let Followed { job, partials } = followed;
        assert_eq!(event.jseq, job.jseq + 1, "a gap in the log of {}", job.id);
        assert!(
            next_state(Some(job.state), event.type_, false).is_some(),
            "{} is {:?} and got {event:?}",
            job.id,
            job.state
        );
        match event.type_ {
            EventType::Partial => partials.push(event.data["step"].as_u64().unwrap()),
            // Anew from the first step.
            EventType::Reopened => partials.clear(),
            _ => {}
        }
        fold(job, event);
    }

    /// The rows that the API lists are these jobs, each as its events have made it.
    async fn compare(&self, client: &Client, base: &str, cookie: &str) {
        let (mut next, mut listed) = (Some("/api/v1/jobs?limit=200".to_owned()), 0);
        while let Some(path) = next {
            let page: JobList = get(client, base, cookie, &path).await;
            for row in &page.items {
                let job = &self.jobs[&row.id].job;
                let told = (job.state, job.jseq, job.attempt, job.max_attempts, job.started_at, job.finished_at);
                let held = (row.state, row.jseq, row.attempt, row.max_attempts, row.started_at, row.finished_at);
                assert_eq!(told, held, "{}: the fold of its events is not its row", row.id);
                assert_eq!((&job.progress, &job.failure, &job.result), (&row.progress, &row.failure, &row.result));
                listed += 1;
            }
            next = page.next;
        }
        assert_eq!(listed, self.jobs.len(), "jobs in the list and in the stream");
    }
}

async fn get<T: DeserializeOwned>(client: &Client, base: &str, cookie: &str, path: &str) -> T {
    let response = client.get(format!("{base}{path}")).header("cookie", cookie).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap()
}
