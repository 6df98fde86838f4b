//! What there is to do, counted in memory: queued jobs by lane, running ones by kind, the kinds' latest durations.
//!
//! Filled at opening, moved on by the writer after each commit and before its replies; read by whoever is asked where a job
//! stands, which is every answer to a submit. Writes nothing and decides nothing: a claim reads the tables.
//! Invariant: it counts what is committed, no more and no less: moves of a command that was undone never reach it.

use super::statement::{all, state};
use crate::store::{Load, QueueState, Statistics};
use domain::{Deferral, JobState, OwnerId, kinds::CHANGING_CATALOGUE};
use rusqlite::Connection;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Durations that an estimate is made from.
const DURATIONS: usize = 20;
/// Jobs, the latest first, that durations are looked for in at opening.
const RECENT: i64 = 10_000;
/// Lanes that are counted one by one for a position; past it each is taken to have enough jobs to be ahead in every round.
const LANES: usize = 256;

/// What a command changed of what is counted here.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A job went from one state to another.
    Moved(Move),
    /// A lane has this turn from now on.
    Turn {
        /// Its owner.
        owner: OwnerId,
        /// Its kind.
        kind: String,
        /// The least is next.
        turn: i64,
    },
    /// An owner's key was changed.
    Renamed {
        /// What it was.
        from: OwnerId,
        /// What it is.
        to: OwnerId,
    },
}

impl Change {
    /// Whether a job that changes the catalogue begins or stops running.
    pub(super) fn stirs_catalogue(&self) -> bool {
        let Self::Moved(moved) = self else { return false };
        let (ran, runs) = (moved.from == Some(JobState::Running), moved.to == JobState::Running);
        ran != runs && CHANGING_CATALOGUE.contains(&moved.kind.as_str())
    }
}

/// A job went from one state to another.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) owner: OwnerId,
    pub(super) kind: String,
    /// Whether its priority is not 0.
    pub(super) prioritised: bool,
    pub(super) deferral: Option<Deferral>,
    pub(super) from: Option<JobState>,
    pub(super) to: JobState,
    /// The turn of its lane, when the lane had no place among the others before.
    pub(super) turn: Option<i64>,
    /// Milliseconds that the attempt took, of a success.
    pub(super) took_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct OfKind {
    lanes: HashMap<OwnerId, Lane>,
    running: u64,
    durations: VecDeque<i64>,
    /// Unfinished jobs, by the place of their state in `JobState::ALL`.
    in_state: [u64; JobState::ALL.len()],
    /// Jobs accepted since the start.
    accepted: u64,
    /// Jobs that ended since the start, likewise.
    finished: [u64; JobState::ALL.len()],
}

#[derive(Debug, Default, Clone, Copy)]
struct Lane {
    queued: u64,
    prioritised: u64,
    turn: i64,
}

#[derive(Debug, Default)]
struct Counts {
    kinds: HashMap<String, OfKind>,
    load: Load,
}

/// The counts, shared by the writer and the store's calls.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    counts: Mutex<Counts>,
}

