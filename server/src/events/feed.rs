//! A feed: a cursor turned into ordered events, the one loop behind every channel.
//!
//! Opened by `channels::{poll, sse, ws}`. Parses and authorises the cursor, reads pages from the newest events or the store, folds them ([`super::fold`]),
//! waits for the head to move. Holds a position and no events, so a slow reader costs nothing. Knows no encoding.
//! Invariant: the wake-up is subscribed to before the store is first read; a commit in between is read, or wakes, or both.

use super::{bus::Bus, fold, wire};
use crate::store::{EventRow, EventsRead, Store, StoreError, StreamState};
use domain::{
    Cursor, JobId, OwnerId,
    frame::{End, Heartbeat, Hello, Reset},
};
use std::{sync::Arc, time::Instant};
use tokio::sync::watch;

/// Most events of a page.
pub const PAGE_EVENTS: usize = 500;
/// Bytes at which a page ends early: what a reader that does not read holds in memory.
const PAGE_BYTES: usize = 256 * 1024;

/// What a client asks to follow.
#[derive(Debug, Clone)]
pub struct FeedRequest {
    /// Cursor to start after, as sent; none for the head.
    pub after: Option<String>,
    /// Only this job.
    pub job: Option<JobId>,
    /// Whether older progress may be left out for a newer one.
    pub fold: bool,
    /// Most events of a page.
    pub limit: usize,
}

/// Why a feed cannot be opened or continued.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The text is no cursor, or one of a feed of another kind.
    #[error("{0}")]
    BadCursor(&'static str),
    /// No such job of this owner.
    #[error("no such job")]
    NoSuchJob,
    /// The cursor cannot be continued without a hole.
    #[error("the cursor is {}", .0.reason)]
    Reset(Reset),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What follows next.
#[derive(Debug)]
pub enum Next {
    /// At least one event.
    Events(Vec<EventRow>),
    /// The one job has ended and everything was said.
    End(End),
}

/// A reader's place in an owner's stream.
pub struct Feed {
    store: Arc<dyn Store>,
    bus: Bus,
    owner: OwnerId,
    job: Option<JobId>,
    fold: bool,
    limit: usize,
    /// Everything up to here has been handed out.
    position: u64,
    /// As last read.
    head: u64,
    /// Whether the store may hold more than was handed out.
    behind: bool,
    /// Whether the one job had ended at `position`.
    ended: bool,
    /// The page that opening has read.
    first: Option<EventsRead>,
    /// When the first event of the last page was committed, if that is known.
    committed: Option<Instant>,
    wake: watch::Receiver<u64>,
}

impl Feed {
    /// Judges a request and takes its place in the stream.
    ///
    /// # Errors
    /// [`FeedError`]: a bad cursor, a job of somebody else, or [`FeedError::Reset`].
    pub async fn open(
        store: &Arc<dyn Store>,
        bus: &Bus,
        owner: OwnerId,
        request: FeedRequest,
    ) -> Result<Self, FeedError> {
        let FeedRequest { after, job, fold, limit } = request;
        let after = after.as_deref().map(|text| read_cursor(text, job)).transpose()?;
        // Before any read, see the invariant above.
        let wake = bus.subscribe(owner);
        let mut feed = Self {
            store: store.clone(),
            bus: bus.clone(),
            owner,
            job,
            fold,
            limit: limit.clamp(1, PAGE_EVENTS),
            position: 0,
            head: 0,
            behind: false,
            ended: false,
            first: None,
            committed: None,
            wake,
        };
        let mut head = None;
        if let Some(job) = job {
            let snapshot = store.job(owner, job).await?.ok_or(FeedError::NoSuchJob)?;
            feed.ended = snapshot.value.state.is_terminal();
            // The head at which `ended` is true: an end that comes between two reads is then among the events that follow.
            head = Some(snapshot.head);
        }
        match after {
            Some(cursor) if cursor.epoch != store.epoch() => return Err(reset(job, "unknown-epoch")),
            Some(cursor) => {
                feed.position = cursor.seq;
                let read = store.events(owner, cursor.seq, job, feed.limit).await?;
                check(feed.position, read.stream, job)?;
                feed.head = read.stream.head;
                feed.behind = true;
                feed.first = Some(read);
            }
            None => {
                feed.head = match head {
                    Some(head) => head,
                    None => store.stream(owner).await?.head,
                };
                feed.position = feed.head;
                // A job's state is older than the head may be by now.
                feed.behind = job.is_some();
            }
        }
        Ok(feed)
    }

    /// The next page at once; empty when nothing follows. Dropped while it waits, it has changed nothing.
    ///
    /// # Errors
    /// [`FeedError::Reset`] when retention has overtaken this reader; [`FeedError::Store`].
    pub async fn page(&mut self) -> Result<Vec<EventRow>, FeedError> {
        let (read, committed) = match self.first.take() {
            Some(read) => (read, None),
            None => match self.kept() {
                Some(kept) => kept,
                None => (self.store.events(self.owner, self.position, self.job, self.limit).await?, None),
            },
        };
        self.committed = committed;
        self.take(read)
    }

    /// What follows, out of the newest events, if they reach up to the head that the last wake-up named. A feed of one job asks the
    /// store: what its events name as `prev` is not among the newest.
    fn kept(&self) -> Option<(EventsRead, Option<Instant>)> {
        let head = (*self.wake.borrow()).max(self.head);
        if self.job.is_some() || head <= self.position {
            return None;
        }
        self.bus.tail(self.owner, self.position, head, self.limit)
    }

    /// Waits until the owner's head is beyond what was handed out.
    pub async fn moved(&mut self) {
        while !self.behind {
            if self.wake.changed().await.is_err() {
                // The bus lives as long as the server; without it, only the heartbeat looks again.
                std::future::pending::<()>().await;
            }
            self.behind = *self.wake.borrow_and_update() > self.position;
        }
    }

    /// Waits for what follows. Dropped while it waits, it has changed nothing.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub async fn next(&mut self) -> Result<Next, FeedError> {
        loop {
            if let Some(job) = self.over() {
                return Ok(Next::End(End { job, cursor: self.cursor() }));
            }
            self.moved().await;
            let rows = self.page().await?;
            if !rows.is_empty() {
                return Ok(Next::Events(rows));
            }
        }
    }

    /// The one job, when it has ended and everything was handed out.
    pub fn over(&self) -> Option<JobId> {
        let unread = self.first.as_ref().map_or(self.behind, |read| !read.rows.is_empty());
        self.job.filter(|_| self.ended && !unread)
    }

    /// Whether more follows right now.
    pub fn more(&self) -> bool {
        self.behind
    }

    /// The position up to which everything was handed out.
    pub fn cursor(&self) -> Cursor {
        self.cursor_at(self.position)
    }

    /// A cursor of this feed, marked with its job.
    pub fn cursor_at(&self, seq: u64) -> Cursor {
        Cursor { epoch: self.store.epoch().to_owned(), seq, job: self.job }
    }

    /// When the first event of the last page was committed; none if it came from the store, which does not know.
    pub fn committed(&self) -> Option<Instant> {
        self.committed
    }

    /// The head as last read.
    pub fn head(&self) -> Cursor {
        self.cursor_at(self.head)
    }

    /// The database's epoch.
    pub fn epoch(&self) -> &str {
        self.store.epoch()
    }

    /// First word on a stream.
    pub fn hello(&self, build: &str) -> Hello {
        Hello { cursor: self.cursor(), head: self.head(), epoch: self.epoch().to_owned(), build: build.to_owned() }
    }

    /// A sign of life, with a look at the store: should a wake-up ever be lost, this is what it costs.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn heartbeat(&mut self) -> Result<Heartbeat, StoreError> {
        self.head = self.store.stream(self.owner).await?.head;
        self.behind |= self.head > self.position;
        Ok(Heartbeat { head: self.head(), cursor: self.cursor() })
    }

    fn take(&mut self, read: EventsRead) -> Result<Vec<EventRow>, FeedError> {
        check(self.position, read.stream, self.job)?;
        let EventsRead { rows, stream, mut more } = read;
        let last_type = rows.last().map(|row| row.type_);
        let last_seq = rows.last().map(|row| row.seq);
        let mut rows = if self.fold { fold::fold(rows) } else { rows };
        if cut(&mut rows) {
            more = true;
            self.position = rows.last().map_or(self.position, |row| row.seq);
        } else if let Some(seq) = last_seq {
            self.position = seq;
        }
        if !more {
            if self.job.is_some() {
                // Between a job's last event and the head are only other jobs'.
                self.position = self.position.max(stream.head);
            }
            self.ended = last_type.map_or(self.ended, |type_| type_.is_terminal());
        }
        self.head = stream.head;
        self.behind = more;
        Ok(rows)
    }
}

