//! The catalogue over HTTP, filled by an import.

use crate::common::{Server, Visitor, header, link, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/products";

pub(super) async fn import(visitor: &Visitor, csv: String) -> Value {
    let upload: Value =
        visitor.post("/api/v1/uploads?name=list.csv").body(csv).send().await.unwrap().json().await.unwrap();
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let job: Value = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    visitor.wait_until(&job, |job| job["finished_at"].is_string()).await
}

fn products(count: usize) -> String {
    let rows: String = (0..count).map(|n| format!("item-{n:03},Item {n},Acme,5.00\n")).collect();
    format!("Handle,Title,Vendor,Variant Price\n{rows}")
}

#[tokio::test(flavor = "multi_thread")]
async fn products_come_in_pages_with_a_tag_of_the_revision() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let empty = visitor.get(PATH).send().await.unwrap();
    let before = header(&empty, "etag").to_owned();
    assert_eq!(empty.json::<Value>().await.unwrap()["items"], json!([]));
    let job = import(&visitor, products(5)).await;
    assert_eq!((text(&job, "state"), job["result"]["created"].as_u64()), ("succeeded", Some(5)), "{job}");

    let changed = visitor.get(PATH).header("if-none-match", &before).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let etag = header(&changed, "etag").to_owned();
    let page: Value = changed.json().await.unwrap();
    assert_eq!((page["total"].as_u64(), &page["changing"]), (Some(5), &json!([])));
    assert!(page["revision"].as_u64() >= Some(1) && text(&page, "as_of").ends_with('Z'));
    let same = visitor.get(PATH).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((same.status(), header(&same, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));

    let (mut path, mut handles) = (Some(format!("{PATH}?q=item&limit=2")), Vec::new());
    while let Some(at) = path {
        let page = visitor.json(&at).await;
        handles.extend(page["items"].as_array().unwrap().iter().map(|product| text(product, "handle").to_owned()));
        path = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(handles, ["item-000", "item-001", "item-002", "item-003", "item-004"]);
    assert_eq!(visitor.json(&format!("{PATH}?q=nothing-like-it")).await["items"], json!([]));
    problem(visitor.get(&format!("{PATH}?limit=0")).send().await.unwrap(), 400, "bad-query").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_product_has_a_tag_of_its_own() {
    let server = Server::start().await;
    let visitor = server.visitor();
    import(&visitor, products(2)).await;
    let path = format!("{PATH}/item-001");
    let response = visitor.get(&path).send().await.unwrap();
    let etag = header(&response, "etag").to_owned();
    let product: Value = response.json().await.unwrap();
    assert_eq!((text(&product, "title"), text(&product["variants"][0], "price")), ("Item 1", "5.00"));
    import(&visitor, "Handle,Title\nitem-000,Renamed\n".to_owned()).await;
    let same = visitor.get(&path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "another product changed");
    import(&visitor, "Handle,Title\nitem-001,Renamed\n".to_owned()).await;
    let changed = visitor.get(&path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(text(&changed.json().await.unwrap(), "title"), "Renamed");
    for handle in ["no-such", "%FF"] {
        problem(visitor.get(&format!("{PATH}/{handle}")).send().await.unwrap(), 404, "product-not-found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejects_of_an_import_are_a_file_with_ranges() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = import(&visitor, "Handle,Title,Variant Price\na,A,5.00\nb,B,cheap\n".to_owned()).await;
    assert_eq!(job["result"]["rejected"], json!(1), "{job}");
    let path = text(&job["result"], "rejects");
    assert_eq!(path, format!("{}/files/rejects.csv", link(&job, "self")));
    let whole = visitor.get(path).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
    assert!(header(&whole, "content-disposition").starts_with("attachment; filename=\"rejects.csv\""));
    assert!(header(&whole, "content-type").starts_with("text/csv"));
    let whole = whole.text().await.unwrap();
    assert!(whole.contains("cheap"), "{whole}");
    let range = visitor.get(path).header("range", "bytes=2-5").send().await.unwrap();
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(range.bytes().await.unwrap(), whole.as_bytes()[2..=5]);
    problem(visitor.get(path).header("range", "bytes=1000000-").send().await.unwrap(), 416, "bad-range").await;
    problem(server.visitor().get(path).send().await.unwrap(), 404, "file-not-found").await;
    for name in ["..%2F..%2Fowner.key", "rejects.csv%00", "."] {
        let other = visitor.get(&format!("{}/files/{name}", link(&job, "self"))).send().await.unwrap();
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{name}");
    }
}
