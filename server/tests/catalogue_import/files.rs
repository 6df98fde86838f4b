//! Product files of every sort that the tests need, made here.

const COLUMNS: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
    Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,\
    Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,\
    Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,\
    Google Shopping / Google Product Category,Google Shopping / Gender,Variant Image,Variant Weight Unit,Variant Tax Code,\
    Cost per item";

/// A row of an export, by the columns that matter; all others are blank.
fn row(cells: &[(&str, &str)]) -> String {
    let cell = |column: &str| {
        let text = cells.iter().find(|(title, _)| *title == column).map_or("", |(_, text)| text);
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    COLUMNS.split(',').map(|column| cell(column.trim())).collect::<Vec<_>>().join(",")
}

/// What shops export: 20 products each, with further variants, with further images, with both; and how many rows.
pub(crate) fn exports() -> Vec<(&'static str, Vec<u8>, u64)> {
    let build = |variants: usize, images: usize, line_end: &str| {
        let mut rows = vec![COLUMNS.to_owned()];
        for n in 0..20 {
            let (handle, title, src) = (format!("thing-{n}"), format!("Thing {n}"), format!("https://x/{n}.jpg"));
            let body = format!("<p>Number {n}, \"the\" one.</p>\nMade by hand — très beau.");
            let option = if variants > 0 { ("Size", "Small") } else { ("Title", "Default Title") };
            rows.push(row(&[
                ("Handle", &handle),
                ("Title", &title),
                ("Body (HTML)", &body),
                ("Vendor", "partners-demo"),
                ("Tags", "Clay, Pots"),
                ("Published", "true"),
                ("Option1 Name", option.0),
                ("Option1 Value", option.1),
                ("Variant Grams", "0"),
                ("Variant Inventory Qty", "1"),
                ("Variant Price", "50"),
                ("Image Src", &src),
                ("Image Position", "1"),
                ("Gift Card", "false"),
                ("Variant Weight Unit", "kg"),
            ]));
            for extra in 0..(if n % 3 == 0 { variants } else { 0 }) {
                let size = format!("Size {extra}");
                let cells = [
                    ("Handle", handle.as_str()),
                    ("Option1 Value", &size),
                    ("Variant Price", "60.5"),
                    ("Variant Grams", "0"),
                ];
                rows.push(row(&cells));
            }
            for extra in 0..(if n % 4 == 0 { images } else { 0 }) {
                let (src, position) = (format!("https://x/{n}-{extra}.jpg"), (extra + 2).to_string());
                rows.push(row(&[("Handle", &handle), ("Image Src", &src), ("Image Position", &position)]));
            }
        }
        let count = rows.len() as u64 - 1;
        (format!("{}{line_end}", rows.join(line_end)).into_bytes(), count)
    };
    [("plain", 0, 0, "\r\n"), ("variants", 3, 0, "\r\n"), ("images", 0, 2, "\n"), ("both", 2, 1, "\r\n")]
        .into_iter()
        .map(|(name, variants, images, line_end)| {
            let (file, rows) = build(variants, images, line_end);
            (name, file, rows)
        })
        .collect()
}

/// The same rows twice, of seven a product: side by side, and each product's rows far apart but in order.
pub(crate) fn scattered(rows: usize) -> (Vec<u8>, Vec<u8>) {
    let products = rows / 7;
    let line = |product: usize, part: usize| {
        let handle = format!("p{product:05}");
        match part {
            0 => format!("{handle},Thing {product},Size,Small,5.00,\n"),
            1..=4 => format!("{handle},,,Size {part},{part}.50,\n"),
            _ => format!("{handle},,,,,https://x/{product}-{part}.jpg\n"),
        }
    };
    let header = "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src\n";
    let mut tidy = header.to_owned();
    (0..products).for_each(|product| (0..7).for_each(|part| tidy.push_str(&line(product, part))));
    let mut untidy = header.to_owned();
    (0..7).for_each(|part| (0..products).for_each(|product| untidy.push_str(&line(product, part))));
    (tidy.into_bytes(), untidy.into_bytes())
}

/// Many rows, of which some are wrong in every way that rows can be, unknown handles among them; quoted line ends; blank rows.
pub(crate) fn faulty(rows: usize) -> Vec<u8> {
    let mut file =
        b"\xef\xbb\xbfHandle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty\r\n"
            .to_vec();
    for n in 0..rows {
        let product = n / 3;
        let line = match (n % 3, n % 41, n % 53) {
            (_, 7, _) => format!("ghost-{n},,,,Small,5,1\r\n"),
            (_, 11, _) => format!("p{product},,,,Large,\"12,50\",1\r\n"),
            (_, _, 13) => format!("p{product},only two\r\n"),
            (_, _, 17) => format!("p{product},,,,Caf\u{1},5,many\r\n\r\n,,,,,,\r\n"),
            (0, _, _) => format!("p{product},Thing {product},\"two\r\nlines\",Size,Small,{n},{n}\r\n"),
            (part, _, _) => format!("p{product},,,,Size {part},{n}.5,\r\n"),
        };
        // One byte that is no UTF-8, where the text above has a control character.
        file.extend(line.bytes().map(|byte| if byte == 1 && n % 2 == 0 { 0xe9 } else { byte }));
    }
    file.extend_from_slice(b"last,Last,\"cut off in the mid");
    file
}
