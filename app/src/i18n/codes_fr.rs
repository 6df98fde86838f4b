//! What the service says by code, in French. `{name}` stands for a parameter of that name.

use super::codes::{Entry, Table};

pub(super) const TABLE: Table =
    Table { problems: PROBLEMS, failures: FAILURES, whys: WHYS, inputs: INPUTS, rejects: REJECTS };

/// Problems of a request.
const PROBLEMS: &[Entry] = &[
    (
        "endpoint-not-found",
        "Ce destinataire n’existe pas, ou appartient à un autre visiteur.",
        "Retournez aux réglages.",
    ),
    (
        "too-many-endpoints",
        "Vous avez autant de destinataires qu’un visiteur peut en avoir.",
        "Retirez-en un dont vous n’avez plus besoin, puis ajoutez celui-ci.",
    ),
    (
        "webhook-exists",
        "Il y a déjà un webhook à cette adresse.",
        "Si vous avez perdu son secret, créez-en un nouveau dans les réglages.",
    ),
    (
        "no-mail-server",
        "Ce serveur n’envoie pas de messages électroniques.",
        "Choisissez un autre moyen d’être prévenu, ou prévenez l’exploitant : le serveur se lance avec --smtp.",
    ),
    (
        "too-many-confirmations",
        "Trop de messages ont été demandés.",
        "Regardez dans la boîte de réception, y compris les indésirables, ou revenez dans quelques heures.",
    ),
    (
        "delivery-not-found",
        "Cette notification n’existe pas, ou appartient à un autre visiteur.",
        "Retournez à vos notifications.",
    ),
    (
        "endpoint-off",
        "La destination de cette notification n’existe plus, ou elle est désactivée.",
        "Réactivez-la dans les réglages, puis renvoyez la notification.",
    ),
    ("delivery-ended", "Cette notification a déjà été envoyée ou abandonnée.", "Voyez ce qu’elle est devenue."),
    ("operator-required", "Ceci est réservé à l’exploitant du serveur.", "Connectez-vous avec le jeton d’exploitant."),
    (
        "wrong-token",
        "Ce n’est pas le jeton d’exploitant.",
        "Cherchez-le dans le dossier de données du serveur et collez-le en entier.",
    ),
    (
        "too-many-attempts",
        "Trop de jetons erronés sont venus de votre adresse.",
        "Attendez une minute, puis réessayez avec le bon.",
    ),
    (
        "operator-only",
        "Les tâches de ce type sont celles de l’exploitant.",
        "Lancez-la ou relancez-la depuis la page Exploitation.",
    ),
    (
        "invalid-input",
        "Certaines valeurs ne peuvent pas être acceptées.",
        "Corrigez les points ci-dessous ; le reste demeure tel que saisi.",
    ),
    (
        "unreachable",
        "Le serveur est injoignable.",
        "Vérifiez votre connexion et réessayez ; envoyer deux fois la même chose est sans risque.",
    ),
    ("unreadable-answer", "La réponse n’a pas pu être lue.", "Rechargez la page et voyez si la demande est passée."),
    (
        "unexpected-status",
        "Un intermédiaire entre cette page et le serveur a répondu à sa place.",
        "Réessayez dans un instant.",
    ),
    (
        "job-not-found",
        "Ce travail n’existe pas, ou appartient à un autre visiteur.",
        "Revenez à la liste de vos travaux.",
    ),
    ("not-found", "Il n’y a rien à cette adresse.", "Revenez à la liste de vos travaux."),
    ("product-not-found", "Ce produit n’existe pas.", "Cherchez-le dans le catalogue."),
    (
        "product-changed",
        "Le produit a changé entre-temps, donc rien n’a été enregistré.",
        "Votre saisie est ci-dessous, avec ce qui s’y trouve maintenant ; regardez et enregistrez à nouveau.",
    ),
    (
        "precondition-required",
        "Le formulaire ne dit pas de quel état du produit il parle.",
        "Ouvrez à nouveau la page du produit et saisissez-y la modification.",
    ),
    ("file-not-found", "Ce fichier n’existe pas.", "Revenez au travail dont il provient."),
    ("unknown-kind", "Ce serveur ne connaît pas ce type de travail.", "Choisissez un des types proposés."),
    ("not-available", "Ceci n’est pas encore disponible.", "Retirez-le et soumettez à nouveau."),
    ("not-retryable", "Seul un travail échoué ou annulé peut être relancé.", "Voyez où il en est maintenant."),
    ("job-finished", "Le travail est terminé et n’a plus d’étape.", "Voyez son résultat."),
    (
        "callback-not-found",
        "Aucun rappel n’est attendu ici, ou plus maintenant.",
        "Regardez où en est le travail : il a peut-être eu sa réponse.",
    ),
    ("too-slow", "La demande a mis trop longtemps à arriver.", "Vérifiez votre connexion et réessayez."),
    (
        "job-failed",
        "Le travail a échoué et n’a pas de résultat.",
        "Voyez ce qui s’est passé et relancez-le depuis sa page.",
    ),
    ("job-cancelled", "Le travail a été annulé et n’a pas de résultat.", "Relancez-le depuis sa page."),
    (
        "idempotency-key-reused",
        "Ce formulaire a déjà été envoyé avec d’autres valeurs.",
        "Il a été renouvelé : vérifiez les valeurs et soumettez à nouveau.",
    ),
    (
        "bad-idempotency-key",
        "La clé du formulaire est illisible.",
        "Rechargez la page et remplissez à nouveau le formulaire.",
    ),
    ("bad-form", "Le formulaire est illisible.", "Rechargez la page et remplissez-le à nouveau."),
    ("bad-json", "La demande est illisible.", "Rechargez la page et réessayez."),
    (
        "bad-query",
        "L’adresse demande quelque chose d’illisible.",
        "Revenez en arrière et utilisez les liens de la page.",
    ),
    ("bad-cursor", "L’adresse désigne un endroit qui n’existe plus.", "Repartez de la première page."),
    ("input-too-large", "La saisie dépasse ce qu’un travail peut prendre.", "Raccourcissez-la et soumettez à nouveau."),
    (
        "too-large",
        "Le fichier ou formulaire dépasse la taille acceptée.",
        "Découpez le fichier et importez-le en plusieurs fois.",
    ),
    (
        "quota-exceeded",
        "Vous n’avez plus de place pour des fichiers.",
        "Utilisez les précédents ou attendez ; les fichiers inutilisés partent après un jour.",
    ),
    ("upload-cut", "Le fichier n’est arrivé qu’en partie.", "Envoyez-le à nouveau."),
    ("body-cut", "La demande n’est arrivée qu’en partie.", "Réessayez."),
    (
        "cross-site",
        "La demande venait de la page d’un autre site et a été refusée.",
        "Utilisez le formulaire de cette page.",
    ),
    ("cursor-expired", "Ce qui s’est passé depuis n’est plus conservé.", "La page reprend l’état actuel."),
    (
        "disk-full",
        "Le disque du serveur est plein ; rien n’a été conservé.",
        "Réessayez plus tard, ou prévenez l’exploitant du serveur.",
    ),
    ("store-unavailable", "La base du serveur ne répond pas ; rien n’a été conservé.", "Réessayez dans un instant."),
    ("stopping", "Le serveur redémarre.", "Réessayez dans un instant ; les travaux acceptés continuent d’eux-mêmes."),
    ("too-many-requests", "C’était trop à la fois.", "Attendez un instant et réessayez."),
    (
        "too-many-connections",
        "Trop de connexions sont ouvertes.",
        "Fermez quelques pages, ou attendez un instant et réessayez.",
    ),
    (
        "too-many-jobs",
        "Vous avez autant de travaux en cours qu’un visiteur peut en avoir.",
        "Attendez que certains se terminent, ou annulez ceux dont vous n’avez plus besoin.",
    ),
    (
        "result-expired",
        "Le fichier a été gardé aussi longtemps que les résultats le sont, puis supprimé.",
        "Relancez le travail pour le refaire.",
    ),
    ("file-lost", "Le fichier n’est plus sur le disque du serveur.", "Relancez le travail pour le refaire."),
    ("internal", "Le serveur a échoué. C’est noté.", "Réessayez ; si cela persiste, prévenez l’exploitant du serveur."),
    (
        "no-suppliers",
        "Ce serveur n’a aucun fournisseur à interroger.",
        "Prévenez l’exploitant du serveur : il se lance avec --suppliers URL.",
    ),
    (
        "suppliers-unreachable",
        "L’annuaire des fournisseurs est illisible pour l’instant.",
        "Réessayez dans un instant.",
    ),
    ("method-not-allowed", "Ceci ne peut pas se faire ici.", "Revenez en arrière et utilisez les boutons de la page."),
];

