//! The sentences of the Catalogue's editor and of its freshness, in a table of their own beside `strings`, which has those of its list.
//!
//! Invariant: as in `strings`, a sentence that a language lacks does not compile.

use super::{Lang, format};
use domain::{Timestamp, api::ChangedBy};

/// Every sentence of editing and of freshness.
// The English table says what each is; a sentence about each sentence would say it again.
#[allow(missing_docs)]
pub struct CatalogueStrings {
    lang: Lang,
    pub by_import: &'static str,
    pub by_edit: &'static str,
    changed_by: fn(&str, &str) -> String,
    pub your_import: &'static str,
    pub stays_fresh: fn(&str) -> String,
    pub may_be_old: &'static str,

    pub title: &'static str,
    pub product_type: &'static str,
    pub tags: &'static str,
    pub published: &'static str,
    pub published_hint: &'static str,
    pub sku: &'static str,
    pub price: &'static str,
    pub compare_at: &'static str,
    pub in_stock: &'static str,
    pub only_variant: &'static str,
    pub variants_left_out: fn(&str, &str) -> String,
    pub images: &'static str,

    pub edit: &'static str,
    pub edit_of: fn(&str) -> String,
    pub edit_heading: &'static str,
    pub save: &'static str,
    pub saving: &'static str,
    pub saved: &'static str,
    pub unchanged: &'static str,
    pub close: &'static str,
    pub keys: &'static str,
    pub unsaved: &'static str,

    pub overtaken: fn(&str) -> String,
    pub overtaken_open: fn(u64) -> String,
    pub conflict: fn(&str, &str, &str) -> String,
    pub keep_mine: fn(&str) -> String,
    pub take_theirs: fn(&str) -> String,
    pub nothing: &'static str,
    pub yes: &'static str,
    pub no: &'static str,

    pub select: fn(&str) -> String,
    pub selected: fn(u64) -> String,
    pub ask_suppliers: &'static str,
    pub export: &'static str,
    pub import: &'static str,
    pub actions: &'static str,
    pub pending: &'static str,
}

impl CatalogueStrings {
    /// "an import, 3 min ago": what changed a product last.
    pub fn who(&self, by: ChangedBy) -> &'static str {
        match by {
            ChangedBy::Import => self.by_import,
            ChangedBy::Edit => self.by_edit,
        }
    }

    /// By whom and when, of a change that came in between.
    pub fn changed_by(&self, by: ChangedBy, now: Timestamp, at: Timestamp) -> String {
        (self.changed_by)(self.who(by), &format::ago(self.lang, now, at))
    }

    /// The label of the field that a pointer into a product is about; none for another pointer.
    pub fn field_name(&self, pointer: &str) -> Option<&'static str> {
        Some(match pointer.trim_start_matches('/') {
            "title" => self.title,
            "vendor" => super::t(self.lang).vendor,
            "product_type" => self.product_type,
            "tags" => self.tags,
            "published" => self.published,
            variant => match variant.strip_prefix("variants/")?.split_once('/')?.1 {
                "sku" => self.sku,
                "price" => self.price,
                "compare_at_price" => self.compare_at,
                "inventory_qty" => self.in_stock,
                _ => return None,
            },
        })
    }
}

/// The table of a language.
pub const fn catalogue(lang: Lang) -> &'static CatalogueStrings {
    match lang {
        Lang::En => &EN,
        Lang::Fr => &FR,
    }
}

/// The table of the page's language.
pub fn use_catalogue() -> &'static CatalogueStrings {
    catalogue(super::use_lang())
}

