//! A product's form half filled in, and what becomes of it when the product changes beneath.
//!
//! Held by the editor in the browser; made of a posted form by the server, which is how the form comes again after a conflict. A field is
//! named as in the form (`variants.0.price`), and has the text that a person sees.
//! Invariants: what was typed is replaced only by whoever typed it, or by the same value; a field that both sides changed stands in
//! [`Draft::conflicts`] until one of the two is chosen, and nothing is sent before.

use super::{
    cells,
    edit::{ProductEdit, VariantEdit},
};
use crate::{InputError, api::Product};
use std::collections::{BTreeMap, BTreeSet};

/// Fields by name.
pub type Fields = BTreeMap<String, String>;

/// Variants that a form shows.
pub const FORM_VARIANTS: usize = 250;
/// Before the name of a field: the text that it had when the form was made.
pub const WAS: &str = "was.";
/// Before the name of a field: which side of a conflict was chosen, `mine` or `theirs`.
pub const CHOOSE: &str = "choose.";
/// A form names each field that is in conflict with this.
pub const CONFLICT: &str = "conflict";
/// The entity tag of the product that the form was made of.
pub const ETAG: &str = "etag";
/// What a ticked box says.
const TICKED: &str = "on";
const PUBLISHED: &str = "published";

/// Which value of a field stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// What was typed.
    Mine,
    /// What the catalogue has now.
    Theirs,
}

/// A half-typed edit of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The product that it would change.
    pub product: Product,
    was: Fields,
    typed: Fields,
    conflicts: BTreeSet<String>,
}

/// What a form of a product shows.
pub fn fields_of(product: &Product) -> Fields {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut fields = Fields::from([
        ("title".to_owned(), product.title.clone()),
        ("vendor".to_owned(), text(&product.vendor)),
        ("product_type".to_owned(), text(&product.product_type)),
        ("tags".to_owned(), product.tags.join(", ")),
        (PUBLISHED.to_owned(), if product.published { TICKED.to_owned() } else { String::new() }),
    ]);
    for (index, variant) in product.variants.iter().take(FORM_VARIANTS).enumerate() {
        let mut put = |name: &str, value: String| fields.insert(format!("variants.{index}.{name}"), value);
        put("sku", text(&variant.sku));
        put("price", text(&variant.price));
        put("compare_at_price", text(&variant.compare_at_price));
        put("inventory_qty", variant.inventory_qty.map(|qty| qty.to_string()).unwrap_or_default());
    }
    fields
}

/// The name of a field without what stands before it: `price` of `variants.0.price`.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn is_price(name: &str) -> bool {
    matches!(last_part(name), "price" | "compare_at_price")
}

fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty())
}

/// A text as it would be kept, where it can be. A control of one line drops the ends of lines, which a file may well have.
fn canonical(name: &str, text: &str) -> String {
    let text = text.replace(['\r', '\n'], "");
    let text = text.trim();
    match name {
        _ if is_price(name) => cells::typed_price(text).unwrap_or_else(|| text.to_owned()),
        "tags" => tags(text).collect::<Vec<_>>().join(", "),
        _ => text.to_owned(),
    }
}

fn same(name: &str, one: &str, other: &str) -> bool {
    one == other || canonical(name, one) == canonical(name, other)
}

impl Draft {
    /// A form in which nothing has been typed yet.
    pub fn new(product: Product) -> Self {
        let was = fields_of(&product);
        Self { typed: was.clone(), was, product, conflicts: BTreeSet::new() }
    }

    /// A form as it was posted, on the product as it is now.
    pub fn posted(product: Product, posted: &[(String, String)]) -> Self {
        let value = |name: &str| posted.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let mut draft = Self::new(product);
        for (name, was) in posted.iter().filter_map(|(key, was)| Some((key.strip_prefix(WAS)?, was))) {
            // Only what the product has: a form is no place to invent fields.
            if !draft.was.contains_key(name) {
                continue;
            }
            // A box that is not ticked is not sent.
            let typed = value(name).or_else(|| (name == PUBLISHED).then_some(""));
            let choice = value(&format!("{CHOOSE}{name}"));
            let typed = typed.filter(|_| choice != Some("theirs")).unwrap_or(was);
            draft.typed.insert(name.to_owned(), typed.to_owned());
            draft.was.insert(name.to_owned(), was.clone());
            let open = posted.iter().any(|(key, field)| key == CONFLICT && field == name);
            if open && choice.is_none() && !same(name, typed, was) {
                draft.conflicts.insert(name.to_owned());
            }
        }
        let product = draft.product.clone();
        draft.rebase(product);
        draft
    }