/// Failures of a job or an attempt.
const FAILURES: &[Entry] = &[
    (
        "state-does-not-fit",
        "Aucune tâche dans ces états ne peut subir cette action.",
        "Relancez depuis la page Exploitation avec un autre filtre.",
    ),
    (
        "rehearsed-transient",
        "L’étape {step} a échoué un temps, comme prévu par la répétition.",
        "Réessayez : la prochaine tentative peut passer.",
    ),
    (
        "rehearsed-permanent",
        "L’étape {step} a échoué pour de bon, comme prévu par la répétition.",
        "Modifiez la saisie et réessayez : avec ces valeurs, l’échec se répétera.",
    ),
    (
        "handler-panicked",
        "Le code qui fait ce travail s’est interrompu.",
        "Réessayez ; si cela se répète, prévenez l’exploitant du serveur.",
    ),
    ("timed-out", "Il a dépassé sa limite de {timeout_s}.", "Réessayez, ou donnez-lui moins à faire."),
    (
        "worker-died",
        "Le processus qui le traitait est mort, plus d’une fois.",
        "Réessayez ; si cela se répète, prévenez l’exploitant du serveur.",
    ),
    (
        "callback-timeout",
        "La réponse de l’extérieur qu’il attendait n’est pas venue à temps.",
        "Voyez avec qui devait répondre, puis réessayez : il redemandera.",
    ),
    (
        "unreadable-callback",
        "La réponse de l’extérieur n’a pas pu être lue.",
        "Prévenez qui l’envoie, puis réessayez : il redemandera.",
    ),
    (
        "no-suppliers",
        "Ce serveur n’a aucun fournisseur à interroger.",
        "Prévenez l’exploitant du serveur : il se lance avec --suppliers URL.",
    ),
    (
        "suppliers-unreachable",
        "L’annuaire des fournisseurs n’a pas pu être lu ; personne n’a été interrogé.",
        "Relancez-le quand les fournisseurs seront revenus.",
    ),
    ("no-attempt-left", "Toutes ses tentatives sont épuisées.", "Réessayez pour lui en donner de nouvelles."),
    ("expired", "Il n’a pas pu démarrer à temps.", "Réessayez quand il y aura moins à faire."),
    (
        "not-started-in-time",
        "Il devait démarrer sous {start_within_s} et n’a pas pu ; il a donc expiré.",
        "Réessayez, ou soumettez-le à nouveau en lui laissant plus de temps pour démarrer.",
    ),
    (
        "upload-missing",
        "Le fichier de ce travail a disparu.",
        "Modifiez et réessayez, en joignant à nouveau le fichier.",
    ),
    ("upload-unreadable", "Le fichier de ce travail n’a pas pu être lu.", "Réessayez ; sinon, renvoyez le fichier."),
    ("empty-file", "Le fichier est vide.", "Exportez-le à nouveau depuis votre boutique, puis modifiez et réessayez."),
    (
        "missing-column",
        "Le fichier n’a pas de colonne « {column} ».",
        "Ajoutez-la (l’en-tête est à la première ligne), puis modifiez et réessayez.",
    ),
    ("duplicate-column", "La colonne « {column} » y figure deux fois.", "Retirez-en une, puis modifiez et réessayez."),
    (
        "not-a-product-csv",
        "Le fichier n’est pas un CSV de produits (il ressemble à : {looks_like}).",
        "Exportez les produits en CSV, en UTF-8, puis modifiez et réessayez.",
    ),
    ("rejects-damaged", "Le fichier des lignes refusées a été endommagé.", "Recommencez."),
    (
        "rejects-unwritable",
        "Le fichier des lignes refusées n’a pas pu être écrit.",
        "Réessayez ; si cela persiste, prévenez l’exploitant du serveur.",
    ),
    (
        "cell-too-long",
        "« {column} » du produit « {handle} » est plus long qu’une cellule XLSX ne peut l’être ({max} caractères), et reviendrait coupé.",
        "Exportez en CSV, qui le contient.",
    ),
    (
        "too-many-columns",
        "Le catalogue a plus de colonnes qu’une feuille XLSX ne peut en avoir ({max}).",
        "Exportez en CSV, qui les contient.",
    ),
    (
        "columns-changing",
        "Des imports apportent de nouvelles colonnes plus vite que le catalogue ne s’écrit.",
        "Réessayez quand ils seront terminés.",
    ),
    (
        "export-unwritable",
        "Le fichier n’a pas pu être écrit.",
        "Réessayez ; si cela persiste, prévenez l’exploitant du serveur.",
    ),
    ("disk-full", "Le disque du serveur est plein.", "Réessayez plus tard, ou prévenez l’exploitant du serveur."),
    ("store-unavailable", "La base du serveur n’a pas répondu.", "Réessayez dans un instant."),
    ("unreadable-input", "Sa saisie n’a pas pu être lue.", "Modifiez et réessayez."),
    ("unknown-kind", "Ce serveur ne traite plus ce type de travail.", "Prévenez l’exploitant du serveur."),
    (
        "output-too-large",
        "Son résultat dépasse ce qui peut être conservé.",
        "Donnez-lui moins à faire, puis modifiez et réessayez.",
    ),
];

