//! What the process counts, as Prometheus text (exposition format 0.0.4).
//!
//! Written by hand: a dozen families do not need a registry, and most figures are counted already where they arise. Filled by the
//! executor (attempts) and the router (answers); `api::operations::metrics` serves [`Metrics::text`]. Decides nothing.
//! Invariant: counting costs an attempt or a request some atomic additions and nothing else; names and labels never carry what a
//! visitor wrote, so that their number is bounded.

use crate::store::{OutboxLoad, Statistics};
use domain::{JobState, Timestamp};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds of the histogram of attempts, in seconds.
const BOUNDS: [f64; 11] = [0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// The counters; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// Answers by the hundred of their status.
    answers: [AtomicU64; 6],
    attempts: Mutex<BTreeMap<String, Histogram>>,
    /// Attempts to send, by kind of endpoint and outcome; and how long from the event until it was taken.
    sent: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    taken: Mutex<BTreeMap<&'static str, Histogram>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum_s: f64,
}

/// What is counted elsewhere and belongs into the text.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// The store's own figures.
    pub store: Statistics,
    /// Workers in all.
    pub workers: usize,
    /// Open streams by channel.
    pub streams: Vec<(&'static str, usize)>,
    /// Open connections.
    pub connections: usize,
    /// What there is to send.
    pub outbox: OutboxLoad,
    /// When all of this is true.
    pub now: Option<Timestamp>,
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: u16) {
        if let Some(count) = self.0.answers.get(usize::from(status / 100)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Counts an attempt that has ended.
    pub fn attempted(&self, kind: &str, took: Duration) {
        let mut attempts = self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = match attempts.get_mut(kind) {
            Some(histogram) => histogram,
            None => attempts.entry(kind.to_owned()).or_default(),
        };
        histogram.count(took);
    }

    /// Counts an attempt to send; `since`: how long after the event it was taken, if it was.
    pub fn pushed(&self, kind: &'static str, outcome: &'static str, since: Option<Duration>) {
        *self.0.sent.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, outcome)).or_default() += 1;
        if let Some(since) = since {
            self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().count(since);
        }
    }

    /// Everything, as a scrape reads it.
    pub fn text(&self, gauges: &Gauges) -> String {
        let mut page = Page::default();
        let Gauges { store, workers, streams, connections, .. } = gauges;
        page.family("meanwhile_jobs", "gauge", "Unfinished jobs.");
        for (kind, state, count) in &store.unfinished {
            page.line("meanwhile_jobs", &[("kind", kind), ("state", state.as_str())], *count);
        }
        page.family("meanwhile_jobs_accepted_total", "counter", "Jobs accepted since the start.");
        for (kind, count) in &store.accepted {
            page.line("meanwhile_jobs_accepted_total", &[("kind", kind)], *count);
        }
        page.family("meanwhile_jobs_finished_total", "counter", "Jobs that ended since the start.");
        for (kind, outcome, count) in &store.finished {
            page.line("meanwhile_jobs_finished_total", &[("kind", kind), ("outcome", outcome.as_str())], *count);
        }
        let running = |(_, state, _): &&(String, JobState, u64)| *state == JobState::Running;
        let busy: u64 = store.unfinished.iter().filter(running).map(|(_, _, count)| count).sum();
        page.family("meanwhile_workers", "gauge", "Workers in all.");
        page.line("meanwhile_workers", &[], *workers);
        page.family("meanwhile_workers_busy", "gauge", "Workers that have a job.");
        page.line("meanwhile_workers_busy", &[], busy);
        let attempts = self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let attempts = attempts.iter().map(|(kind, histogram)| (kind.as_str(), *histogram));
        page.histogram("meanwhile_attempt_seconds", "How long attempts took, however they ended.", attempts);
        self.push(&mut page, gauges);
        page.family("meanwhile_commits_total", "counter", "Transactions committed by the store.");
        page.line("meanwhile_commits_total", &[], store.commits);
        page.family("meanwhile_commit_commands_total", "counter", "Commands in them: by commits, the size of a batch.");
        page.line("meanwhile_commit_commands_total", &[], store.commands);
        page.family(
            "meanwhile_commit_seconds_total",
            "counter",
            "Time that they took: by commits, how long one takes.",
        );
        page.line("meanwhile_commit_seconds_total", &[], store.commit_s);
        page.family("meanwhile_streams", "gauge", "Open streams: SSE, WebSocket and held polls.");
        for (channel, count) in streams {
            page.line("meanwhile_streams", &[("channel", channel)], *count);
        }
        page.family("meanwhile_connections", "gauge", "Open connections.");
        page.line("meanwhile_connections", &[], *connections);
        page.family("meanwhile_http_answers_total", "counter", "Answers, by the class of their status.");
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(self.0.answers.iter().skip(1)) {
            page.line("meanwhile_http_answers_total", &[("status", class)], count.load(Relaxed));
        }
        page.0
    }

    fn push(&self, page: &mut Page, gauges: &Gauges) {
        let Gauges { outbox, now, .. } = gauges;
        page.family("meanwhile_push_deliveries", "gauge", "Deliveries that have not ended.");
        for (kind, state, count) in &outbox.pending {
            let labels = [("kind", kind.as_str()), ("state", state.as_str())];
            page.line("meanwhile_push_deliveries", &labels, *count);
        }
        page.family("meanwhile_push_attempts_total", "counter", "Attempts to send since the start.");
        for ((kind, outcome), count) in self.0.sent.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.line("meanwhile_push_attempts_total", &[("kind", kind), ("outcome", outcome)], count);
        }
        let taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.histogram("meanwhile_push_seconds", "From an event until its delivery was taken.", taken.into_iter());
        page.family(
            "meanwhile_push_oldest_due_seconds",
            "gauge",
            "How long the oldest delivery that is due has been so.",
        );
        let age_ms = outbox.oldest_due.zip(*now).map_or(0, |(due, now)| now.ms_since(due).max(0));
        page.line("meanwhile_push_oldest_due_seconds", &[], Duration::from_millis(age_ms.unsigned_abs()).as_secs_f64());
    }
}