    /// What stands in a field.
    pub fn typed(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// What the catalogue has for a field.
    pub fn theirs(&self, name: &str) -> &str {
        self.was.get(name).map_or("", String::as_str)
    }

    /// The fields' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.was.keys().map(String::as_str)
    }

    /// Fields that were changed on both sides, and for which nothing was chosen yet.
    pub fn conflicts(&self) -> &BTreeSet<String> {
        &self.conflicts
    }

    /// Whether a field says something else than the catalogue.
    pub fn is_changed(&self, name: &str) -> bool {
        !same(name, self.typed(name), self.theirs(name))
    }

    /// Whether anything would be sent.
    pub fn is_dirty(&self) -> bool {
        self.names().any(|name| self.is_changed(name))
    }

    /// Something was typed.
    pub fn type_in(&mut self, name: &str, text: String) {
        if !self.was.contains_key(name) {
            return;
        }
        self.typed.insert(name.to_owned(), text);
        if !self.is_changed(name) {
            self.conflicts.remove(name);
        }
    }

    /// Ends a conflict.
    pub fn choose(&mut self, name: &str, choice: Choice) {
        self.conflicts.remove(name);
        if choice == Choice::Theirs {
            let theirs = self.theirs(name).to_owned();
            self.typed.insert(name.to_owned(), theirs);
        }
    }

    /// The product is another one now: fields that nobody touched follow it, those that were typed into stay, and those changed on both
    /// sides become conflicts. Answers the fields that show something else than before.
    pub fn rebase(&mut self, product: Product) -> Vec<String> {
        let now = fields_of(&product);
        let mut followed = Vec::new();
        for (name, theirs) in &now {
            let touched = self.was.contains_key(name) && self.is_changed(name);
            let mine = self.typed.get(name);
            if touched && mine.is_some_and(|mine| !same(name, mine, theirs)) {
                if !same(name, self.theirs(name), theirs) {
                    self.conflicts.insert(name.clone());
                }
            } else {
                self.conflicts.remove(name);
                if mine != Some(theirs) && !touched {
                    followed.push(name.clone());
                    self.typed.insert(name.clone(), theirs.clone());
                }
            }
        }
        self.was = now;
        self.product = product;
        followed
    }

    /// What was typed has been saved: fields that say the same as the catalogue show it as the catalogue has it. Answers those that show
    /// something else than before.
    pub fn settle(&mut self) -> Vec<String> {
        let settled = |(name, theirs): (&String, &String)| {
            let mine = self.typed.get(name)?;
            (mine != theirs && same(name, mine, theirs)).then(|| name.clone())
        };
        let names: Vec<String> = self.was.iter().filter_map(settled).collect();
        for name in &names {
            let theirs = self.theirs(name).to_owned();
            self.typed.insert(name.clone(), theirs);
        }
        names
    }

    /// The edit that the form asks for: only what differs from the catalogue. Judged already, so the service takes it unless the product
    /// changes before.
    ///
    /// # Errors
    /// What is wrong with it, and every conflict that waits for a choice, at the fields' pointers.
    pub fn edit(&self) -> Result<ProductEdit, Vec<InputError>> {
        let mut errors: Vec<InputError> = Vec::new();
        for name in &self.conflicts {
            let detail = "changed meanwhile: choose which value stays";
            errors.push(InputError::new(pointer_of(name), "choose", detail));
        }
        let changed = |name: &str| self.is_changed(name).then(|| self.typed(name).trim().to_owned());
        let mut edit = ProductEdit {
            title: changed("title"),
            vendor: changed("vendor").map(Some),
            product_type: changed("product_type").map(Some),
            tags: changed("tags").map(|text| tags(&text).map(str::to_owned).collect()),
            published: changed(PUBLISHED).map(|text| text == TICKED),
            variants: Vec::new(),
        };
        for (index, variant) in self.product.variants.iter().take(FORM_VARIANTS).enumerate() {
            let changed = |name: &str| changed(&format!("variants.{index}.{name}"));
            let price = |name: &str| changed(name).map(|text| Some(cells::typed_price(&text).unwrap_or(text)));
            let quantity = changed("inventory_qty").map(|text| match (text.as_str(), cells::quantity(&text)) {
                ("", _) => None,
                (_, None) => {
                    let pointer = format!("/variants/{index}/inventory_qty");
                    errors.push(InputError::new(pointer, "not-a-number", "must be a whole number"));
                    None
                }
                (_, quantity) => quantity,
            });
            // Entries for all of them, so that a pointer's number is the field's.
            edit.variants.push(VariantEdit {
                options: variant.options.clone(),
                sku: changed("sku").map(Some),
                price: price("price"),
                compare_at_price: price("compare_at_price"),
                inventory_qty: quantity,
            });
        }
        let says_something =
            |edit: &VariantEdit| *edit != VariantEdit { options: edit.options.clone(), ..VariantEdit::default() };
        let needed = edit.variants.iter().rposition(says_something).map_or(0, |last| last + 1);
        edit.variants.truncate(needed);
        let judged = edit.apply(&self.product);
        errors.extend(judged.err().unwrap_or_default().into_iter().map(at_field));
        if errors.is_empty() { Ok(edit) } else { Err(errors) }
    }
}

