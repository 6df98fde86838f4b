//! `PATCH /api/v1/products/{handle}`: the change of one product, as a JSON merge patch has it (RFC 7396): what is absent stays, `null` clears.
//!
//! Judged by the store within the transaction that writes it, by the form and by the editor before they send. Variants are an array whose
//! entries name the variant by its options, as `GET` gives them, since places in an array would not say which is meant.
//! Invariant: what [`ProductEdit::apply`] lets through, an import of the same values would store as the same text.

use super::cells;
use crate::{
    InputError,
    api::{Product, Variant},
};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest title, vendor, type, SKU or tag, in characters.
pub const TEXT_LIMIT: usize = 500;
/// Most tags.
pub const TAGS_LIMIT: usize = 250;

/// What is to become different of a product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductEdit {
    /// Not blank.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Blank or `null` for none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Option<String>>,
    /// Likewise.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub product_type: Option<Option<String>>,
    /// All of them, in their order; without commas, which is how a product file separates them.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Whether customers see it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    /// Only those that are to change; none is added or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantEdit>,
}

/// What is to become different of a variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantEdit {
    /// Which one: its names and values, as the product has them; nothing for the only variant of a product without options.
    #[serde(default)]
    pub options: Vec<(String, String)>,
    /// Blank or `null` for none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub sku: Option<Option<String>>,
    /// A decimal such as `12.50`; blank or `null` for none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub price: Option<Option<String>>,
    /// Likewise.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub compare_at_price: Option<Option<String>>,
    /// A whole number; `null` for unknown.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub inventory_qty: Option<Option<i64>>,
}

/// A field that is there, `null` included; serde alone would take `null` for absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl ProductEdit {
    /// The product as it would be, with its revision as it is.
    ///
    /// # Errors
    /// Everything that is wrong, at its place in the edit; then nothing of it may be done.
    pub fn apply(&self, product: &Product) -> Result<Product, Vec<InputError>> {
        let (mut edited, mut errors) = (product.clone(), Vec::new());
        if let Some(title) = &self.title {
            match text("/title", Some(title), &mut errors) {
                Some(title) => edited.title = title,
                None if errors.is_empty() => {
                    errors.push(InputError::new("/title", "missing-field", "must not be blank"))
                }
                None => {}
            }
        }
        if let Some(vendor) = &self.vendor {
            edited.vendor = text("/vendor", vendor.as_deref(), &mut errors);
        }
        if let Some(product_type) = &self.product_type {
            edited.product_type = text("/product_type", product_type.as_deref(), &mut errors);
        }
        if let Some(tags) = &self.tags {
            edited.tags = judge_tags(tags, &mut errors);
        }
        edited.published = self.published.unwrap_or(edited.published);
        let mut named = Vec::new();
        for (index, edit) in self.variants.iter().enumerate() {
            let pointer = format!("/variants/{index}");
            let mut found = (0..).zip(&mut edited.variants).filter(|(_, variant)| variant.options == edit.options);
            match (found.next(), found.next()) {
                (Some((at, _)), None) if named.contains(&at) => {
                    errors.push(InputError::new(
                        format!("{pointer}/options"),
                        "duplicate-field",
                        "names a variant again",
                    ));
                }
                (Some((at, variant)), None) => {
                    named.push(at);
                    edit.apply(&pointer, variant, &mut errors);
                }
                _ => {
                    let detail = "must be the options of exactly one variant of the product, as it has them";
                    errors.push(InputError::new(format!("{pointer}/options"), "unknown-variant", detail));
                }
            }
        }
        if errors.is_empty() { Ok(edited) } else { Err(errors) }
    }
}

impl VariantEdit {
    fn apply(&self, pointer: &str, variant: &mut Variant, errors: &mut Vec<InputError>) {
        if let Some(sku) = &self.sku {
            variant.sku = text(&format!("{pointer}/sku"), sku.as_deref(), errors);
        }
        if let Some(price) = &self.price {
            variant.price = judge_price(&format!("{pointer}/price"), price.as_deref(), errors);
        }
        if let Some(price) = &self.compare_at_price {
            variant.compare_at_price = judge_price(&format!("{pointer}/compare_at_price"), price.as_deref(), errors);
        }
        variant.inventory_qty = self.inventory_qty.unwrap_or(variant.inventory_qty);
    }
}

