//! What the channel picker, the continuity badge and the activity dock say, in each language.
//!
//! A table of its own beside `Strings`, same rule: a sentence missing in a language does not compile.

use super::Lang;
use crate::state::{live::Status, switch::Channel};

/// The sentences of what stays in touch.
#[derive(Debug)]
pub struct LiveStrings {
    /// Before the name of the channel, for those who hear it.
    pub channel: &'static str,
    /// Title of the choice.
    pub channel_legend: &'static str,
    /// Names of polling, SSE, WebSocket and push.
    pub channel_names: [&'static str; 4],
    /// What each costs.
    pub channel_costs: [&'static str; 4],
    /// Label of the interval.
    pub interval: &'static str,
    /// One interval.
    pub every: fn(u64) -> String,
    /// Button for those without script.
    pub apply: &'static str,
    /// A word for a state of the channel; polling has its interval instead.
    pub connecting: &'static str,
    /// The stream is open.
    pub live: &'static str,
    /// Push will tell.
    pub told: &'static str,
    /// No channel.
    pub offline: &'static str,
    /// Nothing heard for too long.
    pub stale: &'static str,
    /// Figure: requests made.
    pub requests: &'static str,
    /// Figure: bytes received.
    pub received: &'static str,
    /// Figure: since the last sign of life.
    pub last_sign: &'static str,
    /// Figure: events behind.
    pub behind: &'static str,
    /// Figure: changes of channel.
    pub switches: &'static str,
    /// So many events.
    pub events: fn(u64) -> String,
    /// The wanted channel and the one that goes on.
    pub kept: fn(&str, &str) -> String,
    /// No event seen.
    pub no_event: &'static str,
    /// First, last, gaps, whether one is open.
    pub span: fn(&str, &str, u64, bool) -> String,
    /// Gaps, duplicates, folded, resets: where the badge comes from.
    pub counted: fn(u64, u64, u64, u64) -> String,
    /// Name of the dock.
    pub activity: &'static str,
    /// So many jobs at work.
    pub running: fn(u64) -> String,
    /// None at work.
    pub idle: &'static str,
    /// How far a job is, for its bar.
    pub progress_of: fn(&str) -> String,
    /// A job and its new state.
    pub became: fn(&str, &str) -> String,
    /// A job and its percentage.
    pub reached: fn(&str, u64) -> String,
    /// So many jobs changed at once.
    pub changed: fn(u64) -> String,
    /// Button of a toast.
    pub close: &'static str,
    /// The page has no channel; when the next attempt is due, if known.
    pub offline_notice: fn(Option<&str>) -> String,
    /// Nothing heard for too long.
    pub stale_notice: &'static str,
    /// Button: connect now.
    pub try_now: &'static str,
    /// The server has another build.
    pub outdated_notice: &'static str,
    /// Button: load the page again.
    pub reload: &'static str,
}

impl LiveStrings {
    /// The name of a channel.
    pub fn name(&self, channel: Channel) -> &'static str {
        let [poll, sse, ws, push] = self.channel_names;
        match channel {
            Channel::Poll => poll,
            Channel::Sse => sse,
            Channel::Ws => ws,
            Channel::Push => push,
        }
    }

    /// What a channel costs, in one line.
    pub fn cost(&self, channel: Channel) -> &'static str {
        let [poll, sse, ws, push] = self.channel_costs;
        match channel {
            Channel::Poll => poll,
            Channel::Sse => sse,
            Channel::Ws => ws,
            Channel::Push => push,
        }
    }

    /// A state of the channel in a word or two.
    pub fn status(&self, status: Status, interval_s: u64) -> String {
        match status {
            Status::Connecting => self.connecting.to_owned(),
            Status::Live => self.live.to_owned(),
            Status::Polling => (self.every)(interval_s),
            Status::Told => self.told.to_owned(),
            Status::Offline { .. } => self.offline.to_owned(),
            Status::Stale => self.stale.to_owned(),
        }
    }
}

/// The table of a language.
pub const fn live(lang: Lang) -> &'static LiveStrings {
    match lang {
        Lang::En => &EN,
        Lang::Fr => &FR,
    }
}