/// Why an unfinished job is where it is, in full and, where that says more than its place in line, in a few words.
const WHYS: &[Entry] = &[
    ("running", "Il est en cours de traitement.", ""),
    ("ahead", "Il attend son tour ; travaux devant lui : {n}.", ""),
    ("next", "C’est le prochain ; il démarre tout de suite.", ""),
    (
        "workers-busy",
        "C’est le prochain ; tous les exécutants sont occupés (travaux en cours : {running}).",
        "tous les exécutants sont occupés",
    ),
    (
        "kind-limit",
        "Il tourne autant de travaux du type « {kind} » que permis à la fois ({limit}) ; il démarrera quand l’un d’eux finira et que ce sera son tour.",
        "autant de travaux de son type que permis ({limit})",
    ),
    (
        "kind-rate",
        "Les travaux du type « {kind} » démarrent au plus {per_minute} fois par minute ; il attend son tour.",
        "son type démarre {per_minute} fois par minute",
    ),
    ("scheduled", "Il démarrera le {at}.", "démarre le {at}"),
    (
        "quiet-hours",
        "Il attend les heures creuses ({from} à {to}, {zone}) et démarrera le {at}.",
        "démarre aux heures creuses, le {at}",
    ),
    (
        "idle",
        "Il démarrera quand rien d’autre n’attendra ni ne tournera ; travaux inachevés qui passent avant : {unfinished}.",
        "démarre quand rien d’autre n’attend ni ne tourne",
    ),
    ("start-by", "Il doit démarrer d’ici le {start_by}, sinon il expire.", ""),
    ("backing-off", "Une tentative a échoué ; la suivante démarrera le {at}.", ""),
    (
        "waiting",
        "Il attend une réponse de l’extérieur, jusqu’au {until} au plus tard, sans occuper d’exécutant.",
        "attend une réponse de l’extérieur",
    ),
    ("rehearsed-callback", "Il attend le rappel avant l’étape {step}, que vous pouvez envoyer depuis sa page.", ""),
    ("supplier-callbacks", "Il attend le rappel de {suppliers}.", ""),
    ("cancelling", "Arrêt demandé ; il s’arrêtera à son prochain point sûr, ou se terminera avant.", ""),
    ("finished", "Il est terminé.", ""),
];