/// A trimmed text within its limit; none for a blank one.
fn text(pointer: &str, value: Option<&str>, errors: &mut Vec<InputError>) -> Option<String> {
    let value = value.map(str::trim).filter(|value| !value.is_empty())?;
    if value.chars().count() > TEXT_LIMIT {
        let params = [("max".to_owned(), TEXT_LIMIT.into())].into_iter().collect();
        let detail = format!("must have at most {TEXT_LIMIT} characters");
        errors.push(InputError { params, ..InputError::new(pointer, "too-long", detail) });
        return None;
    }
    Some(value.to_owned())
}

fn judge_price(pointer: &str, value: Option<&str>, errors: &mut Vec<InputError>) -> Option<String> {
    let value = value.map(str::trim).filter(|value| !value.is_empty())?;
    let price = cells::price(value);
    if price.is_none() {
        errors.push(InputError::new(pointer, "bad-price", "must be a decimal such as 12.50"));
    }
    price
}

fn judge_tags(tags: &[String], errors: &mut Vec<InputError>) -> Vec<String> {
    if tags.len() > TAGS_LIMIT {
        let params = [("max".to_owned(), TAGS_LIMIT.into())].into_iter().collect();
        let detail = format!("must be at most {TAGS_LIMIT}");
        errors.push(InputError { params, ..InputError::new("/tags", "too-many", detail) });
        return Vec::new();
    }
    let mut judged = Vec::with_capacity(tags.len());
    for (index, tag) in tags.iter().enumerate() {
        let pointer = format!("/tags/{index}");
        if tag.contains(',') {
            errors.push(InputError::new(&pointer, "bad-tag", "must have no comma"));
        }
        judged.extend(text(&pointer, Some(tag), errors));
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::draft::tests::lamp;

    fn edit(json: &str) -> ProductEdit {
        serde_json::from_str(json).unwrap()
    }

    fn refused(json: &str) -> Vec<(String, String)> {
        let errors = edit(json).apply(&lamp()).unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn what_is_absent_stays_and_null_or_blank_clears() {
        assert_eq!(edit("{}").apply(&lamp()), Ok(lamp()));
        let edited = edit(
            r#"{"title":" Desk lamp ","vendor":null,"product_type":"","tags":["new"," "],"published":false,
                "variants":[{"options":[["Colour","Black"]],"price":"9.5","compare_at_price":null,"inventory_qty":null}]}"#,
        );
        let edited = edited.apply(&lamp()).unwrap();
        assert_eq!((edited.title.as_str(), edited.vendor, edited.product_type), ("Desk lamp", None, None));
        assert_eq!((edited.tags, edited.published), (vec!["new".to_owned()], false));
        assert_eq!(edited.variants[0], lamp().variants[0]);
        let black = &edited.variants[1];
        assert_eq!((black.price.as_deref(), &black.compare_at_price, black.inventory_qty), (Some("9.50"), &None, None));
        assert_eq!(black.sku, lamp().variants[1].sku);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let of = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(
            refused(r#"{"title":"  ","tags":["a,b"],"variants":[{"options":[["Colour","White"]],"price":"cheap"}]}"#),
            [of("/title", "missing-field"), of("/tags/0", "bad-tag"), of("/variants/0/price", "bad-price")]
        );
        assert_eq!(
            refused(r#"{"variants":[{"options":[["Colour","Red"]]}]}"#),
            [of("/variants/0/options", "unknown-variant")]
        );
        assert_eq!(refused(r#"{"variants":[{"price":"1"}]}"#), [of("/variants/0/options", "unknown-variant")]);
        let white = r#"{"options":[["Colour","White"]]}"#;
        assert_eq!(
            refused(&format!(r#"{{"variants":[{white},{white}]}}"#)),
            [of("/variants/1/options", "duplicate-field")]
        );
        assert_eq!(refused(&format!(r#"{{"vendor":"{}"}}"#, "x".repeat(501))), [of("/vendor", "too-long")]);
        for json in [r#"{"title":null}"#, r#"{"published":null}"#, r#"{"handle":"x"}"#, r#"{"tags":"a"}"#] {
            assert!(serde_json::from_str::<ProductEdit>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_edit_says_in_json_only_what_it_changes() {
        let text = r#"{"vendor":null,"variants":[{"options":[["Colour","White"]],"price":"1.00"}]}"#;
        assert_eq!(serde_json::to_string(&edit(text)).unwrap(), text);
    }
}
