//! Editing a product over HTTP: by `PATCH`, by the form, and while an import is changing the catalogue.

use super::{forms::post, products::import};
use crate::common::{Server, Visitor, header, places, problem, text};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::{fs::File, io::Write as _, process::Command};

const LAMP: &str = "/api/v1/products/lamp";
const FILE: &str = "Handle,Title,Vendor,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src
lamp,Lamp,Atelier,\"warm,blue\",Colour,White,L-1,80.00,https://img.example/lamp.jpg
lamp,,,,,Black,L-2,85.00,
";

async fn patch(visitor: &Visitor, tag: Option<&str>, edit: &Value) -> Response {
    let request = visitor.client.request(Method::PATCH, format!("{}{LAMP}", visitor.base)).json(edit);
    let request = tag.iter().fold(request, |request, tag| request.header("if-match", *tag));
    request.send().await.unwrap()
}

async fn done(response: Response) -> Value {
    let (status, etag) = (response.status(), header(&response, "etag").to_owned());
    let product: Value = response.json().await.unwrap();
    assert_eq!((status, text(&product, "etag")), (StatusCode::OK, etag.as_str()), "{product}");
    product
}

/// A server with one product of two variants.
async fn shop() -> (Server, Visitor, Value) {
    let server = Server::start().await;
    let visitor = server.visitor();
    import(&visitor, FILE.to_owned()).await;
    let lamp = visitor.json(LAMP).await;
    (server, visitor, lamp)
}