const EN: LiveStrings = LiveStrings {
    channel: "Channel: ",
    channel_legend: "How results reach this page",
    channel_names: ["Polling", "SSE", "WebSocket", "Push"],
    channel_costs: [
        "Asks at intervals, also when nothing is new. Goes through anything.",
        "One open connection; news as it happens. Fits nearly every network.",
        "One open connection, both ways; fewest bytes. Some networks refuse it.",
        "No connection; your browser tells you at the end, also when this tab is closed. Progress shows when you look.",
    ],
    interval: "Interval",
    every: |s| format!("every {s} s"),
    apply: "Use this channel",
    connecting: "connecting",
    live: "live",
    told: "will notify",
    offline: "offline",
    stale: "silent",
    requests: "Requests",
    received: "Received",
    last_sign: "Last sign of life",
    behind: "Behind by",
    switches: "Switches",
    events: |n| if n == 1 { "1 event".to_owned() } else { format!("{n} events") },
    kept: |wanted, kept| format!("{wanted} could not be opened, so {kept} goes on. It will be tried again."),
    no_event: "no event yet",
    span: |first, last, gaps, open| {
        let span = if first == last { first.to_owned() } else { format!("{first}…{last}") };
        match (gaps, open) {
            (0, _) => format!("{span}, no gaps"),
            (_, true) => format!("{span}, fetching what is missing"),
            (1, _) => format!("{span}, 1 gap, closed"),
            (n, _) => format!("{span}, {n} gaps, closed"),
        }
    },
    counted: |gaps, duplicates, folded, resets| {
        format!(
            "Counted from the sequence numbers of the events that this page received, in order. Missing and fetched again: {gaps}. \
             Received twice and dropped: {duplicates}. Older progress left out for newer: {folded}. Started over from a snapshot: {resets}."
        )
    },
    activity: "Activity",
    running: |n| if n == 1 { "1 job at work".to_owned() } else { format!("{n} jobs at work") },
    idle: "Nothing at work",
    progress_of: |name| format!("Progress of {name}"),
    became: |name, state| format!("{name}: {state}"),
    reached: |name, percent| format!("{name}: {percent} %"),
    changed: |n| format!("{n} jobs changed"),
    close: "Close",
    offline_notice: |due| match due {
        Some(due) => format!("No connection. Your jobs go on; next try {due}."),
        None => "No connection. Your jobs go on.".to_owned(),
    },
    stale_notice: "Nothing heard from the server for a while; what you see may be old.",
    try_now: "Try now",
    outdated_notice: "A new version is there.",
    reload: "Reload",
};

const FR: LiveStrings = LiveStrings {
    channel: "Canal : ",
    channel_legend: "Comment les résultats arrivent ici",
    channel_names: ["Interrogation", "SSE", "WebSocket", "Push"],
    channel_costs: [
        "Demande à intervalles, même sans nouveauté. Passe partout.",
        "Une connexion ouverte ; tout arrive aussitôt. Passe presque partout.",
        "Une connexion ouverte, dans les deux sens ; le moins d’octets. Parfois refusée en route.",
        "Aucune connexion ; votre navigateur vous prévient à la fin, même onglet fermé. L’avancement se voit en revenant.",
    ],
    interval: "Intervalle",
    every: |s| format!("toutes les {s} s"),
    apply: "Utiliser ce canal",
    connecting: "connexion",
    live: "en direct",
    told: "préviendra",
    offline: "hors ligne",
    stale: "silencieux",
    requests: "Requêtes",
    received: "Reçu",
    last_sign: "Dernier signe de vie",
    behind: "Retard",
    switches: "Bascules",
    events: |n| if n < 2 { format!("{n} événement") } else { format!("{n} événements") },
    kept: |wanted, kept| format!("{wanted} n’a pas pu s’ouvrir ; {kept} continue. Un nouvel essai viendra."),
    no_event: "aucun événement",
    span: |first, last, gaps, open| {
        let span = if first == last { first.to_owned() } else { format!("{first}…{last}") };
        match (gaps, open) {
            (0, _) => format!("{span}, sans trou"),
            (_, true) => format!("{span}, récupération en cours"),
            (1, _) => format!("{span}, 1 trou, comblé"),
            (n, _) => format!("{span}, {n} trous, comblés"),
        }
    },
    counted: |gaps, duplicates, folded, resets| {
        format!(
            "Compté d’après les numéros des événements reçus par cette page, dans l’ordre. Manquants puis récupérés : {gaps}. \
             Reçus deux fois et écartés : {duplicates}. Avancements omis au profit d’un plus récent : {folded}. Reprises depuis un \
             instantané : {resets}."
        )
    },
    activity: "Activité",
    running: |n| if n < 2 { format!("{n} travail en cours") } else { format!("{n} travaux en cours") },
    idle: "Rien en cours",
    progress_of: |name| format!("Avancement de {name}"),
    became: |name, state| format!("{name} : {state}"),
    reached: |name, percent| format!("{name} : {percent} %"),
    changed: |n| format!("{n} travaux ont changé"),
    close: "Fermer",
    offline_notice: |due| match due {
        Some(due) => format!("Pas de connexion. Vos travaux continuent ; prochain essai {due}."),
        None => "Pas de connexion. Vos travaux continuent.".to_owned(),
    },
    stale_notice: "Le serveur se tait depuis un moment ; ce que vous voyez a peut-être vieilli.",
    try_now: "Essayer maintenant",
    outdated_notice: "Une nouvelle version est là.",
    reload: "Recharger",
};
