//! Which channel to open, when, and when to close the other: the pure half of switching, falling back and coming back.
//!
//! Driven by `channels::Conductor`, which does what the [`Command`]s say and calls [`Switch::handle`] at [`Switch::alarm`]. No socket, no
//! clock, no randomness: time and chance come in as arguments.
//! Invariant: a link that delivers is closed only when another one has opened, has been lost, or the page sleeps (make before break).

use super::prefs::Choice;
use std::cmp::min;

/// A way in which the feed reaches the page, without its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Asking at intervals.
    Poll,
    /// Server-Sent Events.
    Sse,
    /// WebSocket.
    Ws,
    /// The browser's push service: the page holds no connection and reads on when a message has come.
    Push,
}

impl Channel {
    /// The word for `data-channel` and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Sse => "sse",
            Self::Ws => "ws",
            Self::Push => "push",
        }
    }

    /// The channel to try when this one cannot be opened.
    const fn lower(self) -> Option<Self> {
        match self {
            // Nothing falls back on push: only a visitor turns it on.
            Self::Ws | Self::Push => Some(Self::Sse),
            Self::Sse => Some(Self::Poll),
            Self::Poll => None,
        }
    }
}

impl From<Choice> for Channel {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Poll { .. } => Self::Poll,
            Choice::Sse => Self::Sse,
            Choice::Ws => Self::Ws,
            Choice::Push => Self::Push,
        }
    }
}

/// One connection, or one run of polls.
pub type LinkId = u32;

/// When a lost link may be opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// After a pause of the page's own.
    Backoff,
    /// After so many milliseconds, as the server said.
    After(u64),
    /// Never by this channel.
    Never,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The visitor wants a channel.
    Choose(Channel),
    /// A link has said hello (a poll: was answered).
    Opened(LinkId),
    /// A link is gone.
    Lost(LinkId, Return),
    /// The alarm rang.
    Tick,
    /// The page is hidden.
    Hidden,
    /// The page is shown (again).
    Shown,
    /// The page is being left, maybe to come back from the browser's cache.
    Left,
    /// The device says that it is online again.
    Online,
    /// The open link is to be replaced by one with other parameters.
    Renew,
    /// The cursor has been replaced: links that continue from the old one are worthless.
    Restart,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Open a link, after the last position read.
    Open(LinkId, Channel),
    /// Close a link and forget it.
    Close(LinkId),
}

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A link is being opened, or will be at once.
    Connecting,
    /// A link delivers.
    Open(Channel),
    /// Failed; the next attempt is due then.
    Waiting {
        /// In the milliseconds of the caller's clock.
        retry_at: u64,
    },
    /// Closed since the page is hidden or left.
    Asleep,
}

/// A link gets so long to open.
pub const OPEN_WITHIN_MS: u64 = 5_000;
/// A link that lived so long was no failure.
const STABLE_MS: u64 = 5_000;
/// A hidden page keeps its link so long.
pub const HIDDEN_MS: u64 = 30_000;
/// So many failures in a row lead to the next lower channel.
const FAILURES: u32 = 2;
const BACKOFF_MS: u64 = 1_000;
const BACKOFF_LIMIT_MS: u64 = 30_000;
const WAY_BACK_LIMIT_MS: u64 = 600_000;