const EN: CatalogueStrings = CatalogueStrings {
    lang: Lang::En,
    by_import: "an import",
    by_edit: "an edit",
    changed_by: |who, ago| format!("{who}, {ago}"),
    your_import: "Yours:",
    stays_fresh: |channel| format!("Changes appear by themselves ({channel})."),
    may_be_old: "No connection: this may be old.",

    title: "Title",
    product_type: "Type",
    tags: "Tags, with commas between",
    published: "Published",
    published_hint: "Customers see it.",
    sku: "SKU",
    price: "Price",
    compare_at: "Price before",
    in_stock: "In stock",
    only_variant: "Price and stock",
    variants_left_out: |left, shown| {
        format!("{left} more variants can be changed by an import or over the API; the first {shown} are here.")
    },
    images: "Pictures",

    edit: "Edit",
    edit_of: |title| format!("Edit {title}"),
    edit_heading: "Edit",
    save: "Save",
    saving: "Saving…",
    saved: "Saved.",
    unchanged: "Nothing was different, so nothing was saved.",
    close: "Close",
    keys: "Enter saves, Escape closes.",
    unsaved: "You have typed something that is not saved. Escape or Close once more discards it.",

    overtaken: |by| {
        format!(
            "Changed meanwhile by {by}. What you typed is kept; the fields that you had not touched show what is there now."
        )
    },
    overtaken_open: |n| match n {
        1 => "One field was changed on both sides: choose below which value stays.".to_owned(),
        _ => format!("{n} fields were changed on both sides: choose below which values stay."),
    },
    conflict: |by, theirs, mine| format!("Changed meanwhile by {by}: now {theirs}, you have {mine}."),
    keep_mine: |value| format!("Keep mine: {value}"),
    take_theirs: |value| format!("Take theirs: {value}"),
    nothing: "nothing",
    yes: "yes",
    no: "no",

    select: |title| format!("Select {title}"),
    selected: |n| if n == 1 { "1 product selected".to_owned() } else { format!("{n} products selected") },
    ask_suppliers: "Ask suppliers",
    export: "Export",
    import: "Import",
    actions: "With the catalogue",
    pending: "not saved yet",
};

const FR: CatalogueStrings = CatalogueStrings {
    lang: Lang::Fr,
    by_import: "un import",
    by_edit: "une modification",
    changed_by: |who, ago| format!("{who}, {ago}"),
    your_import: "Le vôtre :",
    stays_fresh: |channel| format!("Les changements apparaissent d’eux-mêmes ({channel})."),
    may_be_old: "Pas de connexion : ceci a peut-être vieilli.",

    title: "Titre",
    product_type: "Type",
    tags: "Étiquettes, séparées par des virgules",
    published: "Publié",
    published_hint: "Visible pour les clients.",
    sku: "Référence (SKU)",
    price: "Prix",
    compare_at: "Prix d’avant",
    in_stock: "En stock",
    only_variant: "Prix et stock",
    variants_left_out: |left, shown| {
        format!("{left} autres variantes se changent par un import ou par l’API ; les {shown} premières sont ici.")
    },
    images: "Images",

    edit: "Modifier",
    edit_of: |title| format!("Modifier {title}"),
    edit_heading: "Modifier",
    save: "Enregistrer",
    saving: "Enregistrement…",
    saved: "Enregistré.",
    unchanged: "Rien n’était différent, donc rien n’a été enregistré.",
    close: "Fermer",
    keys: "Entrée enregistre, Échap ferme.",
    unsaved: "Vous avez saisi quelque chose qui n’est pas enregistré. Échap ou Fermer encore une fois l’abandonne.",

    overtaken: |by| {
        format!(
            "Changé entre-temps par {by}. Votre saisie est gardée ; les champs que vous n’aviez pas touchés montrent ce qui s’y trouve maintenant."
        )
    },
    overtaken_open: |n| match n {
        1 => "Un champ a changé des deux côtés : choisissez ci-dessous la valeur qui reste.".to_owned(),
        _ => format!("{n} champs ont changé des deux côtés : choisissez ci-dessous les valeurs qui restent."),
    },
    conflict: |by, theirs, mine| format!("Changé entre-temps par {by} : maintenant {theirs}, vous avez {mine}."),
    keep_mine: |value| format!("Garder le mien : {value}"),
    take_theirs: |value| format!("Prendre l’autre : {value}"),
    nothing: "rien",
    yes: "oui",
    no: "non",

    select: |title| format!("Sélectionner {title}"),
    selected: |n| if n < 2 { format!("{n} produit sélectionné") } else { format!("{n} produits sélectionnés") },
    ask_suppliers: "Demander aux fournisseurs",
    export: "Exporter",
    import: "Importer",
    actions: "Avec le catalogue",
    pending: "pas encore enregistré",
};