async fn revision(visitor: &Visitor) -> u64 {
    visitor.json("/api/v1/products").await["revision"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_changes_what_it_names_and_moves_the_revision_once() {
    let (_server, visitor, lamp) = shop().await;
    assert_eq!(text(&lamp, "changed_by"), "import");
    assert_eq!(lamp["images"][0]["src"], "https://img.example/lamp.jpg");
    let before = revision(&visitor).await;
    let black = json!({"options": lamp["variants"][1]["options"], "price": "85.5", "inventory_qty": 7});
    let edit = json!({"title": " Desk lamp ", "vendor": null, "published": true, "variants": [black]});
    let edited = done(patch(&visitor, Some(text(&lamp, "etag")), &edit).await).await;
    assert_eq!(
        (text(&edited, "title"), &edited["vendor"], &edited["published"]),
        ("Desk lamp", &json!(null), &json!(true))
    );
    assert_eq!((text(&edited, "changed_by"), &edited["tags"]), ("edit", &lamp["tags"]));
    assert_eq!((&edited["variants"][0], &edited["images"]), (&lamp["variants"][0], &lamp["images"]));
    let variant = &edited["variants"][1];
    assert_eq!((text(variant, "price"), text(variant, "sku"), &variant["inventory_qty"]), ("85.50", "L-2", &json!(7)));
    assert_eq!(visitor.json(LAMP).await, edited);
    assert_eq!(visitor.json("/api/v1/products").await["items"][0], edited);
    assert_eq!(revision(&visitor).await, before + 1);

    // What is so already moves nothing; nor does an import that says what is there.
    let same = done(patch(&visitor, Some(text(&edited, "etag")), &edit).await).await;
    assert_eq!(same, edited);
    import(
        &visitor,
        "Handle,Title,Option1 Name,Option1 Value,Variant Price\nlamp,Desk lamp,Colour,Black,85.50\n".into(),
    )
    .await;
    assert_eq!(visitor.json(LAMP).await, edited);
    assert_eq!(revision(&visitor).await, before + 1);
    // One that says something else does, and says so.
    import(&visitor, FILE.to_owned()).await;
    let imported = visitor.json(LAMP).await;
    assert_eq!((text(&imported, "title"), text(&imported, "changed_by")), ("Lamp", "import"));
    assert_ne!(imported["etag"], edited["etag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_the_second_is_shown_what_the_first_has_saved() {
    let (server, ann, lamp) = shop().await;
    let bob = server.visitor();
    let seen = text(&lamp, "etag");
    let first = done(patch(&ann, Some(seen), &json!({"title": "Ann\u{2019}s lamp"})).await).await;
    let late = patch(&bob, Some(seen), &json!({"title": "Bob\u{2019}s lamp"})).await;
    assert_eq!(header(&late, "etag"), text(&first, "etag"));
    let told = problem(late, 412, "product-changed").await;
    assert_eq!(told["product"], first, "the product as it is, its tag included");
    assert_eq!(ann.json(LAMP).await, first, "nothing was overwritten");
    let again =
        done(patch(&bob, Some(text(&told["product"], "etag")), &json!({"title": "Bob\u{2019}s lamp"})).await).await;
    assert_eq!(text(&again, "title"), "Bob\u{2019}s lamp");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_a_tag_is_refused_and_only_a_strong_one_counts() {
    let (_server, visitor, lamp) = shop().await;
    let edit = json!({"title": "Other"});
    problem(patch(&visitor, None, &edit).await, 428, "precondition-required").await;
    let tag = text(&lamp, "etag");
    for other in [format!("W/{tag}"), "\"elsewhere-1\"".to_owned(), tag.replace('"', "")] {
        problem(patch(&visitor, Some(&other), &edit).await, 412, "product-changed").await;
    }
    assert_eq!(visitor.json(LAMP).await, lamp);
    done(patch(&visitor, Some(&format!("\"elsewhere-1\", {tag}")), &edit).await).await;
    done(patch(&visitor, Some("*"), &json!({"title": "Whatever it was"})).await).await;
    let nobody = format!("{}/api/v1/products/nobody", visitor.base);
    let missing =
        visitor.client.request(Method::PATCH, nobody).header("if-match", "*").json(&edit).send().await.unwrap();
    problem(missing, 404, "product-not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_edit_is_told_with_its_places_and_nothing_of_it_is_done() {
    let (_server, visitor, lamp) = shop().await;
    let tag = text(&lamp, "etag");
    let white = &lamp["variants"][0]["options"];
    let refused = async |edit: Value| {
        let problem = problem(patch(&visitor, Some(tag), &edit).await, 422, "invalid-input").await;
        places(&problem).into_iter().map(|(pointer, code)| format!("{pointer} {code}")).collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({"price": "1"})).await, ["/price unknown-field"]);
    assert_eq!(refused(json!({"handle": "x"})).await, ["/handle unknown-field"]);
    assert_eq!(
        refused(json!({"variants": [{"options": white, "prize": "1"}]})).await,
        ["/variants/0/prize unknown-field"]
    );
    assert_eq!(refused(json!({"title": null})).await, ["/title wrong-type"]);
    assert_eq!(refused(json!({"published": "yes"})).await, ["/published wrong-type"]);
    assert_eq!(
        refused(json!({"variants": [{"options": white, "inventory_qty": 1.5}]})).await,
        ["/variants/0/inventory_qty wrong-type"]
    );
    assert_eq!(
        refused(json!({"title": "x", "tags": ["a,b"], "variants": [{"options": white, "price": "12,50", "compare_at_price": "-1"}]})).await,
        ["/tags/0 bad-tag", "/variants/0/price bad-price", "/variants/0/compare_at_price bad-price"]
    );
    assert_eq!(
        refused(json!({"variants": [{"options": [["Colour", "Red"]], "price": "1"}]})).await,
        ["/variants/0/options unknown-variant"]
    );
    assert_eq!(visitor.json(LAMP).await, lamp);
    let url = format!("{}{LAMP}", visitor.base);
    let raw = |body: &'static str, kind: &'static str| {
        let request = visitor.client.request(Method::PATCH, &url).header("if-match", tag).header("content-type", kind);
        request.body(body).send()
    };
    problem(raw("{", "application/json").await.unwrap(), 400, "bad-json").await;
    problem(raw("title=x", "application/x-www-form-urlencoded").await.unwrap(), 415, "not-json").await;
    done(raw(r#"{"title":"By merge patch"}"#, "application/merge-patch+json").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_may_not_edit() {
    let (_server, visitor, lamp) = shop().await;
    let request = visitor.client.request(Method::PATCH, format!("{}{LAMP}", visitor.base));
    let request = request.header("if-match", text(&lamp, "etag")).header("sec-fetch-site", "cross-site");
    problem(request.json(&json!({"title": "x"})).send().await.unwrap(), 403, "cross-site").await;
    assert_eq!(visitor.json(LAMP).await, lamp);
}

/// What a poll tells of the catalogue, as soon as it is another tag's.
async fn hint(visitor: &Visitor, etag: &mut String) -> Value {
    let request = visitor.get("/api/v1/events?watch=catalogue&wait=30").header("if-none-match", etag.as_str());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    header(&response, "etag").clone_into(etag);
    response.json::<Value>().await.unwrap()["hints"][0].clone()
}

/// An import that reads its file from a pipe, so that it runs for as long as the test holds the other end.
async fn held_import(server: &Server, visitor: &Visitor) -> (Value, File) {
    let body = visitor.post("/api/v1/uploads?name=list.csv").body("Handle,Title\n");
    let upload: Value = body.send().await.unwrap().json().await.unwrap();
    let path = server.folder.path().join("data/uploads").join(text(&upload, "id"));
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let job: Value = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    // Opening it returns once the import has opened its end.
    let pipe = tokio::task::spawn_blocking(move || File::options().write(true).open(path)).await.unwrap().unwrap();
    (job, pipe)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_while_an_import_runs_is_done_at_once_and_everyone_is_told() {
    let (server, visitor, lamp) = shop().await;
    let other = server.visitor();
    let mut etag = "\"none\"".to_owned();
    assert_eq!(hint(&other, &mut etag).await["changing"], 0);
    let (job, mut pipe) = held_import(&server, &visitor).await;
    let told = hint(&other, &mut etag).await;
    assert_eq!((told["changing"].as_u64(), told["revision"].as_u64()), (Some(1), lamp["revision"].as_u64()));
    let page = other.json("/api/v1/products").await;
    assert_eq!(page["changing"], json!([{"kind": "catalogue-import", "count": 1}]));

    let edited = done(patch(&visitor, Some(text(&lamp, "etag")), &json!({"title": "Edited"})).await).await;
    let told = hint(&other, &mut etag).await;
    assert_eq!((told["changing"].as_u64(), told["revision"].as_u64()), (Some(1), edited["revision"].as_u64()));

    // The import goes on and changes what was edited; whoever still edits it is told so.
    pipe.write_all(b"Handle,Title\nlamp,Imported\n").unwrap();
    drop(pipe);
    let ended = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(ended["result"]["updated"], 1, "{ended}");
    let late = patch(&visitor, Some(text(&edited, "etag")), &json!({"title": "Mine"})).await;
    let told = problem(late, 412, "product-changed").await;
    assert_eq!((text(&told["product"], "title"), text(&told["product"], "changed_by")), ("Imported", "import"));
    // That it is no longer being changed is told, too.
    loop {
        let told = hint(&other, &mut etag).await;
        if told["changing"] == 0 {
            assert_eq!(told["revision"].as_u64(), Some(revision(&other).await));
            break;
        }
    }
}

/// The value of a hidden or text field of a form.
fn field(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {page}"));
    let start = page[..at].rfind("<input").unwrap();
    let end = start + page[start..].find('>').unwrap();
    let tag = &page[start..end];
    let value = tag.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    value.replace("&quot;", "\"").replace("&amp;", "&")
}

async fn page(visitor: &Visitor) -> String {
    let response = visitor.get("/catalogue/lamp").header("accept", "text/html").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

/// The fields of the page's form, as a browser posts them, with some typed over.
fn filled(page: &str, typed: &[(&str, &str)]) -> Vec<(String, String)> {
    const NAMES: [&str; 6] = ["title", "vendor", "tags", "variants.0.price", "variants.1.price", "variants.1.sku"];
    let mut fields = vec![("etag".to_owned(), field(page, "etag"))];
    for name in NAMES {
        fields.push((format!("was.{name}"), field(page, &format!("was.{name}"))));
        fields.push((name.to_owned(), field(page, name)));
    }
    fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    fields
}

async fn send(visitor: &Visitor, fields: &[(String, String)]) -> Response {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post(visitor, "/catalogue/lamp", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_saves_without_script_and_comes_again_with_what_was_typed_and_what_is_there_now() {
    let (_server, visitor, lamp) = shop().await;
    let first = page(&visitor).await;
    let saved = send(&visitor, &filled(&first, &[("title", "Desk lamp"), ("variants.1.price", "85,5")])).await;
    assert_eq!((saved.status(), header(&saved, "location")), (StatusCode::SEE_OTHER, "/catalogue/lamp?said=saved"));
    let edited = visitor.json(LAMP).await;
    assert_eq!((text(&edited, "title"), text(&edited["variants"][1], "price")), ("Desk lamp", "85.50"));
    assert_eq!((&edited["tags"], &edited["published"]), (&lamp["tags"], &lamp["published"]));

    // The same form again is late: it was made of an earlier state. What it did not touch shows what is there now.
    let late = send(&visitor, &filled(&first, &[("variants.1.price", "9.99")])).await;
    assert_eq!(late.status(), StatusCode::PRECONDITION_FAILED);
    let again = late.text().await.unwrap();
    assert_eq!(visitor.json(LAMP).await, edited, "nothing was saved");
    assert_eq!(
        (field(&again, "title"), field(&again, "variants.1.price")),
        ("Desk lamp".to_owned(), "9.99".to_owned())
    );
    assert_eq!(field(&again, "etag"), text(&edited, "etag"));
    assert!(again.contains("now 85.50, you have 9.99"), "{again}");
    assert!(again.contains("choose.variants.1.price") && !again.contains("choose.title"), "{again}");
    assert_eq!(field(&again, "conflict"), "variants.1.price");

    // Without a choice it comes once more; with one it is saved.
    let mut fields = filled(&again, &[("conflict", "variants.1.price")]);
    let unanswered = send(&visitor, &fields).await;
    assert_eq!(unanswered.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unanswered.text().await.unwrap().contains("choose.variants.1.price"));
    fields.push(("choose.variants.1.price".to_owned(), "mine".to_owned()));
    assert_eq!(send(&visitor, &fields).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(text(&visitor.json(LAMP).await["variants"][1], "price"), "9.99");

    let now = page(&visitor).await;
    let same = send(&visitor, &filled(&now, &[])).await;
    assert_eq!(header(&same, "location"), "/catalogue/lamp?said=unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_wrong_comes_again_and_one_without_a_tag_or_a_product_saves_nothing() {
    let (_server, visitor, lamp) = shop().await;
    let first = page(&visitor).await;
    let wrong = send(&visitor, &filled(&first, &[("variants.0.price", "1,000"), ("title", " ")])).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let again = wrong.text().await.unwrap();
    assert_eq!(field(&again, "variants.0.price"), "1,000");
    assert!(again.contains("variants-0-price-error") && again.contains("title-error"), "{again}");
    let untagged: Vec<_> = filled(&first, &[("title", "x")]).into_iter().filter(|(name, _)| name != "etag").collect();
    assert_eq!(send(&visitor, &untagged).await.status(), StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(post(&visitor, "/catalogue/nobody", &[("etag", "\"x-1\"")]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(visitor.json(LAMP).await, lamp);
    let nobody = visitor.get("/catalogue/nobody").header("accept", "text/html").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_may_be_any_text() {
    let server = Server::start().await;
    let visitor = server.visitor();
    import(&visitor, "Handle,Title\nth\u{e9} & lait/100%?,Tea\n".to_owned()).await;
    let path = "/catalogue/th%C3%A9%20%26%20lait%2F100%25%3F";
    let page = visitor.get(path).header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(page.contains(&format!("action=\"{path}\"")), "{page}");
    let fields = [
        ("etag".to_owned(), field(&page, "etag")),
        ("was.title".into(), "Tea".into()),
        ("title".into(), "Milk tea".into()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let saved = post(&visitor, path, &fields).await;
    assert_eq!(header(&saved, "location"), format!("{path}?said=saved"));
    assert_eq!(text(&visitor.json("/api/v1/products").await["items"][0], "title"), "Milk tea");
}
