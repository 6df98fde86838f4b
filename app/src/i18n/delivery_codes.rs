//! The codes of deliveries and endpoints in words: why one is held, was not sent, failed, or is left alone.
//!
//! Codes come from `server::notify` and the outbox. One that is not here is shown as it is, so that nothing is hidden.

use super::Lang;

/// Code, English, French.
const CODES: &[(&str, &str, &str)] = &[
    (
        "may-be-seen",
        "waits whether somebody sees it on an open page",
        "attend que quelqu’un le voie sur une page ouverte",
    ),
    ("fallback", "waits whether something else reaches you first", "attend qu’autre chose vous atteigne d’abord"),
    ("quiet-times", "held until your quiet times end", "retenu jusqu’à la fin de vos heures calmes"),
    ("digest", "gathered with others into one message", "réuni avec d’autres en un message"),
    ("seen", "since you had seen it on an open page", "puisque vous l’aviez vu sur une page ouverte"),
    ("reached", "since a browser of yours had received it", "puisqu’un de vos navigateurs l’avait reçu"),
    ("timeout", "no answer in time", "pas de réponse à temps"),
    ("no-connection", "no connection", "pas de connexion"),
    ("bad-certificate", "its certificate is not valid", "son certificat n’est pas valable"),
    ("unknown-host", "its name cannot be resolved", "son nom ne peut être résolu"),
    (
        "forbidden-address",
        "it leads to a private address, which this server does not post to",
        "mène à une adresse privée, où ce serveur n’envoie rien",
    ),
    (
        "redirected",
        "it redirects, and redirects are not followed; enter the final URL",
        "redirige, et cela n’est pas suivi ; entrez l’URL finale",
    ),
    ("refused", "refused by the other side", "refusé par l’autre côté"),
    ("server-error", "the other side failed", "l’autre côté a échoué"),
    ("too-many-requests", "the other side asks for a pause", "l’autre côté demande une pause"),
    ("too-large", "too large for the other side", "trop grand pour l’autre côté"),
    ("gone", "the other side says that it is no more", "l’autre côté dit n’exister plus"),
    ("unreadable-answer", "its answer cannot be read", "sa réponse est illisible"),
    ("no-mail-server", "this server has no mail server any more", "ce serveur n’a plus de serveur de messagerie"),
    (
        "cut-off",
        "the server stopped in the middle; sent again with the same id",
        "le serveur s’est arrêté au milieu ; renvoyé avec le même identifiant",
    ),
    ("expired", "too late to be of use", "trop tard pour être utile"),
    ("paused", "its endpoint was paused", "son destinataire a été mis en pause"),
    ("endpoint-removed", "its endpoint was removed", "son destinataire a été retiré"),
    ("unsubscribed", "its receiver unsubscribed", "son destinataire s’est désabonné"),
    ("by-owner", "by you", "par vous"),
    (
        "circuit-open",
        "its host does not answer and is left alone for a while",
        "son hôte ne répond pas et est laissé tranquille un moment",
    ),
    (
        "other-secret",
        "it was signed with another secret, or changed on the way.",
        "signé avec un autre secret, ou modifié en route.",
    ),
    (
        "too-old",
        "the signature is right, but older than five minutes.",
        "la signature est juste, mais vieille de plus de cinq minutes.",
    ),
    ("malformed", "that is no signature; it begins with v1, .", "ce n’est pas une signature ; elle commence par v1, ."),
    ("ok", "taken", "pris"),
];

/// A code in words; itself when it has none.
pub fn delivery_code(lang: Lang, code: &str) -> String {
    let found = CODES.iter().find(|(known, ..)| *known == code);
    found.map_or(code, |(_, en, fr)| if lang == Lang::Fr { fr } else { en }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_wording_in_each_language_and_an_unknown_one_is_shown_as_it_is() {
        for (at, (code, en, fr)) in CODES.iter().enumerate() {
            assert!(CODES.iter().skip(at + 1).all(|(other, ..)| other != code), "{code} twice");
            assert!(!en.is_empty() && !fr.is_empty() && en != fr, "{code}");
        }
        assert_eq!(delivery_code(Lang::En, "of-tomorrow"), "of-tomorrow");
        assert_eq!(delivery_code(Lang::Fr, "timeout"), "pas de réponse à temps");
    }
}
