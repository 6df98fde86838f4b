//! Product files in Shopify's CSV format, of any size, for demos and measurements. Exposed as `cargo xtask products`.
//!
//! Written row by row in constant memory: products with several variants, with images, with quoted line ends and letters beyond
//! ASCII. Knows nothing of the server.
//! Invariant: the same number of rows and the same seed give the same bytes, and every row is a valid one.

use std::io::{self, Write};

const COLUMNS: [&str; 46] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
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
    "Google Shopping / Google Product Category",
    "Google Shopping / Gender",
    "Google Shopping / Age Group",
    "Google Shopping / MPN",
    "Google Shopping / AdWords Grouping",
    "Google Shopping / AdWords Labels",
    "Google Shopping / Condition",
    "Google Shopping / Custom Product",
    "Google Shopping / Custom Label 0",
    "Google Shopping / Custom Label 1",
    "Google Shopping / Custom Label 2",
    "Google Shopping / Custom Label 3",
    "Google Shopping / Custom Label 4",
    "Variant Image",
    "Variant Weight Unit",
    "Variant Tax Code",
];

const SHAPES: [&str; 8] = ["Shirt", "Mug", "Bracelet", "Lamp", "Théière", "Größe-Tisch", "Pot", "Scarf"];
const LOOKS: [&str; 8] = ["Ocean", "Clay", "Silver", "Crème", "Noël", "Midnight", "Olive", "桜"];
const VENDORS: [&str; 4] = ["Company 123", "partners-demo", "Maison Été", "Åkesson & Sons"];
const COLOURS: [&str; 4] = ["Black", "Bleu", "Gold", "Grün"];
const SIZES: [&str; 4] = ["Small", "Medium", "Large", "XL"];

/// Writes a header and so many rows.
///
/// # Errors
/// What the writer says.
pub fn write_products(out: impl Write, rows: u64, seed: u64) -> io::Result<()> {
    let mut file = File { out, left: rows };
    file.line(&COLUMNS.map(str::to_owned))?;
    let mut chance = Chance(seed);
    let mut number = 0;
    while file.left > 0 {
        number += 1;
        write_product(&mut file, &mut chance, number)?;
    }
    file.out.flush()
}

/// A product: its own row, then a row for each further variant and each further image.
fn write_product<W: Write>(file: &mut File<W>, chance: &mut Chance, number: u64) -> io::Result<()> {
    let (look, shape) = (chance.pick(&LOOKS), chance.pick(&SHAPES));
    let handle = format!("{}-{}-{number:07}", ascii(look), ascii(shape));
    let (sizes, colours) = match chance.below(10) {
        0..=4 => (1, 1),
        5..=7 => (1 + chance.below(4), 1),
        _ => (1 + chance.below(4), 1 + chance.below(4)),
    };
    let (images, base_cents) = (chance.below(4), 500 + chance.below(20_000));
    let image = |index: u64| format!("https://images.example/{handle}/{index}.jpg");
    let mut row = Row::of(&handle);
    row.set("Title", format!("{look} {shape} {number}"));
    row.set("Body (HTML)", body(look, shape, chance.below(3)));
    row.set("Vendor", chance.pick(&VENDORS));
    row.set("Type", shape);
    row.set("Tags", format!("{look}, {shape}"));
    row.set("Published", if chance.below(10) == 0 { "false" } else { "true" });
    row.set("Gift Card", "false");
    row.set("SEO Title", format!("{look} {shape}"));
    if images > 0 {
        row.set("Image Src", image(1));
        row.set("Image Position", "1");
        row.set("Image Alt Text", format!("{shape}, seen \"from\" the front"));
    }
    match (sizes, colours) {
        (1, 1) => row.set("Option1 Name", "Title"),
        (_, 1) => row.set("Option1 Name", "Size"),
        _ => {
            row.set("Option1 Name", "Size");
            row.set("Option2 Name", "Color");
        }
    }
    for variant in 0..sizes * colours {
        let (size, colour) = (variant % sizes, variant / sizes);
        row.set("Option1 Value", if sizes * colours == 1 { "Default Title" } else { at(&SIZES, size) });
        if colours > 1 {
            row.set("Option2 Value", at(&COLOURS, colour));
        }
        let cents = base_cents + variant * 150;
        row.set("Variant SKU", format!("SKU-{number:07}-{variant:02}"));
        row.set("Variant Grams", chance.below(2_000).to_string());
        row.set("Variant Inventory Qty", chance.below(50).to_string());
        row.set("Variant Inventory Policy", "deny");
        row.set("Variant Fulfillment Service", "manual");
        row.set("Variant Price", format!("{}.{:02}", cents / 100, cents % 100));
        row.set("Variant Requires Shipping", "true");
        row.set("Variant Taxable", "true");
        row.set("Variant Weight Unit", "kg");
        file.row(&row)?;
        row = Row::of(&handle);
    }
    for index in 2..=images {
        let mut row = Row::of(&handle);
        row.set("Image Src", image(index));
        row.set("Image Position", index.to_string());
        file.row(&row)?;
    }
    Ok(())
}