/// How many jobs are before one in its own lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// So many.
    Known(u64),
    /// Priorities differ in the lane: the table has to be asked.
    Unknown,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        // No code that can panic runs under this lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what the database holds.
    pub(super) fn load(&self, conn: &Connection) -> rusqlite::Result<()> {
        const QUEUED: &str = "SELECT q.kind, o.uuid, q.queued, q.prioritised, l.turn
            FROM (SELECT owner, kind, count(*) AS queued, sum(priority <> 0) AS prioritised
                  FROM job INDEXED BY job_claimable WHERE state = 'queued' GROUP BY owner, kind) q
            JOIN owner o ON o.id = q.owner JOIN lane l ON l.kind = q.kind AND l.owner = q.owner";
        const RUNNING: &str =
            "SELECT kind, count(*) FROM job INDEXED BY job_running WHERE state = 'running' GROUP BY kind";
        const IDLE: &str =
            "SELECT count(*) FROM job INDEXED BY job_idle WHERE state = 'scheduled' AND deferral = 'idle'";
        const ASIDE: &str = "SELECT kind, state, count(*) FROM job INDEXED BY job_aside
            WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting') GROUP BY state, kind";
        const TOOK: &str = "SELECT kind, state, finished_at - started_at FROM job
            WHERE id > (SELECT coalesce(max(id), 0) FROM job) - ?1 ORDER BY id";
        let mut counts = Counts::default();
        for (kind, owner, lane) in all(conn, QUEUED, [], |row| {
            let lane = Lane { queued: row.get(2)?, prioritised: row.get(3)?, turn: row.get(4)? };
            Ok((row.get::<_, String>(0)?, OwnerId::from_bytes(row.get(1)?), lane))
        })? {
            counts.load.queued += lane.queued;
            let of_kind = counts.kinds.entry(kind).or_default();
            of_kind.in_state[JobState::Queued as usize] += lane.queued;
            of_kind.lanes.insert(owner, lane);
        }
        for (kind, running) in all(conn, RUNNING, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))? {
            counts.load.running += running;
            let of_kind = counts.kinds.entry(kind).or_default();
            (of_kind.running, of_kind.in_state[JobState::Running as usize]) = (running, running);
        }
        for (kind, state, count) in
            all(conn, ASIDE, [], |row| Ok((row.get::<_, String>(0)?, state(row, 1)?, row.get::<_, u64>(2)?)))?
        {
            counts.kinds.entry(kind).or_default().in_state[state as usize] = count;
        }
        counts.load.idle = super::statement::only(conn, IDLE, [])?;
        for (kind, state, took) in all(conn, TOOK, [RECENT], |row| {
            Ok((row.get::<_, String>(0)?, state(row, 1)?, row.get::<_, Option<i64>>(2)?))
        })? {
            if let (JobState::Succeeded, Some(took)) = (state, took) {
                counts.kinds.entry(kind).or_default().took(took);
            }
        }
        *self.lock() = counts;
        Ok(())
    }

    /// Counts what a commit changed.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut counts = self.lock();
        for change in changes {
            match change {
                Change::Moved(moved) => counts.apply(moved),
                Change::Turn { owner, kind, turn } => counts.turn(owner, &kind, turn),
                Change::Renamed { from, to } => counts.rename(from, to),
            }
        }
    }

    /// Running jobs of the kinds that change the catalogue.
    pub(super) fn changing_catalogue(&self) -> u64 {
        let counts = self.lock();
        CHANGING_CATALOGUE.iter().filter_map(|kind| counts.kinds.get(*kind)).map(|of_kind| of_kind.running).sum()
    }

    /// What there is to do.
    pub(super) fn now(&self) -> Load {
        self.lock().load
    }

    /// Unfinished jobs by kind and state.
    pub(super) fn unfinished(&self) -> Vec<(String, JobState, u64)> {
        self.lock().in_states(|of_kind| &of_kind.in_state, |state| !state.is_terminal())
    }

    /// What was counted since the start.
    pub(super) fn statistics(&self) -> Statistics {
        let counts = self.lock();
        Statistics {
            unfinished: counts.in_states(|of_kind| &of_kind.in_state, |state| !state.is_terminal()),
            accepted: counts.kinds.iter().map(|(kind, of_kind)| (kind.clone(), of_kind.accepted)).collect(),
            finished: counts.in_states(|of_kind| &of_kind.finished, JobState::is_terminal),
            ..Statistics::default()
        }
    }

    /// How many are before the newest job of a lane, the job itself being counted already.
    pub(super) fn before_newest(&self, owner: OwnerId, kind: &str) -> Before {
        let counts = self.lock();
        match counts.kinds.get(kind).and_then(|of_kind| of_kind.lanes.get(&owner)) {
            None => Before::Known(0),
            Some(lane) if lane.queued <= 1 => Before::Known(0),
            Some(lane) if lane.prioritised == 0 => Before::Known(lane.queued - 1),
            Some(_) => Before::Unknown,
        }
    }

    /// Whether a lane has no job besides the one that is asked about.
    pub(super) fn is_alone(&self, owner: OwnerId, kind: &str) -> bool {
        let counts = self.lock();
        counts.kinds.get(kind).and_then(|of_kind| of_kind.lanes.get(&owner)).is_none_or(|lane| lane.queued <= 1)
    }

    /// Where a job stands that has `before` others before it in its lane; `None` for one that is not queued.
    pub(super) fn queue(&self, owner: OwnerId, kind: &str, before: Option<u64>) -> QueueState {
        let counts = self.lock();
        let of_kind = counts.kinds.get(kind);
        QueueState {
            ahead: before.map_or(0, |before| before + counts.turns_of_others(owner, kind, before)),
            load: counts.load,
            running_of_kind: of_kind.map_or(0, |of_kind| of_kind.running),
            durations_ms: of_kind.map_or_else(Vec::new, |of_kind| of_kind.durations.iter().copied().collect()),
        }
    }
}

