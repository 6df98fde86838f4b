//! What a notification says, in each language: title and body of a push message, and the words around them in a mail.
//!
//! Called by the server's `notify::words` only; the browser shows what it is sent, so none of it is in the WASM. Pure: what happened comes
//! in as arguments, and the same arguments give the same text at every attempt.
//! Invariant: a title fits on one line: it has no control characters, and a name in it is cut at [`NAME_LIMIT`] characters.

use super::{Lang, codes, t};
use domain::EventType;

/// Characters of a job's name that are shown; more is no headline.
pub const NAME_LIMIT: usize = 60;

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// In bold.
    pub title: String,
    /// Below it.
    pub body: String,
}

/// What happened to one job.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its owner's name for it.
    pub label: Option<&'a str>,
    /// What happened.
    pub event: EventType,
    /// Why it failed, as a code.
    pub code: Option<&'a str>,
}

/// What a job is called in a sentence: its label in quotes, or its kind.
pub fn name_of(lang: Lang, about: About<'_>) -> String {
    let label = about.label.map(one_line).filter(|label| !label.is_empty());
    match (label, lang) {
        (Some(label), Lang::En) => format!("“{label}”"),
        (Some(label), Lang::Fr) => format!("« {label} »"),
        (None, _) => one_line(t(lang).kind_name(about.kind)),
    }
}

/// Without control characters (which could end a header or a line), and cut where it is too long.
fn one_line(text: &str) -> String {
    let mut chars = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    let line: String = chars.by_ref().take(NAME_LIMIT).collect();
    let line = line.trim().to_owned();
    if chars.next().is_some() { format!("{}…", line.trim_end()) } else { line }
}

/// One event.
pub fn of_event(lang: Lang, about: About<'_>) -> Notice {
    let name = name_of(lang, about);
    let (title, body) = match lang {
        Lang::En => in_english(&name, about),
        Lang::Fr => in_french(&name, about),
    };
    Notice { title, body }
}

fn in_english(name: &str, about: About<'_>) -> (String, String) {
    let (title, body) = match about.event {
        EventType::Started => (format!("{name} has started"), "It runs now; you need not wait for it.".to_owned()),
        EventType::Partial => (format!("{name}: a part is there"), "Open it to see what there is so far.".to_owned()),
        EventType::Waiting => {
            (format!("{name} waits for an answer"), "It goes on by itself when the answer comes.".to_owned())
        }
        EventType::RetryScheduled => {
            (format!("{name} will be tried again"), "An attempt failed; nothing is needed of you.".to_owned())
        }
        EventType::Succeeded => (format!("{name} is done"), "Open it to see the result.".to_owned()),
        EventType::Failed => (
            format!("{name} has failed"),
            failed(Lang::En, about.code, "Open it to see what went wrong, and what you can do."),
        ),
        EventType::Cancelled => {
            (format!("{name} was cancelled"), "Open it to see what had been done by then.".to_owned())
        }
        _ => (format!("{name}: something has happened"), "Open it to see what.".to_owned()),
    };
    (title, body)
}

fn in_french(name: &str, about: About<'_>) -> (String, String) {
    let (title, body) = match about.event {
        EventType::Started => {
            (format!("{name} : c’est parti"), "Inutile d’attendre, la tâche est en cours.".to_owned())
        }
        EventType::Partial => {
            (format!("{name} : un résultat partiel"), "Ouvrez la page pour voir ce qu’il y a déjà.".to_owned())
        }
        EventType::Waiting => (
            format!("{name} attend une réponse"),
            "La tâche reprendra d’elle-même quand la réponse arrivera.".to_owned(),
        ),
        EventType::RetryScheduled => {
            (format!("{name} : nouvel essai prévu"), "Un essai a échoué ; vous n’avez rien à faire.".to_owned())
        }
        EventType::Succeeded => (format!("{name} : terminé"), "Ouvrez la page pour voir le résultat.".to_owned()),
        EventType::Failed => (
            format!("{name} : échec"),
            failed(Lang::Fr, about.code, "Ouvrez la page pour voir ce qui s’est passé et ce que vous pouvez faire."),
        ),
        EventType::Cancelled => {
            (format!("{name} : annulé"), "Ouvrez la page pour voir ce qui était déjà fait.".to_owned())
        }
        _ => (format!("{name} : du nouveau"), "Ouvrez la page pour voir quoi.".to_owned()),
    };
    (title, body)
}

