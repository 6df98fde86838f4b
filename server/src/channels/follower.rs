//! What one subscription has to say next: the feed's events and, with `watch=…`, hints beside them.
//!
//! Shared by `sse` and `ws`, which encode what comes out. Knows no socket.
//! Invariant: [`Follower::next`] may be dropped while it waits and called again; nothing is lost and nothing said twice.

use super::{Watches, positions::PositionWatch};
use crate::{
    events::bus::Catalogue,
    events::feed::{Feed, FeedError, FeedRequest, Next},
    state::AppState,
    store::StoreError,
    ui::Assets,
};
use domain::{
    OwnerId,
    frame::{Heartbeat, Hello, Hint},
};
use std::sync::Arc;
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};

/// Least time between two hints.
const HINT_EVERY: Duration = Duration::from_secs(1);

/// What follows next on a stream.
#[derive(Debug)]
pub enum Said {
    /// Something of the log.
    Log(Next),
    /// Something beside it.
    Hint(Hint),
}

/// A feed, and what is watched beside it.
pub struct Follower {
    feed: Feed,
    catalogue: Option<CatalogueWatch>,
    positions: Option<PositionWatch>,
    assets: Arc<Assets>,
}

/// The catalogue's revision and how many jobs are changing it, told at most once a second.
pub struct CatalogueWatch {
    moves: watch::Receiver<Catalogue>,
    revision: u64,
    changing: u64,
    /// Whether these are still to be told.
    due: bool,
    not_before: Instant,
}

impl Follower {
    /// Opens the feed, and what is to be watched.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub async fn open(
        app: &AppState,
        owner: OwnerId,
        request: FeedRequest,
        watches: Watches,
    ) -> Result<Self, FeedError> {
        let catalogue = if watches.catalogue { Some(CatalogueWatch::open(app, true).await?) } else { None };
        let positions = watches.positions.then(|| PositionWatch::open(app, owner, request.job));
        let feed = Feed::open(&app.store, &app.bus, owner, request).await?;
        Ok(Self { feed, catalogue, positions, assets: app.assets.clone() })
    }

    /// Waits for what is to be said next.
    ///
    /// # Errors
    /// As [`Feed::next`].
    pub async fn next(&mut self) -> Result<Said, FeedError> {
        let Self { feed, catalogue, positions, .. } = self;
        let revision = async {
            match catalogue {
                Some(watch) => watch.next().await,
                None => std::future::pending().await,
            }
        };
        let position = async {
            match positions {
                Some(watch) => watch.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            next = feed.next() => next.map(Said::Log),
            hint = revision => Ok(Said::Hint(hint)),
            hint = position => Ok(Said::Hint(hint)),
        }
    }

    /// The feed itself.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// First word on the stream, with the interface's build, so that a page can tell that it is older.
    pub fn hello(&self) -> Hello {
        self.feed.hello(self.assets.build())
    }

    /// A sign of life.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn heartbeat(&mut self) -> Result<Heartbeat, StoreError> {
        self.feed.heartbeat().await
    }
}

impl CatalogueWatch {
    /// Begins at the present state, which is told first if `tells_present`: whoever subscribes cannot know what it missed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open(app: &AppState, tells_present: bool) -> Result<Self, StoreError> {
        // Subscribed before it is read, as everywhere.
        let moves = app.bus.catalogue();
        let state = app.store.catalogue().await?;
        let (revision, changing) = (state.revision, state.jobs());
        let due = tells_present && (revision > 0 || changing > 0);
        Ok(Self { moves, revision, changing, due, not_before: Instant::now() })
    }

    /// What there is to tell, as last known.
    pub fn hint(&self) -> Hint {
        Hint::Changed { resource: "catalogue".to_owned(), revision: self.revision, changing: self.changing }
    }

    /// A word for an entity tag, another one whenever the hint is.
    pub fn tag(&self) -> String {
        format!("+{}.{}", self.revision, self.changing)
    }

    fn take(&mut self) {
        let told = *self.moves.borrow_and_update();
        let changing = told.changing.unwrap_or(self.changing);
        self.due |= told.revision > self.revision || changing != self.changing;
        self.revision = self.revision.max(told.revision);
        self.changing = changing;
    }

    /// Waits for a change.
    pub async fn changed(&mut self) {
        while !self.due {
            if self.moves.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.take();
        }
    }

    async fn next(&mut self) -> Hint {
        self.changed().await;
        sleep_until(self.not_before).await;
        if self.moves.has_changed().unwrap_or(false) {
            self.take();
        }
        self.due = false;
        self.not_before = Instant::now() + HINT_EVERY;
        self.hint()
    }
}
