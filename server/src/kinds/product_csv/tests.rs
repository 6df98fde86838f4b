//! The reading rules, one by one.

use super::*;
use domain::api::Image;
use serde_json::json;
use std::io::Cursor;

const HEADER: &str =
    "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty,Image Src";

fn open(file: impl AsRef<[u8]>) -> Result<ProductCsv<Cursor<Vec<u8>>>, OpenError> {
    ProductCsv::open(Cursor::new(file.as_ref().to_vec()))
}

fn rows(file: impl AsRef<[u8]>) -> Vec<ReadRow> {
    let mut csv = open(file).unwrap();
    std::iter::from_fn(|| csv.read().unwrap()).collect()
}

/// The rows below the usual header.
fn below(body: &str) -> Vec<ReadRow> {
    rows(format!("{HEADER}\n{body}"))
}

fn taken(row: &ReadRow) -> &CatalogueRow {
    row.row.as_ref().unwrap()
}

fn rejected(row: &ReadRow) -> (u64, &str, Option<&str>) {
    let reject = row.row.as_ref().unwrap_err();
    (reject.line, &reject.code, reject.column.as_deref())
}

fn refused(file: impl AsRef<[u8]>) -> (&'static str, serde_json::Value) {
    match open(file) {
        Err(OpenError::Refused(refusal)) => (refusal.code, refusal.params.into()),
        Err(OpenError::Io(error)) => panic!("{error}"),
        Ok(_) => panic!("taken"),
    }
}

#[test]
fn a_row_is_product_variant_and_image_as_its_cells_say() {
    let rows = below(
        "shirt,Shirt,<p>Blue</p>,Size,Small,50,3,https://x/1.jpg\nshirt,,,,Large,,,\nshirt,,,,,60,,\nshirt,,,,,,,https://x/2.jpg\n",
    );
    let [first, larger, priced, picture] = rows.as_slice() else { panic!("{rows:?}") };
    let product = taken(first).product.as_ref().unwrap();
    assert_eq!((product.title.as_str(), product.body_html.as_deref()), ("Shirt", Some("<p>Blue</p>")));
    assert_eq!((product.vendor.as_deref(), product.published), (None, None), "columns that the file lacks");
    let variant = taken(first).variant.as_ref().unwrap();
    assert_eq!(variant.option_names, [Some("Size".to_owned()), None, None]);
    assert_eq!(variant.option_values, ["Small", "", ""]);
    assert_eq!((variant.price.as_deref(), variant.inventory_qty, &variant.sku), (Some("50.00"), Some(Some(3)), &None));
    assert_eq!(taken(first).image, Some(Image { src: "https://x/1.jpg".into(), alt: None }));
    let variant = taken(larger).variant.as_ref().unwrap();
    assert_eq!((variant.price.as_deref(), variant.inventory_qty), (Some(""), Some(None)), "blank cells clear");
    assert_eq!((&taken(larger).product, &taken(larger).image), (&None, &None));
    assert!(taken(priced).variant.is_some(), "a price makes a variant");
    assert_eq!(taken(picture).variant, None);
    assert_eq!(taken(picture).image.as_ref().unwrap().src, "https://x/2.jpg");
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!((first.cells.len(), larger.cells.len()), (0, 8), "only what may be rejected is kept");
}

#[test]
fn header_titles_match_trimmed_and_in_any_case_and_unknown_ones_are_ignored() {
    let csv = open("Colour of Box, HANDLE ,title,VARIANT grams,,\n").unwrap();
    assert_eq!(csv.columns().ignored().collect::<Vec<_>>(), ["Colour of Box"]);
    let rows = rows("Colour of Box, HANDLE ,title,VARIANT grams,Option1 Value\nred, shirt , Shirt ,12,S\n");
    let row = taken(&rows[0]);
    assert_eq!((row.handle.as_str(), row.product.as_ref().unwrap().title.as_str()), ("shirt", "Shirt"));
    let more = &row.variant.as_ref().unwrap().more;
    assert_eq!(more.iter().collect::<Vec<_>>(), [(&"Variant Grams".to_owned(), &"12".to_owned())]);
}

#[test]
fn byte_order_mark_and_any_line_end_read_the_same() {
    let plain = format!("{HEADER}\nshirt,Shirt,\"two\nlines, \"\"quoted\"\"\",,,,,\n\nmug,Mug,,,,5,,\n");
    let said = |file: &str| rows(file).into_iter().map(|row| (row.line, row.row)).collect::<Vec<_>>();
    let expected = said(&plain);
    let body = expected[0].1.as_ref().unwrap().product.as_ref().unwrap().body_html.as_deref();
    assert_eq!(body, Some("two\nlines, \"quoted\""));
    assert_eq!(expected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(said(&format!("\u{feff}{plain}")), expected);
    assert_eq!(said(plain.trim_end()), expected, "no line end at the end");
    for line_end in ["\r\n", "\r"] {
        let mut read = said(&plain.replace('\n', line_end));
        let body = &mut read[0].1.as_mut().unwrap().product.as_mut().unwrap().body_html;
        *body = body.as_ref().map(|text| text.replace(line_end, "\n"));
        assert_eq!(read, expected, "{line_end:?}");
    }
}

#[test]
fn blank_rows_are_no_rows() {
    let rows = below(",,,,,,,\n   \nshirt,Shirt,,,,,,\n , ,,,,,, \n,,\n");
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4]);
}