/// Why it failed and what to do, where the code alone says it.
fn failed(lang: Lang, code: Option<&str>, otherwise: &str) -> String {
    code.and_then(|code| codes::failure_of(lang, code))
        .map_or_else(|| otherwise.to_owned(), |wording| wording.in_full())
}

/// Several at once; `more` are counted and not named.
pub fn of_digest(lang: Lang, told: &[About<'_>], more: u64) -> Notice {
    let total = told.len() as u64 + more;
    let number = super::format::number(lang, total);
    let title = match (lang, total) {
        (Lang::En, 1) => "One thing has happened".to_owned(),
        (Lang::En, _) => format!("{number} things have happened"),
        (Lang::Fr, 0 | 1) => "Une nouvelle".to_owned(),
        (Lang::Fr, _) => format!("{number} nouvelles"),
    };
    let mut lines: Vec<String> = told.iter().map(|about| of_event(lang, *about).title).collect();
    if more > 0 {
        let more = super::format::number(lang, more);
        lines.push(match lang {
            Lang::En => format!("and {more} more"),
            Lang::Fr => format!("et {more} de plus"),
        });
    }
    Notice { title, body: lines.join("\n") }
}

/// The message that a test button sends.
pub fn of_test(lang: Lang) -> Notice {
    let (title, body) = match lang {
        Lang::En => ("This is a test", "Nothing has happened: this is how you will be told when something does."),
        Lang::Fr => ("Ceci est un essai", "Rien ne s’est passé : c’est ainsi que vous serez prévenu."),
    };
    Notice { title: title.to_owned(), body: body.to_owned() }
}

/// The mail that asks whether an address is somebody's own.
pub fn of_confirm(lang: Lang) -> Notice {
    let (title, body) = match lang {
        Lang::En => (
            "Shall Meanwhile write to you?",
            "Somebody, probably you, asked Meanwhile to tell this address how their jobs end. If it was you, confirm it \
             below. If not, do nothing: nothing more will be sent.",
        ),
        Lang::Fr => (
            "Meanwhile peut-il vous écrire ?",
            "Quelqu’un, sans doute vous, a demandé à Meanwhile de prévenir cette adresse de la fin de ses tâches. Si c’est \
             vous, confirmez-le ci-dessous. Sinon, ne faites rien : vous ne recevrez plus rien.",
        ),
    };
    Notice { title: title.to_owned(), body: body.to_owned() }
}

/// What stands around the message in a mail, and on the two pages that its links open.
#[derive(Debug, Clone, Copy)]
pub struct MailWords {
    /// Opens the job's page.
    pub open: &'static str,
    /// Confirms the address.
    pub confirm: &'static str,
    /// Why this mail came.
    pub because: &'static str,
    /// Ends the mails.
    pub unsubscribe: &'static str,
    /// Heading of the page that confirms; `{address}` stands for the address.
    pub confirm_heading: &'static str,
    /// What confirming means.
    pub confirm_text: &'static str,
    /// It was confirmed.
    pub confirmed: &'static str,
    /// And what follows.
    pub confirmed_text: &'static str,
    /// Heading of the page that unsubscribes.
    pub unsubscribe_heading: &'static str,
    /// What unsubscribing means.
    pub unsubscribe_text: &'static str,
    /// It was done.
    pub unsubscribed: &'static str,
    /// And what follows.
    pub unsubscribed_text: &'static str,
    /// The link is none of ours, or no more.
    pub stale: &'static str,
    /// And what to do.
    pub stale_text: &'static str,
}

const EN: MailWords = MailWords {
    open: "Open it",
    confirm: "Yes, write to me",
    because: "You get this because this address was confirmed in the settings of Meanwhile.",
    unsubscribe: "No more mails to this address",
    confirm_heading: "Shall Meanwhile write to {address}?",
    confirm_text: "Once confirmed, this address is told how jobs end. Every mail has a link that stops it.",
    confirmed: "{address} is confirmed",
    confirmed_text: "Mails go there from now on. You can close this page.",
    unsubscribe_heading: "No more mails to {address}?",
    unsubscribe_text: "Nothing more will be sent there until its owner adds and confirms it again.",
    unsubscribed: "No more mails go to {address}",
    unsubscribed_text: "It takes effect at once. You can close this page.",
    stale: "This link does nothing any more",
    stale_text: "The address was removed, or the link is not whole. Copy it in full, or add the address again in the settings.",
};

const FR: MailWords = MailWords {
    open: "Ouvrir",
    confirm: "Oui, écrivez-moi",
    because: "Vous recevez ce message parce que cette adresse a été confirmée dans les réglages de Meanwhile.",
    unsubscribe: "Plus de messages à cette adresse",
    confirm_heading: "Meanwhile peut-il écrire à {address} ?",
    confirm_text: "Une fois confirmée, cette adresse est prévenue de la fin des tâches. Chaque message contient un lien pour arrêter.",
    confirmed: "{address} est confirmée",
    confirmed_text: "Les messages y seront envoyés désormais. Vous pouvez fermer cette page.",
    unsubscribe_heading: "Plus de messages à {address} ?",
    unsubscribe_text: "Plus rien n’y sera envoyé tant que l’adresse n’aura pas été ajoutée et confirmée de nouveau.",
    unsubscribed: "Plus aucun message n’ira à {address}",
    unsubscribed_text: "C’est effectif tout de suite. Vous pouvez fermer cette page.",
    stale: "Ce lien ne sert plus à rien",
    stale_text: "L’adresse a été retirée, ou le lien est incomplet. Copiez-le en entier, ou ajoutez de nouveau l’adresse dans les réglages.",
};

/// The words around a mail.
pub const fn mail(lang: Lang) -> &'static MailWords {
    match lang {
        Lang::En => &EN,
        Lang::Fr => &FR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::push::NOTIFIABLE;

    fn about(label: Option<&str>, event: EventType) -> About<'_> {
        About { kind: "rehearsal", label, event, code: None }
    }

    #[test]
    fn every_event_that_can_be_asked_for_has_words_of_its_own_in_both_languages() {
        for lang in Lang::ALL {
            let mut titles: Vec<String> =
                NOTIFIABLE.iter().map(|event| of_event(lang, about(Some("spring"), *event)).title).collect();
            titles.push(of_event(lang, about(Some("spring"), EventType::Unknown)).title);
            assert!(titles.iter().all(|title| title.contains("spring")), "{titles:?}");
            titles.sort();
            titles.dedup();
            assert_eq!(titles.len(), NOTIFIABLE.len() + 1, "{titles:?}");
        }
    }

    #[test]
    fn a_title_stays_one_short_line_whatever_a_job_is_called() {
        for label in ["a\r\nBcc: b@c.example", &"é".repeat(200), "\u{0}\u{7f}\t\n", "  "] {
            for lang in Lang::ALL {
                let title = of_event(lang, about(Some(label), EventType::Succeeded)).title;
                assert!(!title.chars().any(char::is_control), "{title:?}");
                assert!(title.chars().count() < NAME_LIMIT + 40, "{title:?}");
            }
        }
        let named = of_event(Lang::En, about(Some(" \n "), EventType::Succeeded)).title;
        assert_eq!(named, "Rehearsal is done", "an empty label is none");
    }

    #[test]
    fn a_failure_with_words_says_why_and_what_to_do() {
        let failed = About { code: Some("crashed"), ..about(None, EventType::Failed) };
        let with_words = of_event(Lang::En, failed).body;
        let without = of_event(Lang::En, About { code: Some("no-such-code"), ..failed }).body;
        assert!(without.starts_with("Open it"), "{without}");
        assert!(!with_words.is_empty() && !with_words.contains('{'), "{with_words}");
    }

    #[test]
    fn a_digest_counts_what_it_does_not_name() {
        let told = [about(Some("a"), EventType::Succeeded), about(Some("b"), EventType::Failed)];
        let notice = of_digest(Lang::En, &told, 3);
        assert_eq!(notice.title, "5 things have happened");
        assert_eq!(notice.body, "“a” is done\n“b” has failed\nand 3 more");
        assert_eq!(of_digest(Lang::Fr, &told, 0).body.lines().count(), 2);
    }
}