impl Histogram {
    fn count(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.count += 1;
        self.sum_s += seconds;
        if let Some(at) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[at] += 1;
        }
    }
}

/// The text as it grows; writing into a `String` cannot fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, type_: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {type_}");
    }

    fn histogram<'k>(&mut self, name: &str, help: &str, all: impl Iterator<Item = (&'k str, Histogram)>) {
        self.family(name, "histogram", help);
        for (kind, histogram) in all {
            let mut upto = 0;
            for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
                upto += count;
                self.line(&format!("{name}_bucket"), &[("kind", kind), ("le", &bound.to_string())], upto);
            }
            self.line(&format!("{name}_bucket"), &[("kind", kind), ("le", "+Inf")], histogram.count);
            self.line(&format!("{name}_sum"), &[("kind", kind)], histogram.sum_s);
            self.line(&format!("{name}_count"), &[("kind", kind)], histogram.count);
        }
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{escaped}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound_and_all() {
        let metrics = Metrics::default();
        for ms in [1, 20, 20, 999_000_000] {
            metrics.attempted("a\"b", Duration::from_millis(ms));
        }
        let text = metrics.text(&Gauges::default());
        for line in [
            "meanwhile_attempt_seconds_bucket{kind=\"a\\\"b\",le=\"0.005\"} 1",
            "meanwhile_attempt_seconds_bucket{kind=\"a\\\"b\",le=\"0.025\"} 3",
            "meanwhile_attempt_seconds_bucket{kind=\"a\\\"b\",le=\"7200\"} 3",
            "meanwhile_attempt_seconds_bucket{kind=\"a\\\"b\",le=\"+Inf\"} 4",
            "meanwhile_attempt_seconds_count{kind=\"a\\\"b\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn every_line_belongs_to_a_family_that_was_announced() {
        let metrics = Metrics::default();
        metrics.attempted("rehearsal", Duration::from_millis(1));
        metrics.answered(200);
        let gauges = Gauges { streams: vec![("sse", 2)], ..Gauges::default() };
        let text = metrics.text(&gauges);
        let mut family = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(type_) => family = type_.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => assert!(line.starts_with(family), "{line} after {family}"),
            }
        }
        assert!(text.contains("meanwhile_streams{channel=\"sse\"} 2"));
        assert!(text.contains("meanwhile_http_answers_total{status=\"2xx\"} 1"));
    }
}