#[test]
fn files_that_are_no_product_csv_are_refused() {
    assert_eq!(refused(""), ("empty-file", json!({})));
    assert_eq!(refused("\u{feff}\r\n\n"), ("empty-file", json!({})));
    assert_eq!(refused(" \n,,\n"), ("empty-file", json!({})));
    for (file, what) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "image"),
        (b"PK\x03\x04\x14\0\0\0", "zip-or-spreadsheet"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\xff\xfeH\0a\0n\0", "utf-16"),
        (b"Handle,Title\0\n", "binary"),
        (b"<!DOCTYPE html><html>", "html-or-xml"),
        (b"\xef\xbb\xbf\n [{\"handle\":1}]", "json"),
        (b"Handle,Title,Couleur pr\xe9f\xe9r\xe9e\n", "not-utf8"),
        (b"Handle,\"Title\nshirt,Shirt\n", "unknown"),
    ] {
        assert_eq!(refused(file), ("not-a-product-csv", json!({"looks_like": what})), "{what}");
    }
    let large = [b"Handle,Title,".as_slice(), &vec![b'x'; 2 * FIELD_LIMIT]].concat();
    assert_eq!(refused(large).0, "not-a-product-csv");
}

#[test]
fn a_header_without_a_required_column_or_with_one_twice_is_refused() {
    assert_eq!(refused("Title,Vendor\nShirt,Acme\n"), ("missing-column", json!({"column": "Handle"})));
    assert_eq!(refused("Handle,Vendor\nshirt,Acme\n"), ("missing-column", json!({"column": "Title"})));
    assert_eq!(refused("just some words\n"), ("missing-column", json!({"column": "Handle"})));
    assert_eq!(refused("Handle,Title,title \n"), ("duplicate-column", json!({"column": "title"})));
    assert_eq!(refused("Handle,Title,Box,BOX\n"), ("duplicate-column", json!({"column": "BOX"})));
}

#[test]
fn a_row_of_another_width_is_rejected() {
    let rows = below("shirt,Shirt\nmug,Mug,,,,5,,\nhat,Hat,,,,5,,,more\n");
    assert_eq!(rejected(&rows[0]), (2, "wrong-column-count", None));
    assert_eq!(rows[0].row.as_ref().unwrap_err().params, *json!({"expected": 8, "found": 2}).as_object().unwrap());
    assert_eq!(rows[0].row.as_ref().unwrap_err().handle.as_deref(), Some("shirt"));
    assert_eq!(taken(&rows[1]).handle, "mug");
    assert_eq!(rejected(&rows[2]), (4, "wrong-column-count", None));
    assert_eq!(rows[2].cells.len(), 9);
}

#[test]
fn a_row_that_is_not_utf8_is_rejected_and_those_around_it_are_read() {
    let head = format!("{HEADER}\nmug,Mug,,,,5,,\n");
    let file = [head.as_bytes(), b"caf\xe9,Caf\xe9,,,,5,,\n", b"hat,Hat \xc3\xa9,,,,5,,\n"];
    let rows = rows(file.concat());
    assert_eq!(taken(&rows[0]).handle, "mug");
    assert_eq!(rejected(&rows[1]), (3, "not-utf8", Some("Handle")));
    assert_eq!(rows[1].cells[1], "Caf\u{fffd}");
    assert_eq!(taken(&rows[2]).product.as_ref().unwrap().title, "Hat é");
}

#[test]
fn cells_that_say_nothing_sensible_are_rejected_with_their_column() {
    let long = "x".repeat(256);
    for (row, code, column) in [
        (",Shirt,,,,5,,", "handle-missing", "Handle"),
        ("  ,Shirt,,,,5,,", "handle-missing", "Handle"),
        (&format!("{long},Shirt,,,,5,,"), "handle-too-long", "Handle"),
        ("shirt,Shirt,,,,\"12,50\",,", "bad-price", "Variant Price"),
        ("shirt,Shirt,,,,-1,,", "bad-price", "Variant Price"),
        ("shirt,Shirt,,,,free,,", "bad-price", "Variant Price"),
        ("shirt,Shirt,,,,5,many,", "bad-quantity", "Variant Inventory Qty"),
        ("shirt,Shirt,,,Small,,1.5,", "bad-quantity", "Variant Inventory Qty"),
    ] {
        let rows = below(&format!("{row}\nmug,Mug,,,,5,-2,\n"));
        assert_eq!(rejected(&rows[0]), (2, code, Some(column)), "{row}");
        assert_eq!(taken(&rows[1]).variant.as_ref().unwrap().inventory_qty, Some(Some(-2)));
    }
    assert_eq!(taken(&below(&format!("{},Shirt,,,,5,,\n", "é".repeat(255)))[0]).handle.chars().count(), 255);
    let rows_of_price = below("shirt,Shirt,,,,\"12,50\",,\n");
    assert_eq!(rows_of_price[0].row.as_ref().unwrap_err().params["value"], "12,50");
    let more = "Handle,Title,Published,Image Position\nshirt,Shirt,perhaps,\nmug,Mug,TRUE,first\nhat,Hat,,2\n";
    let rows = rows(more);
    assert_eq!(rejected(&rows[0]), (2, "bad-published", Some("Published")));
    assert_eq!(rejected(&rows[1]), (3, "bad-position", Some("Image Position")));
    assert_eq!(taken(&rows[2]).product.as_ref().unwrap().published, Some(false));
}