fn check(position: u64, stream: StreamState, job: Option<JobId>) -> Result<(), FeedError> {
    if position < stream.floor {
        return Err(reset(job, "below-floor"));
    }
    if position > stream.head {
        return Err(reset(job, "beyond-head"));
    }
    Ok(())
}

fn reset(job: Option<JobId>, reason: &str) -> FeedError {
    let snapshot = match job {
        Some(job) => format!("/api/v1/jobs/{job}"),
        None => "/api/v1/jobs".to_owned(),
    };
    FeedError::Reset(Reset { snapshot, reason: reason.to_owned() })
}

/// Judges whether a cursor is a position that an owner's whole stream has now.
///
/// # Errors
/// As [`Feed::open`].
pub async fn judge(store: &dyn Store, owner: OwnerId, cursor: &Cursor) -> Result<(), FeedError> {
    judge_job(cursor, None)?;
    if cursor.epoch != store.epoch() {
        return Err(reset(None, "unknown-epoch"));
    }
    check(cursor.seq, store.stream(owner).await?, None)
}

/// Reads a cursor and judges whether it may be used for the whole stream (`None`) or for one job.
fn read_cursor(text: &str, job: Option<JobId>) -> Result<Cursor, FeedError> {
    let cursor: Cursor =
        text.parse().map_err(|_| FeedError::BadCursor("That is no cursor; use one that an answer gave, unchanged."))?;
    judge_job(&cursor, job)?;
    Ok(cursor)
}

fn judge_job(cursor: &Cursor, job: Option<JobId>) -> Result<(), FeedError> {
    match cursor.job {
        Some(of) if Some(of) != job => Err(FeedError::BadCursor(
            "That is a position in one job's feed, which skips the others; it is good for that job only.",
        )),
        _ => Ok(()),
    }
}

/// Ends a page early when it grows too large; it keeps at least one event.
fn cut(rows: &mut Vec<EventRow>) -> bool {
    let mut bytes = 0;
    let keep = rows.iter().position(|row| {
        bytes += row.data.len() + wire::ENVELOPE_BYTES;
        bytes > PAGE_BYTES
    });
    let keep = keep.map_or(rows.len(), |keep| keep.max(1));
    let cuts = keep < rows.len();
    rows.truncate(keep);
    cuts
}
