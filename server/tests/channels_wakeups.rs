//! No wake-up is lost between a reader's look at the store and its wait, and should one be, it costs a heartbeat.
//!
//! The store is wrapped in one that commits an event right after a read, which is where a feed that subscribed later would miss it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "channels_wakeups/after_read.rs"]
mod after_read;
#[allow(dead_code)]
#[path = "channel_client/author.rs"]
mod author;
mod wrapped_store;

use after_read::AfterRead;
use author::Author;
use domain::{EventType, JobId, OwnerId};
use server::{
    events::{
        bus::Bus,
        feed::{Feed, FeedRequest, Next},
    },
    store::{Committed, Store, sqlite::SqliteStore},
};
use std::{sync::Arc, time::Duration};
use wrapped_store::{Call, WrappedStore};

const OWNER: OwnerId = OwnerId::from_bytes([1; 16]);
/// Far below any heartbeat, far above a commit.
const SOON: Duration = Duration::from_secs(10);

struct World {
    store: Arc<dyn Store>,
    after_read: Arc<AfterRead>,
    author: Author,
    bus: Bus,
    _data: tempfile::TempDir,
}

impl World {
    /// `tells`: whether commits reach the bus.
    fn new(tells: bool) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(data.path()).unwrap();
        let bus = Bus::new();
        let listener = bus.clone();
        store.on_commit(Arc::new(move |committed: &Committed| {
            if tells {
                listener.moved(&committed.heads);
            }
        }));
        let author = Author::new(store.clone(), OWNER);
        let after_read = Arc::new(AfterRead::default());
        let store = Arc::new(WrappedStore::new(store, Arc::clone(&after_read)));
        Self { store, after_read, author, bus, _data: data }
    }

    async fn open(&self, after: Option<u64>, job: Option<JobId>) -> Feed {
        let after = after.map(|seq| format!("{}.{seq}", self.store.epoch()));
        Feed::open(&self.store, &self.bus, OWNER, FeedRequest { after, job, fold: true, limit: 500 }).await.unwrap()
    }

    /// After the next read of this sort, and before its answer is seen, a job is accepted.
    fn commit_after(&self, read: Call) {
        let author = self.author.clone();
        self.after_read.after_next(read, move || async move {
            author.accept().await;
        });
    }
}

async fn next(feed: &mut Feed) -> Next {
    tokio::time::timeout(SOON, feed.next()).await.expect("a commit woke nobody").unwrap()
}

fn seqs(next: Next) -> Vec<u64> {
    match next {
        Next::Events(rows) => rows.iter().map(|row| row.seq).collect(),
        Next::End(end) => panic!("{end:?}"),
    }
}

#[tokio::test]
async fn a_commit_right_after_the_head_was_read_is_told() {
    let world = World::new(true);
    world.author.accept().await;
    world.commit_after(Call::Stream);
    let mut feed = world.open(None, None).await;
    assert_eq!(feed.cursor().seq, 1, "the head as read");
    assert_eq!(seqs(next(&mut feed).await), [2]);
}

#[tokio::test]
async fn a_commit_right_after_the_first_page_was_read_is_told() {
    let world = World::new(true);
    world.author.accept().await;
    world.commit_after(Call::Events);
    let mut feed = world.open(Some(0), None).await;
    assert_eq!(seqs(next(&mut feed).await), [1]);
    assert_eq!(seqs(next(&mut feed).await), [2]);
}

#[tokio::test]
async fn a_commit_right_after_a_later_page_was_read_is_told() {
    let world = World::new(true);
    let mut feed = world.open(Some(0), None).await;
    world.author.accept().await;
    for seq in 1..=20 {
        world.commit_after(Call::Events);
        assert_eq!(seqs(next(&mut feed).await), [seq]);
    }
}

#[tokio::test]
async fn an_end_between_two_reads_ends_the_jobs_feed() {
    for after in [None, Some(0)] {
        let world = World::new(true);
        let job = world.author.start().await;
        let author = world.author.clone();
        // The job runs when its row is read, and has ended when its events are.
        world.after_read.after_next(Call::Job, move || async move { author.succeed(job).await });
        let mut feed = world.open(after, Some(job.id)).await;
        let Next::Events(rows) = next(&mut feed).await else { panic!("the end itself is missing") };
        assert_eq!(rows.last().unwrap().type_, EventType::Succeeded);
        assert!(matches!(next(&mut feed).await, Next::End(end) if end.job == job.id));
    }
}

#[tokio::test]
async fn a_lost_wake_up_costs_a_heartbeat_and_nothing_else() {
    let world = World::new(false);
    let mut feed = world.open(None, None).await;
    world.author.accept().await;
    let beat = feed.heartbeat().await.unwrap();
    assert_eq!((beat.head.seq, beat.cursor.seq), (1, 0));
    assert_eq!(seqs(next(&mut feed).await), [1]);
}

#[tokio::test]
async fn a_feed_dropped_while_it_waits_has_lost_nothing() {
    let world = World::new(true);
    let mut feed = world.open(Some(0), None).await;
    for seq in 1..=50 {
        // Dropped at its first suspension, whichever that is.
        let dropped = tokio::time::timeout(Duration::ZERO, feed.next()).await;
        assert!(dropped.is_err());
        world.author.accept().await;
        let dropped = tokio::time::timeout(Duration::ZERO, feed.next()).await;
        let got = match dropped {
            Ok(got) => got.unwrap(),
            Err(_) => next(&mut feed).await,
        };
        assert_eq!(seqs(got), [seq]);
    }
}
