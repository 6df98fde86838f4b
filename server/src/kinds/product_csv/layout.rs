//! The writing side of the format: a product as rows of cells, under the columns that an import reads.
//!
//! Used by `catalogue_export` for every sort of file. As in a shop's own export the n-th row of a product carries its n-th variant and
//! its n-th picture, and only the first what is the product's.
//! Invariant: reading the rows back says exactly what the catalogue has, so that importing an export changes nothing.

use super::{
    cells::{is_amount, price},
    columns::{Column, GUARD_MARK, known},
};
use crate::store::{ExportedImage, ExportedProduct, ExportedVariant};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

/// The known columns in the order of a shop's export; [`OF_VARIANT`] follow behind the products' own further columns, and [`LAST`] at the end.
const FIRST: [&str; 31] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
];
const OF_VARIANT: [&str; 4] = ["Variant Image", "Variant Weight Unit", "Variant Tax Code", "Cost per item"];
const LAST: [&str; 2] = ["Status", GUARD_MARK];

/// What stands in a cell. Texts are as the catalogue has them, guarded by nobody yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Blank,
    /// Text, whatever it looks like.
    Text(&'a str),
    /// A number, in the digits that it has in a CSV.
    Number(Cow<'a, str>),
    /// A number that is money.
    Amount(&'a str),
}

impl<'a> Cell<'a> {
    fn text(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Blank, Self::Text)
    }

    fn amount(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Blank, Self::Amount)
    }

    fn number(number: Option<i64>) -> Self {
        number.map_or(Self::Blank, |number| Self::Number(number.to_string().into()))
    }
}

/// A column, and other titles that values of it are kept by: they differ in case, which an import does not regard.
#[derive(Debug, Clone)]
struct Place {
    title: String,
    column: Column,
    aliases: Vec<String>,
}

/// Which columns there are.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    places: Vec<Place>,
    /// Every title and alias.
    covered: HashSet<String>,
}

impl Layout {
    /// The known columns, and those that this catalogue's products and variants have besides.
    pub fn new(of_products: &BTreeSet<String>, of_variants: &BTreeSet<String>) -> Self {
        let mut layout = Self::default();
        let mut by_lower = HashMap::new();
        // What has its place further down keeps it.
        let fixed = |title: &&str| !OF_VARIANT.iter().chain(&LAST).any(|at| at.eq_ignore_ascii_case(title));
        let of_products = of_products.iter().map(String::as_str).filter(fixed);
        let of_variants = of_variants.iter().map(String::as_str).filter(|title| !LAST.contains(title));
        for title in FIRST.into_iter().chain(of_products).chain(OF_VARIANT).chain(of_variants).chain(LAST) {
            let place = *by_lower.entry(title.to_lowercase()).or_insert_with(|| {
                let (title, column) = known(title);
                layout.places.push(Place { title: title.to_owned(), column, aliases: Vec::new() });
                layout.places.len() - 1
            });
            if layout.covered.insert(title.to_owned())
                && let Some(place) = layout.places.get_mut(place).filter(|place| place.title != title)
            {
                place.aliases.push(title.to_owned());
            }
        }
        layout
    }

    /// The same without the mark of guarded cells, for a file whose texts need no guard.
    #[must_use]
    pub fn unguarded(mut self) -> Self {
        self.places.retain(|place| place.column != Column::Guarded);
        self
    }

    /// The header.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.title.as_str())
    }

    /// Whether each column that a product has something for is there; not so of one that an import brought in since.
    pub fn covers(&self, product: &ExportedProduct) -> bool {
        let more = product.variants.iter().flat_map(|variant| variant.more.keys()).chain(product.more.keys());
        more.into_iter().all(|title| self.covered.contains(title))
    }

    /// How many rows a product takes.
    pub fn rows(product: &ExportedProduct) -> usize {
        product.variants.len().max(product.images.len()).max(1)
    }

    /// The cells of a row of a product, in the order of the columns.
    pub fn row<'a>(&'a self, product: &'a ExportedProduct, index: usize) -> impl Iterator<Item = Cell<'a>> {
        let (variant, image) = (product.variants.get(index), product.images.get(index));
        let of_product = (index == 0).then_some(product);
        self.places.iter().map(move |place| match place.column {
            Column::Handle => Cell::Text(&product.handle),
            Column::OptionValue(_) | Column::Sku | Column::Price | Column::ComparePrice | Column::Quantity => {
                variant.map_or(Cell::Blank, |variant| of_variant(place.column, variant))
            }
            Column::ImageSrc | Column::ImagePosition | Column::ImageAlt => {
                image.map_or(Cell::Blank, |image| of_image(place.column, image))
            }
            Column::MoreVariant => variant.map_or(Cell::Blank, |variant| of_more(place, &variant.more)),
            Column::MoreProduct => of_product.map_or(Cell::Blank, |product| of_more(place, &product.more)),
            _ => of_product.map_or(Cell::Blank, |product| self::of_product(place.column, product)),
        })
    }
}

