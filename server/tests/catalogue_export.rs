//! `catalogue-export`, from outside and beside an engine that is held up: the round trip, the file as a download, what interrupts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;
mod wrapped_store;

#[path = "catalogue_export/downloading.rs"]
mod downloading;
#[path = "catalogue_export/interrupted.rs"]
mod interrupted;
#[path = "catalogue_export/round_trip.rs"]
mod round_trip;
#[path = "catalogue_export/spreadsheet.rs"]
mod spreadsheet;
#[path = "catalogue_export/world.rs"]
mod world;

use common::{Visitor, link};
use serde_json::{Value, json};

/// A catalogue with everything that has ever made a round trip fail.
pub(crate) const CATALOGUE: &str = concat!(
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,",
    "Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Taxable,Variant Barcode,Image Src,Image Position,",
    "Image Alt Text,Gift Card,SEO Title,Google Shopping / Gender,Fabric (product.metafields.custom.fabric),Variant Image,Cost per item,Status\n",
    "shirt,Shirt,\"<p>Blue, \"\"the\"\" one.</p>\r\n<p>Très beau — 桜</p>\n\",Atelier,Shirts,\"Clay, Pots\",TRUE,Size,Small,Colour,Blue,000123,",
    "120,3,50,60.5,true,0012345678905,https://x/1.jpg,1,\"Shirt, \"\"front\"\"\",FALSE,SEO,unisex,\"Cotton\n100 %\",https://x/v.jpg,10.50,active\n",
    "shirt,,,,,,,,Large,,Blue,000124,0,-2,0.125,,TRUE,,https://x/2.jpg,2,,,,,,,,\n",
    "shirt,,,,,,,,,,,,,,,,,,https://x/3.jpg,3,,,,,,,,\n",
    "mug,Mug,=HYPERLINK(\"\"x\"\"),@vendor,+type,\"-tag, =tag\",false,Title,Default Title,,,=SKU,,,3,,,,,,,,,,,,,\n",
    "formula,=1+1,\"\t=tab\",,,,true,=Option,+Value,,,-5,,,5.00,,,'=1,https://x/=.jpg,,=alt,true,@seo,,=cmd|' /C calc'!A0,,7,draft\n",
    "'=quoted,'=title,'@body,'','plain,'-5,true,,,,,'''+sku,,,12.50,,,,,,,,,,,,,\n",
    "plain,Plain,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
);

/// Products of [`CATALOGUE`], which has as many rows and two more.
pub(crate) const PRODUCTS: u64 = 5;

pub(crate) async fn import(visitor: &Visitor, file: impl Into<reqwest::Body>) -> Value {
    let upload: Value = visitor.post("/api/v1/uploads").body(file).send().await.unwrap().json().await.unwrap();
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let job: Value = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    visitor.wait_for(&job, "succeeded").await
}

/// Created, updated, unchanged, rejected.
pub(crate) fn counts(job: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|name| job["result"][name].as_u64().unwrap())
}

pub(crate) async fn submit_export(visitor: &Visitor, format: &str) -> Value {
    let body = json!({"kind": "catalogue-export", "input": {"format": format}});
    visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap()
}

/// An export that has succeeded.
pub(crate) async fn export(visitor: &Visitor, format: &str) -> Value {
    let job = submit_export(visitor, format).await;
    visitor.wait_for(&job, "succeeded").await
}

pub(crate) async fn download(visitor: &Visitor, job: &Value) -> Vec<u8> {
    let response = visitor.get(link(job, "result")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}