fn body(look: &str, shape: &str, sort: u64) -> String {
    match sort {
        0 => format!("{look} {shape}, made by hand."),
        1 => {
            format!("<p>{look} {shape}.</p>\n<ul>\n<li>Wash cold, \"inside out\"</li>\n<li>Fait à la main</li>\n</ul>")
        }
        _ => format!("<p>{look} {shape}, with a story, and then some more, so that rows are of different lengths.</p>"),
    }
}

/// What of a name may stand in a handle.
fn ascii(name: &str) -> String {
    let ascii: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if ascii.is_empty() { "x".to_owned() } else { ascii.to_lowercase() }
}

fn at(words: &[&'static str], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| words.get(index)).copied().unwrap_or_default()
}

/// Cells by column title.
struct Row([String; COLUMNS.len()]);

impl Row {
    fn of(handle: &str) -> Self {
        let mut row = Self(std::array::from_fn(|_| String::new()));
        row.set("Handle", handle);
        row
    }

    fn set(&mut self, title: &str, cell: impl Into<String>) {
        let at = COLUMNS.iter().position(|column| *column == title);
        if let Some(slot) = at.and_then(|at| self.0.get_mut(at)) {
            *slot = cell.into();
        }
    }
}

/// The file, and how many rows it still has room for.
struct File<W> {
    out: W,
    left: u64,
}

impl<W: Write> File<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.line(&row.0)
    }

    fn line(&mut self, cells: &[String]) -> io::Result<()> {
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.out.write_all(b",")?;
            }
            if cell.contains([',', '"', '\n', '\r']) {
                write!(self.out, "\"{}\"", cell.replace('"', "\"\""))?;
            } else {
                self.out.write_all(cell.as_bytes())?;
            }
        }
        self.out.write_all(b"\r\n")
    }
}

/// SplitMix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let index = self.below(words.len() as u64);
        at(words, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products(rows: u64, seed: u64) -> String {
        let mut out = Vec::new();
        write_products(&mut out, rows, seed).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_file_with_as_many_rows_as_asked_for() {
        let file = products(1000, 7);
        assert_eq!(file, products(1000, 7));
        assert_ne!(file, products(1000, 8));
        assert_eq!(file.matches("\r\n").count(), 1001, "line ends inside cells are bare");
        assert!(file.contains("\n<li>") && file.contains("Théière") && file.contains("\"\"from\"\""));
    }

    #[test]
    fn every_row_begins_with_a_handle_and_its_product_with_a_title() {
        let file = products(1000, 1);
        let mut titled = std::collections::HashSet::new();
        for row in file.split_terminator("\r\n").skip(1) {
            let mut cells = row.split(',');
            let (handle, title) = (cells.next().unwrap(), cells.next().unwrap());
            assert!(!handle.is_empty());
            assert!(titled.contains(handle) || !title.is_empty(), "{row}");
            titled.insert(handle);
        }
        assert!(titled.len() < 900, "some products have several rows");
    }
}
