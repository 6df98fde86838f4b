//! Out and in again: nothing changes but what was edited, and no cell is a formula on the way.

use crate::{
    CATALOGUE, PRODUCTS,
    common::{Server, Visitor, text},
    counts, download, export, import,
    spreadsheet::{formulas, libreoffice, opened_and_saved, saved_as_csv, sheets},
};
use serde_json::{Value, json};

async fn filled() -> (Server, Visitor) {
    let server = Server::start().await;
    let visitor = server.visitor();
    assert_eq!(counts(&import(&visitor, CATALOGUE).await), [PRODUCTS, 0, 0, 0]);
    (server, visitor)
}

/// The catalogue as everybody sees it, without what tells when it changed.
async fn catalogue(visitor: &Visitor) -> Vec<Value> {
    let page = visitor.json("/api/v1/products?limit=200").await;
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imported_again_changes_nothing() {
    let (server, visitor) = filled().await;
    let before = catalogue(&visitor).await;
    let job = export(&visitor, "csv").await;
    let file = download(&visitor, &job).await;
    let result = &job["result"];
    assert_eq!(
        (result["products"].as_u64(), result["rows"].as_u64(), result["sheets"].as_u64()),
        (Some(PRODUCTS), Some(PRODUCTS + 2), Some(1))
    );
    assert_eq!((result["changed_meanwhile"].as_u64(), result["added_meanwhile"].as_u64()), (Some(0), Some(0)));
    assert_eq!(counts(&import(&visitor, file.clone()).await), [0, 0, PRODUCTS, 0]);
    assert_eq!(catalogue(&visitor).await, before);
    // Into an empty catalogue it brings all of it: a second export is the same file.
    let other = Server::start().await;
    let elsewhere = other.visitor();
    assert_eq!(counts(&import(&elsewhere, file.clone()).await), [PRODUCTS, 0, 0, 0]);
    let again = download(&elsewhere, &export(&elsewhere, "csv").await).await;
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(file).unwrap());
    other.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_csv_is_shopifys_with_crlf_and_every_column_that_is_kept() {
    let (server, visitor) = filled().await;
    let file = String::from_utf8(download(&visitor, &export(&visitor, "csv").await).await).unwrap();
    let header = file.split("\r\n").next().unwrap();
    assert!(
        header.starts_with(
            "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,"
        ),
        "{header}"
    );
    for title in
        ["Google Shopping / Gender", "Fabric (product.metafields.custom.fabric)", "Cost per item", "Variant Image"]
    {
        assert_eq!(header.split(',').filter(|found| *found == title).count(), 1, "{title}");
    }
    let mut csv = csv::Reader::from_reader(file.as_bytes());
    let rows: Vec<std::collections::HashMap<String, String>> = csv.deserialize().map(Result::unwrap).collect();
    let cell = |row: usize, title: &str| rows[row][title].as_str();
    assert_eq!(
        [cell(0, "Title"), cell(0, "Option1 Value"), cell(0, "Image Src"), cell(0, "Published")],
        ["Shirt", "Small", "https://x/1.jpg", "true"]
    );
    assert_eq!(
        [cell(1, "Title"), cell(1, "Option1 Value"), cell(1, "Image Src"), cell(1, "Variant Price")],
        ["", "Large", "https://x/2.jpg", "0.125"]
    );
    assert_eq!([cell(2, "Handle"), cell(2, "Option1 Value"), cell(2, "Image Src")], ["shirt", "", "https://x/3.jpg"]);
    assert_eq!([cell(0, "Variant Inventory Qty"), cell(1, "Variant Inventory Qty")], ["3", "-2"]);
    assert_eq!(
        [cell(0, "Cost per item"), cell(0, "Variant Barcode"), cell(0, "Variant SKU")],
        ["10.50", "0012345678905", "000123"]
    );
    server.stop().await;
}

/// Begins so that a spreadsheet takes it for a formula, and is no number.
fn dangerous(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && cell.parse::<f64>().is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_is_a_formula_and_each_comes_back_as_it_was() {
    let (server, visitor) = filled().await;
    let file = download(&visitor, &export(&visitor, "csv").await).await;
    let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert!(!rows.iter().flatten().any(dangerous));
    let guarded: Vec<_> = rows.iter().flatten().filter(|cell| cell.starts_with('\'')).collect();
    for cell in [
        "'=1+1",
        "'\t=tab",
        "'=Option",
        "'+Value",
        "'=cmd|' /C calc'!A0",
        "''=quoted",
        "''=title",
        "''@body",
        "''''+sku",
    ] {
        assert!(guarded.contains(&cell), "{cell}: {guarded:?}");
    }
    // These were never in danger, so they are as they were.
    for cell in ["-5", "''", "'plain", "'-5"] {
        assert!(rows.iter().flatten().any(|found| found == cell), "{cell}");
    }
    // The workbook needs no guard: its texts are text.
    let book = download(&visitor, &export(&visitor, "xlsx").await).await;
    assert_eq!(formulas(&book), 0);
    let cells: Vec<String> = sheets(&book)[0].1.iter().flatten().map(ToString::to_string).collect();
    for cell in ["=1+1", "'=title", "=cmd|' /C calc'!A0", "'''+sku"] {
        assert!(cells.iter().any(|found| found == cell), "{cell}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apostrophe_in_somebody_elses_file_is_theirs() {
    let (server, visitor) = filled().await;
    import(&visitor, "Handle,Title\nmine,'=1+1\nyours,''@x\n").await;
    let title =
        async |handle: &str| text(&visitor.json(&format!("/api/v1/products/{handle}")).await, "title").to_owned();
    assert_eq!([title("mine").await, title("yours").await], ["'=1+1", "''@x"]);
    // The same cells under the mark of an export are guarded ones.
    import(&visitor, "Handle,Title,Meanwhile Export\nmine,'=1+1,\nyours,''@x,\n").await;
    assert_eq!([title("mine").await, title("yours").await], ["=1+1", "'@x"]);
    // Rejected rows of an export come back by the file of rejects, guarded once.
    let job = import(
        &visitor,
        "Handle,Title,Variant Price,Meanwhile Export\nmine,'=2+2,cheap,\nyours,'''@y,?,\nnew,=3+3,?,\n",
    )
    .await;
    let rejects = visitor.get(text(&job["result"], "rejects")).send().await.unwrap().text().await.unwrap();
    assert!(
        rejects.contains("mine,'=2+2,") && rejects.contains("yours,'''@y,") && rejects.contains("new,'=3+3,"),
        "{rejects}"
    );
    import(&visitor, rejects.replace("cheap", "1").replace(",?,", ",2,")).await;
    assert_eq!([title("mine").await, title("yours").await, title("new").await], ["=2+2", "''@y", "=3+3"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_product_edited_in_a_spreadsheet_changes() {
    let (server, visitor) = filled().await;
    let file = download(&visitor, &export(&visitor, "csv").await).await;
    let unedited = opened_and_saved(&file, |_, _, cell| cell);
    assert_ne!(unedited, file, "such a program writes much anew");
    assert_eq!(counts(&import(&visitor, unedited).await), [0, 0, PRODUCTS, 0]);
    let edited = opened_and_saved(&file, |handle, title, cell| match (handle, title) {
        ("shirt", "Variant Price") if cell == "50" => "55".to_owned(),
        _ => cell,
    });
    assert_eq!(counts(&import(&visitor, edited).await), [0, 1, PRODUCTS - 1, 0]);
    let shirt = visitor.json("/api/v1/products/shirt").await;
    assert_eq!(shirt["variants"][0]["price"], json!("55.00"));

    let folder = tempfile::tempdir().unwrap();
    let file = download(&visitor, &export(&visitor, "csv").await).await;
    if let Some(saved) = libreoffice(folder.path(), "products.csv", &file) {
        // Opened with its defaults it takes codes for numbers: those two, and no others.
        let [created, updated, unchanged, rejected] = counts(&import(&visitor, saved).await);
        assert_eq!((created, rejected, updated + unchanged), (0, 0, PRODUCTS));
        assert!(updated <= 1, "only the shirt has leading zeros");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_saved_as_csv_changes_only_what_was_edited_in_it() {
    let (server, visitor) = filled().await;
    let book = download(&visitor, &export(&visitor, "xlsx").await).await;
    let mut sheets = sheets(&book);
    assert_eq!((sheets.len(), sheets[0].0.as_str(), sheets[0].1.len()), (1, "Products", 8));
    let rows = &mut sheets[0].1;
    let column = |title: &str| rows[0].iter().position(|cell| cell.to_string() == title).unwrap();
    let (price, sku, barcode, cost) =
        (column("Variant Price"), column("Variant SKU"), column("Variant Barcode"), column("Cost per item"));
    let quantity = column("Variant Inventory Qty");
    use calamine::Data;
    assert_eq!(
        [&rows[1][price], &rows[2][price], &rows[1][cost]],
        [&Data::Float(50.0), &Data::Float(0.125), &Data::Float(10.5)]
    );
    assert_eq!(rows[2][quantity], Data::Float(-2.0));
    assert_eq!(
        [&rows[1][sku], &rows[1][barcode]],
        [&Data::String("000123".into()), &Data::String("0012345678905".into())]
    );
    assert_eq!(counts(&import(&visitor, saved_as_csv(rows)).await), [0, 0, PRODUCTS, 0]);
    rows[1][price] = Data::Float(51.5);
    assert_eq!(counts(&import(&visitor, saved_as_csv(rows)).await), [0, 1, PRODUCTS - 1, 0]);

    let folder = tempfile::tempdir().unwrap();
    let book = download(&visitor, &export(&visitor, "xlsx").await).await;
    if let Some(saved) = libreoffice(folder.path(), "products.xlsx", &book) {
        assert_eq!(
            counts(&import(&visitor, saved).await),
            [0, 0, PRODUCTS, 0],
            "texts are text, codes keep their zeros"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_catalogue_is_a_header_and_says_so() {
    let server = Server::start().await;
    let visitor = server.visitor();
    for format in ["csv", "xlsx"] {
        let job = export(&visitor, format).await;
        assert_eq!((job["result"]["products"].as_u64(), job["result"]["rows"].as_u64()), (Some(0), Some(0)));
        let file = download(&visitor, &job).await;
        if format == "csv" {
            assert!(file.starts_with(b"Handle,Title,") && file.ends_with(b",Meanwhile Export\r\n"));
            assert_eq!(counts(&import(&visitor, file).await), [0, 0, 0, 0]);
        } else {
            assert_eq!(sheets(&file)[0].1.len(), 1);
        }
        let page =
            visitor.get(&format!("/jobs/{}", text(&job, "id"))).header("accept", "text/html").send().await.unwrap();
        assert!(page.text().await.unwrap().contains("data-empty"), "the page says so");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cell_of_a_workbook_cannot_hold_fails_with_a_way_on() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let body = "é".repeat(32_767);
    import(&visitor, format!("Handle,Title,Body (HTML)\nlong,Long,{body}\n")).await;
    export(&visitor, "xlsx").await;
    import(&visitor, format!("Handle,Title,Body (HTML)\nlong,Long,{body}x\n")).await;
    let job = crate::submit_export(&visitor, "xlsx").await;
    let job = visitor.wait_for(&job, "failed").await;
    assert_eq!((text(&job["failure"], "code"), text(&job["failure"]["params"], "handle")), ("cell-too-long", "long"));
    assert_eq!(
        (text(&job["failure"]["params"], "column"), job["failure"]["retryable"].as_bool()),
        ("Body (HTML)", Some(false))
    );
    let folder = server.folder.path().join("data/jobs").join(text(&job, "id"));
    assert!(!folder.exists(), "nothing of it is left");
    let file = download(&visitor, &export(&visitor, "csv").await).await;
    assert_eq!(counts(&import(&visitor, file).await), [0, 0, 1, 0]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_in_another_case_are_one_column() {
    let server = Server::start().await;
    let visitor = server.visitor();
    import(&visitor, "Handle,Title,Google Shopping / Gender\na,A,female\n").await;
    import(&visitor, "Handle,Title,google shopping / GENDER\nb,B,male\n").await;
    let file = download(&visitor, &export(&visitor, "csv").await).await;
    let header = file.split(|byte| *byte == b'\r').next().unwrap().to_ascii_lowercase();
    assert_eq!(String::from_utf8(header).unwrap().matches("google shopping / gender").count(), 1);
    assert_eq!(counts(&import(&visitor, file).await), [0, 0, 2, 0]);
    server.stop().await;
}