/// A form has one field for all tags.
fn at_field(mut error: InputError) -> InputError {
    if error.pointer.starts_with("/tags/") {
        error.pointer = "/tags".to_owned();
    }
    error
}

/// `/variants/0/price` of `variants.0.price`.
pub fn pointer_of(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        Timestamp,
        api::{ChangedBy, Variant},
    };

    /// A product with two variants.
    pub(in crate::catalogue) fn lamp() -> Product {
        let variant = |colour: &str, price: &str| Variant {
            options: vec![("Colour".to_owned(), colour.to_owned())],
            sku: Some(format!("L-{colour}")),
            price: Some(price.to_owned()),
            compare_at_price: Some("99.00".to_owned()),
            inventory_qty: Some(3),
        };
        Product {
            handle: "lamp".to_owned(),
            title: "Lamp".to_owned(),
            vendor: Some("Atelier".to_owned()),
            product_type: Some("Light".to_owned()),
            tags: vec!["warm".to_owned(), "blue".to_owned()],
            published: true,
            variants: vec![variant("White", "80.00"), variant("Black", "85.00")],
            images: Vec::new(),
            revision: 1,
            updated_at: Timestamp(0),
            changed_by: ChangedBy::Import,
            etag: "\"k-1\"".to_owned(),
        }
    }

    fn priced(price: &str) -> Product {
        let mut lamp = lamp();
        lamp.variants[0].price = Some(price.to_owned());
        lamp.revision += 1;
        lamp
    }

    const PRICE: &str = "variants.0.price";

    fn typed(name: &str, text: &str) -> Draft {
        let mut draft = Draft::new(lamp());
        draft.type_in(name, text.to_owned());
        draft
    }

    #[test]
    fn a_field_that_nobody_touched_follows_the_catalogue_and_a_typed_one_stays() {
        let mut draft = typed("title", "Desk lamp");
        let mut theirs = priced("75.00");
        theirs.title = "Lamp".to_owned();
        assert_eq!(draft.rebase(theirs), [PRICE]);
        assert_eq!((draft.typed("title"), draft.typed(PRICE)), ("Desk lamp", "75.00"));
        assert!(draft.conflicts().is_empty());
        let edit = draft.edit().unwrap();
        assert_eq!(edit, ProductEdit { title: Some("Desk lamp".to_owned()), ..ProductEdit::default() });
    }

    #[test]
    fn a_field_that_both_changed_is_a_conflict_until_one_is_chosen() {
        let mut draft = typed(PRICE, "11,5");
        assert_eq!(draft.rebase(priced("12.00")), Vec::<String>::new());
        assert_eq!((draft.typed(PRICE), draft.theirs(PRICE)), ("11,5", "12.00"));
        let errors = draft.edit().unwrap_err();
        assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_str()), ("/variants/0/price", "choose"));
        // Another change of something else, or of the same field, leaves it open.
        draft.rebase(priced("13.00"));
        assert!(draft.conflicts().contains(PRICE));
        let (mut mine, mut theirs) = (draft.clone(), draft.clone());
        mine.choose(PRICE, Choice::Mine);
        assert_eq!(mine.edit().unwrap().variants[0].price, Some(Some("11.50".to_owned())));
        theirs.choose(PRICE, Choice::Theirs);
        assert!(!theirs.is_dirty());
        assert_eq!(theirs.typed(PRICE), "13.00");
        // What both sides want is none.
        draft.rebase(priced("11.50"));
        assert!(draft.conflicts().is_empty() && !draft.is_dirty());
    }

    #[test]
    fn what_was_saved_shows_as_it_is_kept_and_what_was_typed_since_stays() {
        let mut draft = typed(PRICE, "11,5");
        draft.type_in("title", "Desk la".to_owned());
        draft.rebase(priced("11.50"));
        assert_eq!(
            (draft.settle(), draft.typed(PRICE), draft.typed("title")),
            (vec![PRICE.to_owned()], "11.50", "Desk la")
        );
    }

    #[test]
    fn a_control_that_drops_the_ends_of_lines_changes_nothing() {
        let lines = Product { title: "Lamp\r\nfor desks".to_owned(), ..lamp() };
        let mut draft = Draft::new(lines);
        draft.type_in("title", "Lampfor desks".to_owned());
        assert!(!draft.is_dirty());
    }

    #[test]
    fn typing_what_the_catalogue_has_ends_a_conflict() {
        let mut draft = typed(PRICE, "11.50");
        draft.rebase(priced("12.00"));
        draft.type_in(PRICE, "12".to_owned());
        assert!(draft.conflicts().is_empty() && !draft.is_dirty());
    }

    #[test]
    fn a_new_variant_of_an_import_appears_and_what_was_typed_stays() {
        let mut draft = typed("variants.1.sku", "X");
        let mut theirs = lamp();
        theirs.variants.push(lamp().variants[0].clone());
        theirs.variants[2].options[0].1 = "Red".to_owned();
        draft.rebase(theirs);
        assert_eq!((draft.typed("variants.1.sku"), draft.typed("variants.2.price")), ("X", "80.00"));
    }

    /// The fields that a form made of `draft` posts, with what was done to it.
    fn form(draft: &Draft, then: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut posted: Vec<(String, String)> = Vec::new();
        for name in draft.names() {
            posted.push((format!("{WAS}{name}"), draft.theirs(name).to_owned()));
            if name != PUBLISHED || draft.typed(name) == TICKED {
                posted.push((name.to_owned(), draft.typed(name).to_owned()));
            }
        }
        posted.extend(draft.conflicts().iter().map(|name| (CONFLICT.to_owned(), name.clone())));
        posted.extend(then.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        posted
    }

    #[test]
    fn a_posted_form_is_the_same_draft() {
        let draft = Draft::new(lamp());
        assert_eq!(Draft::posted(lamp(), &form(&draft, &[])), draft);
        let changed = Draft::posted(lamp(), &form(&draft, &[("title", "Desk lamp"), (PRICE, "9,90")]));
        let edit = changed.edit().unwrap();
        assert_eq!((edit.title.as_deref(), edit.variants.len()), (Some("Desk lamp"), 1));
        assert_eq!(edit.variants[0].price, Some(Some("9.90".to_owned())));
        let unticked: Vec<_> = form(&draft, &[]).into_iter().filter(|(name, _)| name != PUBLISHED).collect();
        assert_eq!(Draft::posted(lamp(), &unticked).edit().unwrap().published, Some(false));
        assert!(!Draft::posted(lamp(), &[("was.nonsense".to_owned(), "x".to_owned())]).is_dirty());
    }

    #[test]
    fn a_form_posted_late_comes_again_with_its_conflicts_and_goes_through_once_chosen() {
        let typed = form(&Draft::new(lamp()), &[(PRICE, "11.50"), ("title", "Desk lamp")]);
        let again = Draft::posted(priced("12.00"), &typed);
        assert_eq!(again.conflicts().iter().collect::<Vec<_>>(), [PRICE]);
        let unanswered = Draft::posted(priced("12.00"), &form(&again, &[]));
        assert_eq!(unanswered, again, "posting it again without a choice says it again");
        let mine = Draft::posted(priced("12.00"), &form(&again, &[("choose.variants.0.price", "mine")]));
        assert_eq!(mine.edit().unwrap().variants[0].price, Some(Some("11.50".to_owned())));
        let theirs = Draft::posted(priced("12.00"), &form(&again, &[("choose.variants.0.price", "theirs")]));
        let edit = theirs.edit().unwrap();
        assert_eq!((edit.title.as_deref(), edit.variants), (Some("Desk lamp"), vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_at_the_field() {
        let mut draft = typed("variants.1.inventory_qty", "many");
        draft.type_in("variants.1.price", "cheap".to_owned());
        draft.type_in("title", " ".to_owned());
        let places: Vec<_> = draft.edit().unwrap_err().into_iter().map(|error| (error.pointer, error.code)).collect();
        let of = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(
            places,
            [
                of("/variants/1/inventory_qty", "not-a-number"),
                of("/title", "missing-field"),
                of("/variants/1/price", "bad-price")
            ]
        );
    }
}