#[derive(Debug, Clone, Copy)]
struct Link {
    id: LinkId,
    channel: Channel,
    /// When it opened, or (while opening) until when it may take.
    at: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Switch {
    chosen: Channel,
    effective: Channel,
    live: Option<Link>,
    opening: Option<Link>,
    /// In a row, of the effective channel.
    failures: u32,
    /// Ways back that failed in a row.
    returns: u32,
    retry_at: Option<u64>,
    way_back_at: Option<u64>,
    hide_at: Option<u64>,
    asleep: bool,
    next: LinkId,
    used: Option<Channel>,
    switches: u64,
    /// Whether the chosen channel could not be opened.
    denied: bool,
}

impl Switch {
    /// A machine that has opened nothing yet; [`Input::Shown`] starts it.
    pub fn new(chosen: Channel) -> Self {
        Self {
            chosen,
            effective: chosen,
            live: None,
            opening: None,
            failures: 0,
            returns: 0,
            retry_at: None,
            way_back_at: None,
            hide_at: None,
            asleep: true,
            next: 1,
            used: None,
            switches: 0,
            denied: false,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match (self.live, self.retry_at) {
            (Some(link), _) => Phase::Open(link.channel),
            (None, Some(retry_at)) if self.failures > 0 => Phase::Waiting { retry_at },
            (None, _) if self.asleep => Phase::Asleep,
            (None, _) => Phase::Connecting,
        }
    }

    /// The channel that delivers, else the one tried.
    pub fn channel(&self) -> Channel {
        self.live.or(self.opening).map_or(self.effective, |link| link.channel)
    }

    /// Changes of channel so far.
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// The channel that was wanted and could not be opened, and the one that delivers instead.
    pub fn kept(&self) -> Option<(Channel, Channel)> {
        self.live.filter(|link| self.denied && link.channel != self.chosen).map(|link| (self.chosen, link.channel))
    }

    /// When [`Input::Tick`] is wanted next.
    pub fn alarm(&self) -> Option<u64> {
        let opening = self.opening.map(|link| link.at);
        [opening, self.retry_at, self.way_back_at, self.hide_at].into_iter().flatten().min()
    }

    /// Takes what happened and says what to do. `chance` is from 0 to 1, for the jitter.
    pub fn handle(&mut self, input: Input, now: u64, chance: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        let out = &mut commands;
        match input {
            Input::Choose(channel) => self.choose(channel, now, out),
            Input::Opened(id) => self.opened(id, now, out),
            Input::Lost(id, how) => self.lost(id, how, now, chance, out),
            Input::Tick => self.tick(now, chance, out),
            Input::Hidden => self.hide_at = self.hide_at.or_else(|| (!self.asleep).then_some(now + HIDDEN_MS)),
            Input::Left => self.sleep(out),
            Input::Shown => {
                self.hide_at = None;
                if self.asleep || (self.live.is_none() && self.opening.is_none()) {
                    self.wake(now, out);
                }
            }
            Input::Online if self.asleep => {}
            Input::Online if self.live.is_none() => self.wake(now, out),
            // What looks open may have died with the network.
            Input::Online | Input::Renew => {
                if let Some(link) = self.opening.or(self.live) {
                    self.open(link.channel, now, out);
                }
            }
            Input::Restart => self.restart(now, chance, out),
        }
        commands
    }

    fn choose(&mut self, channel: Channel, now: u64, out: &mut Vec<Command>) {
        self.chosen = channel;
        self.effective = channel;
        (self.failures, self.returns) = (0, 0);
        (self.retry_at, self.way_back_at, self.denied) = (None, None, false);
        if self.asleep {
            return;
        }
        if self.live.is_some_and(|link| link.channel == channel) {
            self.drop_opening(out);
        } else {
            self.open(channel, now, out);
        }
    }

    fn opened(&mut self, id: LinkId, now: u64, out: &mut Vec<Command>) {
        let Some(link) = self.opening.take_if(|link| link.id == id) else { return };
        if let Some(old) = self.live.replace(Link { at: now, ..link }) {
            out.push(Command::Close(old.id));
        }
        self.switches += u64::from(self.used.is_some_and(|used| used != link.channel));
        self.used = Some(link.channel);
        self.effective = link.channel;
        self.retry_at = None;
        if link.channel == self.chosen {
            (self.way_back_at, self.denied) = (None, false);
        } else {
            self.plan_way_back(now);
        }
    }

    fn lost(&mut self, id: LinkId, how: Return, now: u64, chance: f64, out: &mut Vec<Command>) {
        if let Some(link) = self.opening.take_if(|link| link.id == id) {
            out.push(Command::Close(id));
            match self.live {
                Some(live) => {
                    // A switch or a way back that failed: the old one was never closed.
                    if live.channel != link.channel {
                        self.denied = true;
                        self.effective = live.channel;
                        self.returns += 1;
                        self.plan_way_back(now);
                    }
                }
                None => self.failed(how, now, chance, out),
            }
        } else if let Some(link) = self.live.take_if(|link| link.id == id) {
            out.push(Command::Close(id));
            let stable = now.saturating_sub(link.at) >= STABLE_MS;
            if stable {
                (self.failures, self.returns) = (0, 0);
            }
            if self.opening.is_some() {
                return;
            }
            self.way_back_at = None;
            match how {
                // Lived well and went: that is how streams end; a little jitter keeps a crowd from coming back as one.
                Return::Backoff if stable => self.retry_at = Some(now + (chance * BACKOFF_MS as f64) as u64),
                Return::After(ms) if stable => self.retry_at = Some(now + ms),
                how => self.failed(how, now, chance, out),
            }
        }
    }

    /// The effective channel could not be opened, or did not last, and no other delivers.
    fn failed(&mut self, how: Return, now: u64, chance: f64, out: &mut Vec<Command>) {
        self.failures += 1;
        let lower = self.effective.lower().filter(|_| how == Return::Never || self.failures >= FAILURES);
        if let Some(lower) = lower {
            self.effective = lower;
            self.failures = 0;
            self.denied = true;
            self.open(lower, now, out);
            return;
        }
        let pause = match how {
            Return::After(ms) => ms,
            _ => self.backoff(chance),
        };
        self.retry_at = Some(now + pause);
    }

    fn tick(&mut self, now: u64, chance: f64, out: &mut Vec<Command>) {
        let due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if due(self.hide_at) {
            self.sleep(out);
            return;
        }
        if let Some(link) = self.opening.filter(|link| link.at <= now) {
            self.lost(link.id, Return::Backoff, now, chance, out);
        }
        if due(self.retry_at) {
            self.retry_at = None;
            self.open(self.effective, now, out);
        }
        if due(self.way_back_at) {
            self.way_back_at = None;
            if self.opening.is_none() && self.live.is_some_and(|link| link.channel != self.chosen) {
                self.open(self.chosen, now, out);
            }
        }
    }

    /// A new cursor: at once the first time, with a pause when it happens again before a link has lived.
    fn restart(&mut self, now: u64, chance: f64, out: &mut Vec<Command>) {
        self.drop_opening(out);
        if let Some(link) = self.live.take() {
            out.push(Command::Close(link.id));
            if now.saturating_sub(link.at) >= STABLE_MS {
                self.failures = 0;
            }
        }
        if self.asleep {
            return;
        }
        self.failures += 1;
        if self.failures > 1 {
            self.retry_at = Some(now + self.backoff(chance));
        } else {
            self.open(self.effective, now, out);
        }
    }

    fn sleep(&mut self, out: &mut Vec<Command>) {
        self.drop_opening(out);
        if let Some(link) = self.live.take() {
            out.push(Command::Close(link.id));
        }
        (self.retry_at, self.way_back_at, self.hide_at) = (None, None, None);
        self.asleep = true;
    }

    fn wake(&mut self, now: u64, out: &mut Vec<Command>) {
        self.asleep = false;
        self.failures = 0;
        self.retry_at = None;
        // Another network, another day: what did not work then may work now.
        self.effective = self.chosen;
        self.open(self.effective, now, out);
    }

    fn open(&mut self, channel: Channel, now: u64, out: &mut Vec<Command>) {
        self.drop_opening(out);
        let id = self.next;
        self.next += 1;
        self.opening = Some(Link { id, channel, at: now + OPEN_WITHIN_MS });
        out.push(Command::Open(id, channel));
    }

    fn drop_opening(&mut self, out: &mut Vec<Command>) {
        if let Some(link) = self.opening.take() {
            out.push(Command::Close(link.id));
        }
    }

    /// Soon the first time (the server was away and is back), then rarer and rarer.
    fn plan_way_back(&mut self, now: u64) {
        let pause = match self.returns {
            0 => 2_000,
            n => min(15_000 << min(n, 10), WAY_BACK_LIMIT_MS),
        };
        self.way_back_at = Some(now + pause);
    }

    /// Full jitter: anywhere from nothing to a limit that doubles.
    fn backoff(&self, chance: f64) -> u64 {
        let limit = min(BACKOFF_MS << min(self.failures, 10), BACKOFF_LIMIT_MS);
        (limit as f64 * chance) as u64
    }
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