#[test]
fn a_file_cut_inside_quotes_gives_what_came_before() {
    let rows = below("mug,Mug,,,,5,,\nshirt,Shirt,\"cut off\nin the");
    assert_eq!(taken(&rows[0]).handle, "mug");
    assert_eq!(rejected(&rows[1]), (3, "truncated-row", None));
    assert_eq!(rows[1].row.as_ref().unwrap_err().handle.as_deref(), Some("shirt"));
    assert_eq!(rows.len(), 2);
    let whole = below("mug,Mug,,,,5,,\"https://x/1.jpg\"");
    assert_eq!(taken(&whole[0]).image.as_ref().unwrap().src, "https://x/1.jpg", "a last quote closes");
    assert_eq!(rejected(&below("mug,Mug,,,,5,,\"")[0]).1, "truncated-row");
    assert_eq!(rejected(&below("mug,Mug,,,,5")[0]).1, "wrong-column-count", "cut between cells");
}

#[test]
fn a_huge_cell_is_rejected_without_being_kept() {
    for size in [FIELD_LIMIT + 1, 3 * FIELD_LIMIT, 12 * FIELD_LIMIT] {
        let rows =
            below(&format!("mug,Mug,,,,5,,\nshirt,Shirt,\"{}\",,,,,\nhat,Hat,,,,5,,\n", "x\n".repeat(size / 2 + 1)));
        assert_eq!(taken(&rows[0]).handle, "mug");
        assert_eq!(rejected(&rows[1]), (3, "field-too-large", Some("Body (HTML)")), "{size}");
        assert!(rows[1].size < 5 * FIELD_LIMIT);
        assert_eq!(taken(&rows[2]).handle, "hat");
        assert_eq!(rows[2].line, 4 + size as u64 / 2 + 1);
    }
    let fits = below(&format!("shirt,Shirt,{},,,,,\n", "x".repeat(FIELD_LIMIT)));
    assert_eq!(taken(&fits[0]).product.as_ref().unwrap().body_html.as_ref().unwrap().len(), FIELD_LIMIT);
}

#[test]
fn a_row_of_very_many_or_very_large_cells_is_rejected() {
    let wide = below(&format!("shirt,{}\nmug,Mug,,,,5,,\n", ",".repeat(100_000)));
    assert_eq!(rejected(&wide[0]), (2, "row-too-large", None));
    assert_eq!(taken(&wide[1]).handle, "mug");
    let cell = "x".repeat(FIELD_LIMIT - 1);
    let heavy = below(&format!("shirt,{cell},{cell},{cell},{cell},{cell},{cell},{cell}\nmug,Mug,,,,5,,\n"));
    assert_eq!(rejected(&heavy[0]), (2, "row-too-large", None));
    assert_eq!(taken(&heavy[1]).handle, "mug");
}

#[test]
fn reading_goes_on_from_any_position_between_rows() {
    let body = "shirt,Shirt,\"two\r\nlines\",,,,,\r\n\r\nmug,Mug,,,,free,,\r\n,,,,,,,\r\ncaf\u{e9},Caf\u{e9},,,,5,,\n\u{feff}hat,Hat,,,,5,,\r\nbag,Bag,\"cut";
    for bom in ["", "\u{feff}"] {
        let file = format!("{bom}{HEADER}\r\n{body}");
        let all = rows(&file);
        assert_eq!(all.len(), 5);
        let mut csv = open(&file).unwrap();
        for index in 0..=all.len() {
            let position = csv.position();
            let mut resumed = open(&file).unwrap();
            resumed.seek(position).unwrap();
            let rest: Vec<_> = std::iter::from_fn(|| resumed.read().unwrap()).collect();
            assert_eq!(rest, all[index..], "from {position:?}");
            csv.read().unwrap();
        }
    }
}

#[test]
fn a_corrected_rejects_file_is_read_as_the_original_would_be() {
    let file = format!("{HEADER},line,column,reason\nshirt,'=Shirt,'-- x,,Small,5,-2,,7,Variant Price,bad-price\n");
    let csv = open(&file).unwrap();
    assert_eq!(csv.columns().originals().map(|(_, title)| title).collect::<Vec<_>>().join(","), HEADER);
    let rows = rows(&file);
    let row = taken(&rows[0]);
    let product = row.product.as_ref().unwrap();
    assert_eq!((product.title.as_str(), product.body_html.as_deref()), ("=Shirt", Some("-- x")));
    assert_eq!(row.variant.as_ref().unwrap().inventory_qty, Some(Some(-2)));
}
