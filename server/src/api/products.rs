//! The catalogue, one for the instance: `GET /api/v1/products`, and one product of it, to read and to edit.
//!
//! Says as of when it is true and who is changing it. What an edit may say is `domain::catalogue`'s; the store makes it in one transaction
//! with the comparison of its tag. Forms come here too ([`save`]).
//! Invariants: a tag never stands for two different states: it names the database's epoch, the revision, and of a page who is changing it
//! while someone is; no edit is made without a tag that its maker has seen.

use super::{
    conditional::{is_known, not_modified, with_etag},
    extract::{JsonBody, Params, link},
};
use crate::{
    clock,
    error::ApiError,
    representation,
    state::AppState,
    store::{CatalogueState, Edited, Expected},
};
use axum::{
    Json,
    extract::{FromRequest as _, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Problem,
    api::{Product, ProductPage},
    catalogue::ProductEdit,
};

const PATH: &str = "/api/v1/products";
const PAGE: usize = 50;
const MOST: usize = 200;

/// `GET /api/v1/products?q=&limit=&after=`
pub async fn list(State(state): State<AppState>, headers: HeaderMap, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit(PAGE, MOST)?;
    let (q, after) = (params.text("q"), params.text("after"));
    let epoch = state.store.epoch();
    let known = page_etag(epoch, &state.store.catalogue().await?);
    if is_known(&headers, &known) {
        return Ok(not_modified(&known));
    }
    let as_of = clock::now();
    let read = state.store.products(q, after, limit).await?;
    let known = page_etag(epoch, &read.state);
    let asked = params.text("limit");
    let next = read.items.last().filter(|_| read.more);
    let next = next.map(|last| link(PATH, &[("q", q), ("limit", asked), ("after", Some(&last.handle))]));
    let CatalogueState { revision, changing } = read.state;
    let items = read.items.into_iter().map(|product| representation::product(epoch, product)).collect();
    let page = ProductPage { items, next, total: read.total, revision, as_of, changing };
    Ok(with_etag(Json(page).into_response(), &known))
}

/// Of the revision; while jobs change the catalogue, of how many too, since the page tells that.
fn page_etag(epoch: &str, state: &CatalogueState) -> String {
    let (revision, changing) = (state.revision, state.jobs());
    if changing == 0 { format!("W/\"{epoch}-{revision}\"") } else { format!("W/\"{epoch}-{revision}-{changing}\"") }
}

/// 404 for a handle that no product has.
pub fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "product-not-found", "There is no product with this handle.")
}

/// `GET /api/v1/products/{handle}`
pub async fn one(
    State(state): State<AppState>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(handle) = path.map_err(|_| not_found())?;
    let product = state.store.product(&handle).await?.ok_or_else(not_found)?;
    let product = representation::product(state.store.epoch(), product);
    if is_known(&headers, &product.etag) {
        return Ok(not_modified(&product.etag));
    }
    Ok(tagged(product))
}

fn tagged(product: Product) -> Response {
    let etag = product.etag.clone();
    with_etag(Json(product).into_response(), &etag)
}

/// `PATCH /api/v1/products/{handle}`
pub async fn edit(
    State(state): State<AppState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let Path(handle) = path.map_err(|_| not_found())?;
    let expected = expected(state.store.epoch(), request.headers())?;
    let JsonBody(edit) = JsonBody::from_request(request, &state).await?;
    Ok(tagged(save(&state, &handle, expected, edit).await?))
}

/// Makes an edit, for whoever has said of which product it is one; answers the product as it is then.
///
/// # Errors
/// 404 `product-not-found`, 412 `product-changed` with the product as it is, 422 with what is wrong.
pub async fn save(state: &AppState, handle: &str, expected: Expected, edit: ProductEdit) -> Result<Product, ApiError> {
    let epoch = state.store.epoch();
    match state.store.edit_product(handle, expected, edit, clock::now()).await? {
        Edited::Done(product) => Ok(representation::product(epoch, *product)),
        Edited::Missing => Err(not_found()),
        Edited::Refused(errors) => Err(ApiError::invalid(errors)),
        Edited::Changed(product) => Err(changed(representation::product(epoch, *product))),
    }
}

/// 412 with the product as it is, so that both can be shown.
fn changed(product: Product) -> ApiError {
    let detail = "The product has changed since; look at it as it is now, and send the edit with its tag.";
    let etag = product.etag.parse();
    let problem = Problem { product: Some(Box::new(product)), ..Problem::new(412, "product-changed", detail) };
    let error = ApiError::from(problem);
    match etag {
        Ok(etag) => error.with_header(header::ETAG, etag),
        Err(_) => error,
    }
}

/// What `If-Match` asks for (RFC 9110, section 13.1.1): strong comparison, so a weak tag names nothing.
fn expected(epoch: &str, headers: &HeaderMap) -> Result<Expected, ApiError> {
    if !headers.contains_key(header::IF_MATCH) {
        let detail = "Send `If-Match` with the product's `ETag`, so that nobody's change is overwritten unseen.";
        return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", detail));
    }
    let lines = headers.get_all(header::IF_MATCH).iter().filter_map(|line| line.to_str().ok());
    let tags: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags.contains(&"*") {
        return Ok(Expected::Any);
    }
    Ok(Expected::Revisions(tags.into_iter().filter_map(|tag| revision_of(epoch, tag)).collect()))
}

/// The revision that a tag of this database names.
pub fn revision_of(epoch: &str, tag: &str) -> Option<u64> {
    let opaque = tag.strip_prefix('"')?.strip_suffix('"')?;
    opaque.strip_prefix(epoch)?.strip_prefix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_tag_names_its_database_and_a_weak_one_names_nothing() {
        let of = |text: &'static str| {
            expected("k3x9", &[(header::IF_MATCH, HeaderValue::from_static(text))].into_iter().collect()).unwrap()
        };
        assert_eq!(of("\"k3x9-17\""), Expected::Revisions(vec![17]));
        assert_eq!(of("\"k3x9-17\", \"k3x9-18\""), Expected::Revisions(vec![17, 18]));
        assert_eq!(of("*"), Expected::Any);
        for nothing in ["W/\"k3x9-17\"", "\"other-17\"", "17", "\"k3x9-\"", "", "\"k3x9-17-1\""] {
            assert_eq!(of(nothing), Expected::Revisions(vec![]), "{nothing}");
        }
        assert_eq!(expected("k3x9", &HeaderMap::new()).unwrap_err().status(), StatusCode::PRECONDITION_REQUIRED);
    }
}