impl Counts {
    /// A count for each kind and each of some states.
    fn in_states(
        &self,
        of: impl Fn(&OfKind) -> &[u64; JobState::ALL.len()],
        wanted: impl Fn(JobState) -> bool,
    ) -> Vec<(String, JobState, u64)> {
        let of_kind = |(kind, of_kind): (&String, &OfKind)| {
            let each = JobState::ALL.into_iter().zip(*of(of_kind)).filter(|(state, _)| wanted(*state));
            each.map(|(state, count)| (kind.clone(), state, count)).collect::<Vec<_>>()
        };
        self.kinds.iter().flat_map(of_kind).collect()
    }

    fn apply(&mut self, moved: Move) {
        let Move { owner, kind, prioritised, deferral, from, to, turn, took_ms } = moved;
        let of_kind = match self.kinds.get_mut(&kind) {
            Some(of_kind) => of_kind,
            None => self.kinds.entry(kind).or_default(),
        };
        of_kind.count(from, to);
        let idle = |state| state == JobState::Scheduled && deferral == Some(Deferral::Idle);
        match from {
            Some(JobState::Queued) => {
                self.load.queued = self.load.queued.saturating_sub(1);
                of_kind.leave(owner, prioritised);
            }
            Some(JobState::Running) => {
                self.load.running = self.load.running.saturating_sub(1);
                of_kind.running = of_kind.running.saturating_sub(1);
            }
            Some(state) if idle(state) => self.load.idle = self.load.idle.saturating_sub(1),
            _ => {}
        }
        match to {
            JobState::Queued => {
                self.load.queued += 1;
                let lane = of_kind.lanes.entry(owner).or_default();
                lane.queued += 1;
                lane.prioritised += u64::from(prioritised);
                lane.turn = turn.unwrap_or(lane.turn);
            }
            JobState::Running => {
                self.load.running += 1;
                of_kind.running += 1;
            }
            state if idle(state) => self.load.idle += 1,
            _ => {}
        }
        if let Some(took_ms) = took_ms {
            of_kind.took(took_ms);
        }
    }

    fn rename(&mut self, from: OwnerId, to: OwnerId) {
        for of_kind in self.kinds.values_mut() {
            if let Some(lane) = of_kind.lanes.remove(&from) {
                of_kind.lanes.insert(to, lane);
            }
        }
    }

    fn turn(&mut self, owner: OwnerId, kind: &str, turn: i64) {
        if let Some(lane) = self.kinds.get_mut(kind).and_then(|of_kind| of_kind.lanes.get_mut(&owner)) {
            lane.turn = turn;
        }
    }

    /// Jobs of other lanes that are served before a lane has had `before` turns and its next one.
    fn turns_of_others(&self, owner: OwnerId, kind: &str, before: u64) -> u64 {
        let mine = self.kinds.get(kind).and_then(|of_kind| of_kind.lanes.get(&owner)).copied().unwrap_or_default();
        let others = self.load.queued.saturating_sub(mine.queued);
        let lanes: usize = self.kinds.values().map(|of_kind| of_kind.lanes.len()).sum();
        if lanes > LANES {
            return others.min((before + 1).saturating_mul(lanes as u64 - 1));
        }
        let lanes = self.kinds.iter().flat_map(|(name, of_kind)| of_kind.lanes.iter().map(move |lane| (name, lane)));
        let others = lanes.filter(|(name, (other, _))| **other != owner || name.as_str() != kind);
        others.map(|(_, (_, lane))| lane.queued.min(before + u64::from(lane.turn < mine.turn))).sum()
    }
}

impl OfKind {
    fn count(&mut self, from: Option<JobState>, to: JobState) {
        match from {
            None => self.accepted += 1,
            Some(from) if !from.is_terminal() => {
                let count = &mut self.in_state[from as usize];
                *count = count.saturating_sub(1);
            }
            Some(_) => {}
        }
        let counts = if to.is_terminal() { &mut self.finished } else { &mut self.in_state };
        counts[to as usize] += 1;
    }

    fn took(&mut self, ms: i64) {
        if self.durations.len() == DURATIONS {
            self.durations.pop_front();
        }
        self.durations.push_back(ms);
    }

    fn leave(&mut self, owner: OwnerId, prioritised: bool) {
        if let Some(lane) = self.lanes.get_mut(&owner) {
            lane.queued = lane.queued.saturating_sub(1);
            lane.prioritised = lane.prioritised.saturating_sub(u64::from(prioritised));
            // Its row, if it still has one, keeps its turn, and its next job says which that is.
            if lane.queued == 0 {
                self.lanes.remove(&owner);
            }
        }
    }
}
