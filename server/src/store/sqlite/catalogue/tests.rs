//! What batches do to the tables, and what is read back.

use super::*;
use crate::store::{CatalogueBatch, CatalogueRow, Edited, Expected, ProductCells, VariantCells};
use domain::{
    Timestamp,
    api::{ChangedBy, Image},
    catalogue::ProductEdit,
};
use rusqlite::Connection;

fn open() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.set_prepared_statement_cache_capacity(128);
    conn.execute_batch(include_str!("../../../../migrations/0001_core.sql")).unwrap();
    conn.execute_batch(include_str!("../../../../migrations/0002_catalogue.sql")).unwrap();
    conn.execute_batch(include_str!("../../../../migrations/0008_catalogue_edits.sql")).unwrap();
    conn
}

/// A variant row, titled if it has a title.
fn row(line: u64, handle: &str, title: &str, size: &str, price: &str) -> CatalogueRow {
    CatalogueRow {
        line,
        handle: handle.into(),
        product: (!title.is_empty()).then(|| ProductCells { title: title.into(), ..ProductCells::default() }),
        variant: Some(VariantCells {
            option_names: [(!title.is_empty()).then(|| "Size".to_owned()), None, None],
            option_values: [size.into(), String::new(), String::new()],
            price: Some(price.into()),
            ..VariantCells::default()
        }),
        ..CatalogueRow::default()
    }
}

/// Applies rows at a moment; created, updated, unchanged, lines of the rejects, revision.
fn put(conn: &Connection, job: i64, rows: &[CatalogueRow], at: i64) -> ([u64; 3], Vec<u64>, Option<u64>) {
    let (counts, revision) = apply(conn, job, &CatalogueBatch { rows: rows.to_vec() }, Timestamp(at)).unwrap();
    let lines = counts.rejected.iter().map(|reject| reject.line).collect();
    ([counts.created, counts.updated, counts.unchanged], lines, revision)
}

#[test]
fn a_batch_applied_again_changes_nothing() {
    let conn = open();
    let rows =
        [row(2, "shirt", "Shirt", "S", "5.00"), row(3, "shirt", "", "L", "6.00"), row(4, "mug", "Mug", "", "3.00")];
    assert_eq!(put(&conn, 1, &rows, 10), ([2, 0, 0], vec![], Some(1)));
    let before = (product(&conn, "shirt").unwrap(), state(&conn).unwrap());
    let written = conn.total_changes();
    assert_eq!(put(&conn, 2, &rows, 20), ([0, 0, 2], vec![], None));
    assert_eq!((product(&conn, "shirt").unwrap(), state(&conn).unwrap()), before);
    assert_eq!(conn.total_changes() - written, 4, "the run, its counts and an outcome for each product");
    let shirt = before.0.unwrap();
    assert_eq!((shirt.revision, shirt.updated_at), (1, Timestamp(10)));
    let options: Vec<_> = shirt.variants.iter().map(|variant| variant.options.clone()).collect();
    assert_eq!(options, [[("Size".to_owned(), "S".to_owned())], [("Size".to_owned(), "L".to_owned())]]);
}

#[test]
fn a_product_counts_once_a_run_by_its_strongest_outcome() {
    let conn = open();
    put(&conn, 1, &[row(2, "shirt", "Shirt", "S", "5.00"), row(3, "mug", "Mug", "", "3.00")], 10);
    assert_eq!(put(&conn, 2, &[row(2, "shirt", "Shirt", "S", "5.00")], 20), ([0, 0, 1], vec![], None));
    assert_eq!(put(&conn, 2, &[row(3, "hat", "Hat", "", "1.00")], 21), ([1, 0, 1], vec![], Some(2)));
    assert_eq!(put(&conn, 2, &[row(4, "shirt", "", "S", "5.50")], 22), ([1, 1, 0], vec![], Some(3)));
    assert_eq!(put(&conn, 2, &[row(5, "shirt", "", "S", "5.50")], 23), ([1, 1, 0], vec![], None));
    assert_eq!(put(&conn, 2, &[row(6, "hat", "", "L", "2.00")], 24), ([1, 1, 0], vec![], Some(4)));
    assert_eq!(product(&conn, "shirt").unwrap().unwrap().revision, 3);
    assert_eq!(product(&conn, "mug").unwrap().unwrap().revision, 1);
    assert_eq!(product(&conn, "hat").unwrap().unwrap().revision, 4);
}

#[test]
fn the_first_titled_row_of_a_run_defines_the_product() {
    let conn = open();
    put(&conn, 1, &[row(2, "shirt", "Shirt", "S", "5.00"), row(3, "shirt", "Another", "L", "6.00")], 10);
    assert_eq!(product(&conn, "shirt").unwrap().unwrap().title, "Shirt");
    put(&conn, 1, &[row(9, "shirt", "Later batch", "S", "5.00")], 11);
    assert_eq!(product(&conn, "shirt").unwrap().unwrap().title, "Shirt");
    let mut colour = row(2, "shirt", "New", "S", "5.00");
    colour.variant.as_mut().unwrap().option_names[0] = Some("Colour".into());
    put(&conn, 2, &[row(2, "shirt", "", "XL", "7.00"), colour.clone(), row(3, "shirt", "Newer", "S", "5.00")], 12);
    let shirt = product(&conn, "shirt").unwrap().unwrap();
    assert_eq!((shirt.title.as_str(), shirt.variants.len()), ("New", 3));
    assert_eq!(shirt.variants[0].options[0].0, "Colour", "the first name of the run");
}