fn of_product(column: Column, product: &ExportedProduct) -> Cell<'_> {
    match column {
        Column::Title => Cell::text(Some(&product.title)),
        Column::Body => Cell::text(product.body_html.as_deref()),
        Column::Vendor => Cell::text(product.vendor.as_deref()),
        Column::Type => Cell::text(product.product_type.as_deref()),
        Column::Tags => Cell::text(product.tags.as_deref()),
        Column::Published => Cell::Text(if product.published { "true" } else { "false" }),
        Column::OptionName(at) => Cell::text(product.option_names.get(at).and_then(Option::as_deref)),
        _ => Cell::Blank,
    }
}

fn of_variant(column: Column, variant: &ExportedVariant) -> Cell<'_> {
    match column {
        Column::OptionValue(at) => Cell::text(variant.option_values.get(at).map(String::as_str)),
        Column::Sku => Cell::text(variant.sku.as_deref()),
        Column::Price => Cell::amount(variant.price.as_deref()),
        Column::ComparePrice => Cell::amount(variant.compare_at_price.as_deref()),
        Column::Quantity => Cell::number(variant.inventory_qty),
        _ => Cell::Blank,
    }
}

fn of_image(column: Column, image: &ExportedImage) -> Cell<'_> {
    match column {
        Column::ImageSrc => Cell::text(Some(&image.src)),
        Column::ImagePosition => Cell::number(image.position),
        Column::ImageAlt => Cell::text(image.alt.as_deref()),
        _ => Cell::Blank,
    }
}

/// A cell of a remaining column. Amounts and weights are numbers where they are written as one; barcodes and codes are text.
fn of_more<'a>(place: &Place, more: &'a BTreeMap<String, String>) -> Cell<'a> {
    let Some(cell) = std::iter::once(&place.title).chain(&place.aliases).find_map(|title| more.get(title)) else {
        return Cell::Blank;
    };
    let whole = || {
        !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit()) && !(cell.len() > 1 && cell.starts_with('0'))
    };
    match place.title.as_str() {
        "Variant Grams" if whole() => Cell::Number(cell.as_str().into()),
        title if is_amount(title) && price(cell).as_ref() == Some(cell) => Cell::Amount(cell),
        _ => Cell::text(Some(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(titles: &[&str]) -> BTreeSet<String> {
        titles.iter().map(|&title| title.to_owned()).collect()
    }

    #[test]
    fn every_known_column_has_its_place_once_and_the_mark_is_last() {
        let layout = Layout::new(
            &set(&["Status", "google shopping / gender", "Google Shopping / Gender", "Gift Card"]),
            &set(&["Variant Image", "variant x"]),
        );
        let titles: Vec<_> = layout.titles().collect();
        for (title, _) in super::super::columns::KNOWN {
            assert_eq!(titles.iter().filter(|found| **found == title).count(), 1, "{title}");
        }
        assert_eq!(titles.len(), super::super::columns::KNOWN.len() + 2, "{titles:?}");
        assert_eq!(&titles[titles.len() - 3..], ["variant x", "Status", GUARD_MARK]);
    }

    #[test]
    fn a_column_that_came_later_is_noticed() {
        let product = |title: &str| ExportedProduct {
            more: [(title.to_owned(), "x".to_owned())].into(),
            ..ExportedProduct::default()
        };
        let layout = Layout::new(&set(&["Google Shopping / Gender"]), &set(&[]));
        assert!(layout.covers(&product("Google Shopping / Gender")) && layout.covers(&product("Gift Card")));
        assert!(
            !layout.covers(&product("Google Shopping / MPN")) && !layout.covers(&product("google shopping / gender"))
        );
        let both = Layout::new(&set(&["Google Shopping / Gender", "google shopping / gender"]), &set(&[]));
        let product = product("google shopping / gender");
        assert!(
            both.covers(&product) && both.row(&product, 0).any(|cell| cell == Cell::Text("x")),
            "under either title"
        );
    }
}