/// What is wrong with a field.
const INPUTS: &[Entry] = &[
    ("not-a-push-service", "le service de notification de ce navigateur n’est pas connu du serveur", ""),
    ("not-a-key", "ce n’est pas une clé de navigateur", ""),
    ("not-a-url", "saisissez une adresse complète, par exemple https://example.org/hook", ""),
    ("not-https", "l’adresse doit commencer par https://", ""),
    ("user-in-url", "retirez l’utilisateur et le mot de passe de l’adresse", ""),
    ("private-address", "l’adresse doit être accessible à tous", ""),
    ("unknown-host", "ce nom est introuvable ; vérifiez-le", ""),
    ("not-an-address", "saisissez une adresse électronique, par exemple jo@example.org", ""),
    ("invalid-times-of-day", "saisissez deux heures différentes, par exemple 22:00 et 07:00", ""),
    ("unknown-time-zone", "choisissez un fuseau horaire, par exemple Europe/Paris", ""),
    ("state-does-not-fit", "aucune tâche dans ces états ne peut subir cette action", ""),
    ("out-of-range", "entrez un nombre de {min} à {max}", ""),
    ("missing-field", "c’est nécessaire", ""),
    ("wrong-type", "cette valeur ne convient pas ici", ""),
    ("unknown-field", "ce champ n’existe pas", ""),
    ("duplicate-field", "c’est donné deux fois", ""),
    ("unknown-value", "ce n’est pas l’un des choix", ""),
    ("not-available", "ce n’est pas encore disponible", ""),
    ("invalid-time", "entrez une date et une heure", ""),
    ("too-far", "choisissez une heure d’ici un an", ""),
    ("not-a-number", "entrez un nombre entier", ""),
    ("too-long", "entrez au plus {max} caractères", ""),
    ("upload-missing", "choisissez à nouveau le fichier : le précédent a disparu", ""),
    ("none-chosen", "nommez-en au moins un", ""),
    ("too-many", "entrez-en au plus {max}", ""),
    ("bad-name", "« {value} » ne peut pas être un nom ici", ""),
    ("choose", "ceci a changé entre-temps : choisissez la valeur qui reste", ""),
    ("bad-price", "entrez un prix, par exemple 12,50", ""),
    ("bad-tag", "une étiquette n’a pas de virgule", ""),
    ("unknown-variant", "le produit n’a pas cette variante", ""),
    ("not-with-input", "des valeurs modifiées créent un nouveau travail, qui part du début", ""),
];

/// Why a row of a product file was not taken.
const REJECTS: &[Entry] = &[
    ("title-missing", "Un nouveau produit demande un titre.", ""),
    ("handle-missing", "La ligne n’a pas d’identifiant (Handle).", ""),
    ("handle-too-long", "L’identifiant est trop long : {found} octets, au plus {max}.", ""),
    ("bad-price", "« {value} » n’est pas un prix.", ""),
    ("bad-quantity", "« {value} » n’est pas une quantité.", ""),
    ("bad-position", "« {value} » n’est pas une position.", ""),
    ("bad-published", "« {value} » n’est ni vrai ni faux.", ""),
    ("wrong-column-count", "La ligne a {found} colonnes au lieu de {expected}.", ""),
    ("truncated-row", "La ligne est coupée : un guillemet n’est pas fermé.", ""),
    ("field-too-large", "La cellule est trop longue ({max} octets au plus).", ""),
    ("row-too-large", "La ligne est trop longue.", ""),
    ("not-utf8", "La cellule n’est pas du texte UTF-8.", ""),
    ("stray-quote", "Un guillemet est là où il ne peut pas être.", ""),
];