#[test]
fn an_untitled_row_of_an_unknown_handle_is_rejected_and_told_again_until_the_next_batch() {
    let conn = open();
    let rows =
        [row(2, "ghost", "", "S", "5.00"), row(3, "shirt", "Shirt", "S", "5.00"), row(4, "ghost", "Ghost", "", "1.00")];
    assert_eq!(put(&conn, 1, &rows, 10), ([2, 0, 0], vec![2], Some(1)));
    assert_eq!(put(&conn, 1, &[], 11), ([2, 0, 0], vec![2], None));
    assert_eq!(put(&conn, 2, &[], 11), ([0, 0, 0], vec![], None), "another job's");
    assert_eq!(put(&conn, 1, &[row(5, "ghost", "", "S", "5.00")], 12), ([2, 0, 0], vec![], Some(2)));
    assert_eq!(put(&conn, 1, &[], 13), ([2, 0, 0], vec![], None));
}

#[test]
fn an_absent_column_leaves_a_field_and_a_blank_cell_clears_it() {
    let conn = open();
    let full = |vendor: Option<&str>, qty: Option<Option<i64>>, more: &[(&str, &str)], alt: Option<&str>| {
        let more: std::collections::BTreeMap<_, _> = more.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect();
        let mut row = row(2, "shirt", "Shirt", "S", "5.00");
        row.product.as_mut().unwrap().vendor = vendor.map(str::to_owned);
        row.product.as_mut().unwrap().more = more.clone();
        row.variant.as_mut().unwrap().inventory_qty = qty;
        row.variant.as_mut().unwrap().more = more;
        row.image = Some(Image { src: "1.jpg".into(), alt: alt.map(str::to_owned) });
        row
    };
    let stored = |conn: &Connection| {
        let more: String = conn.query_row("SELECT more FROM product", [], |row| row.get(0)).unwrap();
        let shirt = product(conn, "shirt").unwrap().unwrap();
        (shirt.vendor, shirt.variants[0].inventory_qty, more, shirt.images[0].alt.clone())
    };
    put(&conn, 1, &[full(Some("Acme"), Some(Some(3)), &[("a", "1"), ("b", "2")], Some("front"))], 10);
    let first = (Some("Acme".into()), Some(3), r#"{"a":"1","b":"2"}"#.into(), Some("front".into()));
    assert_eq!(stored(&conn), first);
    assert_eq!(put(&conn, 2, &[full(None, None, &[("b", "2")], None)], 20).2, None);
    assert_eq!(stored(&conn), first);
    assert_eq!(put(&conn, 3, &[full(Some(""), Some(None), &[("b", ""), ("c", "3")], Some(""))], 30).2, Some(2));
    assert_eq!(stored(&conn), (None, None, r#"{"a":"1","c":"3"}"#.into(), None));
}

#[test]
fn images_stand_in_their_own_order_and_the_same_source_is_the_same_image() {
    let conn = open();
    let image = |line, src: &str, position| CatalogueRow {
        line,
        handle: "shirt".into(),
        image: Some(Image { src: src.into(), alt: None }),
        image_position: position,
        ..CatalogueRow::default()
    };
    let rows = [
        row(2, "shirt", "Shirt", "S", "5.00"),
        image(3, "last.jpg", None),
        image(4, "second.jpg", Some(2)),
        image(5, "first.jpg", Some(1)),
        image(6, "second.jpg", None),
    ];
    put(&conn, 1, &rows, 10);
    let order = |conn: &Connection| -> Vec<String> {
        product(conn, "shirt").unwrap().unwrap().images.into_iter().map(|image| image.src).collect()
    };
    assert_eq!(order(&conn), ["first.jpg", "second.jpg", "last.jpg"]);
    assert_eq!(put(&conn, 2, &[image(2, "last.jpg", Some(0))], 20), ([0, 1, 0], vec![], Some(2)));
    assert_eq!(order(&conn), ["last.jpg", "first.jpg", "second.jpg"]);
}

#[test]
fn a_forgotten_run_counts_anew_and_is_swept_away() {
    let conn = open();
    let rows: Vec<_> = (0..700).map(|n| row(n + 2, &format!("p{n}"), "Thing", "S", "5.00")).collect();
    assert_eq!(put(&conn, 1, &rows, 10).0, [700, 0, 0]);
    forget_job(&conn, 1).unwrap();
    assert_eq!(put(&conn, 1, &[], 11).0, [0, 0, 0]);
    assert_eq!(put(&conn, 1, &rows[..1], 12).0, [0, 0, 1], "the same job, begun anew");
    for line in 0..3 {
        put(&conn, 2, &[row(line, "p1", "", "S", "5.00")], 13);
    }
    let count = |table: &str| -> i64 {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("import_run"), count("import_outcome")), (2, 2));
}

#[test]
fn products_are_read_by_handle_in_pages_and_found_by_what_they_say() {
    let conn = open();
    let mut rows: Vec<_> = (0..25).map(|n| row(n + 2, &format!("p{n:02}"), "Thing", "S", "5.00")).collect();
    rows[3].product.as_mut().unwrap().vendor = Some("100%_wool".into());
    rows[4].product.as_mut().unwrap().tags = Some("warm, , blue ".into());
    put(&conn, 1, &rows, 10);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = products(&conn, None, after.as_deref(), 10).unwrap();
        assert_eq!(page.total, 25);
        seen.extend(page.items.iter().map(|product| product.handle.clone()));
        after = seen.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..25).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
    let found = |q: &str| {
        let page = products(&conn, Some(q), None, 10).unwrap();
        (page.total, page.items.into_iter().map(|product| product.handle).collect::<Vec<_>>())
    };
    assert_eq!(found("100%_W"), (1, vec!["p03".to_owned()]));
    assert_eq!(found("%").0, 1, "a sign of LIKE is a letter here");
    assert_eq!(found("P1").0, 10);
    assert_eq!(found("  ").0, 25);
    assert_eq!(found("nothing like it"), (0, vec![]));
    assert_eq!(product(&conn, "p04").unwrap().unwrap().tags, ["warm", "blue"]);
    assert_eq!(product(&conn, "nope").unwrap(), None);
}

fn edited(conn: &Connection, expected: u64, json: &str, at: i64) -> (Edited, Option<u64>) {
    let change: ProductEdit = serde_json::from_str(json).unwrap();
    edit(conn, "shirt", &Expected::Revisions(vec![expected]), &change, Timestamp(at)).unwrap()
}

#[test]
fn an_edit_is_made_of_the_revision_that_it_names_only() {
    let conn = open();
    let rows = [row(2, "shirt", "Shirt", "S", "5.00"), row(3, "shirt", "", "L", "6.00")];
    put(&conn, 1, &rows, 10);
    let before = product(&conn, "shirt").unwrap().unwrap();
    assert_eq!((before.revision, before.changed_by), (1, ChangedBy::Import));
    let large = r#"{"variants":[{"options":[["Size","L"]],"price":"7"}]}"#;
    let (done, revision) = edited(&conn, 1, large, 20);
    let Edited::Done(after) = done else { panic!("{done:?}") };
    assert_eq!(
        (after.revision, revision, after.updated_at, after.changed_by),
        (2, Some(2), Timestamp(20), ChangedBy::Edit)
    );
    let prices: Vec<_> = after.variants.iter().map(|variant| variant.price.as_deref().unwrap()).collect();
    assert_eq!(prices, ["5.00", "7.00"]);
    assert_eq!((product(&conn, "shirt").unwrap(), state(&conn).unwrap().revision), (Some((*after).clone()), 2));

    let written = conn.total_changes();
    assert_eq!(edited(&conn, 1, r#"{"title":"Late"}"#, 30), (Edited::Changed(after.clone()), None));
    assert_eq!(edited(&conn, 2, large, 30), (Edited::Done(after), None), "what is so already moves nothing");
    let (refused, _) = edited(&conn, 2, r#"{"title":"X","variants":[{"price":"1"}]}"#, 30);
    assert!(matches!(refused, Edited::Refused(_)), "{refused:?}");
    let nobody = edit(&conn, "nobody", &Expected::Any, &ProductEdit::default(), Timestamp(30)).unwrap();
    assert_eq!(nobody, (Edited::Missing, None));
    assert_eq!(conn.total_changes(), written, "nothing of these was written");

    // The same file again undoes the edit, and says so.
    assert_eq!(put(&conn, 2, &rows, 40), ([0, 1, 0], vec![], Some(3)));
    assert_eq!(product(&conn, "shirt").unwrap().unwrap().changed_by, ChangedBy::Import);
}

#[test]
fn an_edit_leaves_what_it_does_not_name_as_the_file_had_it() {
    let conn = open();
    let mut shirt = row(2, "shirt", "Shirt", "S", "5.00");
    let cells = shirt.product.as_mut().unwrap();
    (cells.tags, cells.body_html) = (Some("a,b".into()), Some("<p>".into()));
    let put_again = |at| put(&conn, at, &[shirt.clone()], at);
    put_again(1);
    edited(&conn, 1, r#"{"vendor":"Acme"}"#, 20);
    let kept = |conn: &Connection| -> (String, String) {
        conn.query_row("SELECT tags, body_html FROM product", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(kept(&conn), ("a,b".into(), "<p>".into()));
    assert_eq!(put_again(2), ([0, 0, 1], vec![], None), "the file says nothing of a vendor");
    edited(&conn, 2, r#"{"tags":["b"," c"]}"#, 30);
    assert_eq!(kept(&conn).0, "b, c");
}
