//! What the conductor fetches besides its channel: the events of a gap, a snapshot after a reset, rows that the log cannot tell.
//!
//! Each errand runs at most once at a time; a reason that comes up meanwhile makes it run again.
//! Invariant: whatever is fetched goes through the same inbox or the store's own rule (`jseq`), so a late answer does no harm.

use super::{
    Watching,
    conductor::Inner,
    inbox::Verdict,
    poll::{self, Missing},
};
use crate::{
    backend::{self, JobsQuery},
    state::switch::Input,
};
use leptos::{prelude::*, task::spawn_local};
use std::{cell::Cell, rc::Rc, time::Duration};

/// More rows than this are read as one list first.
const ONE_BY_ONE: usize = 10;
const RETRY_FIRST_MS: u64 = 1_000;
const RETRY_LIMIT_MS: u64 = 30_000;

/// Whether an errand runs, and whether it has to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Run {
    #[default]
    Idle,
    Once,
    Again,
}

/// The errands under way.
#[derive(Default)]
pub(super) struct Errands {
    gap: Cell<Run>,
    snapshot: Cell<bool>,
    wanted: Cell<bool>,
    retry_ms: Cell<u64>,
}

impl Inner {
    /// Reads what is missing, from the last position on. A failure is left to the next heartbeat or event, which finds the gap again.
    pub(super) fn close_gap(self: &Rc<Self>) {
        if self.errands.gap.get() != Run::Idle {
            return self.errands.gap.set(Run::Again);
        }
        self.errands.gap.set(Run::Once);
        let this = Rc::clone(self);
        spawn_local(async move {
            loop {
                let after = this.inbox.borrow().last().clone();
                this.count(1, 0);
                let mut more = false;
                match poll::page(&after, Watching::default(), None, true).await {
                    Ok(page) => {
                        this.count(0, page.bytes as u64);
                        more = page.more;
                        let verdict = {
                            let mut inbox = this.inbox.borrow_mut();
                            let verdict = inbox.receive(page.items);
                            if verdict == Verdict::Fine {
                                inbox.advance(&page.next_cursor);
                            }
                            verdict
                        };
                        if verdict == Verdict::Reset {
                            this.take_snapshot();
                        }
                        this.ask_for_frame();
                    }
                    Err(Missing::Reset) => this.take_snapshot(),
                    Err(Missing::Unchanged) => {}
                    Err(Missing::Failed(_)) => break,
                }
                if !more && this.errands.gap.replace(Run::Once) != Run::Again {
                    break;
                }
            }
            this.errands.gap.set(Run::Idle);
        });
    }

    /// Reads the snapshot, and opens the channel anew from its cursor.
    pub(super) fn take_snapshot(self: &Rc<Self>) {
        if self.errands.snapshot.replace(true) {
            return;
        }
        let this = Rc::clone(self);
        spawn_local(async move {
            this.count(1, 0);
            let answer = backend::jobs(JobsQuery::default()).await;
            this.errands.snapshot.set(false);
            match answer {
                Ok(list) => {
                    this.errands.retry_ms.set(0);
                    this.flush();
                    this.inbox.borrow_mut().restart(list.cursor.clone());
                    this.store.load(list);
                    this.fetch_wanted();
                    this.drive(Input::Restart);
                }
                Err(_) => {
                    let pause = this.errands.retry_ms.get().clamp(RETRY_FIRST_MS, RETRY_LIMIT_MS);
                    this.errands.retry_ms.set(pause * 2);
                    let again = Rc::downgrade(&this);
                    set_timeout(
                        move || super::conductor::with(&again, Self::take_snapshot),
                        Duration::from_millis(pause),
                    );
                }
            }
        });
    }

    /// Reads the rows that the store asks for, one after the other; many of them as a list first.
    pub(super) fn fetch_wanted(self: &Rc<Self>) {
        if self.errands.wanted.get() {
            return;
        }
        let mut wanted = self.store.take_wanted();
        if wanted.is_empty() {
            return;
        }
        self.errands.wanted.set(true);
        let this = Rc::clone(self);
        spawn_local(async move {
            while !wanted.is_empty() {
                if wanted.len() > ONE_BY_ONE {
                    this.count(1, 0);
                    if let Ok(list) = backend::jobs(JobsQuery::default()).await {
                        for job in list.items {
                            wanted.remove(&job.id);
                            this.store.upsert(job);
                        }
                    }
                }
                for id in wanted {
                    this.count(1, 0);
                    match backend::job(id).await {
                        Ok(job) => this.store.upsert(job),
                        Err(problem) if problem.status == 404 => this.store.forget(id),
                        // The row stays as the log tells it; the next event of the job asks again.
                        Err(_) => {}
                    }
                }
                wanted = this.store.take_wanted();
            }
            this.errands.wanted.set(false);
        });
    }
}
