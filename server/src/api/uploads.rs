//! `POST /api/v1/uploads`: a file, streamed to disk in constant memory.
//!
//! Takes the raw body with `?name=`, or multipart with a part `file`; forms without JavaScript come here too, by [`receive`].
//! Invariant: an upload that was answered has its content synced and its row committed; of anything else nothing remains.

use super::extract::{Params, content_length};
use crate::{
    clock,
    error::{ApiError, discard},
    files::ReceiveError,
    owner::Owner,
    state::AppState,
    store::UploadRow,
};
use axum::{
    Json,
    extract::{FromRequest as _, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::{InputError, OwnerId, UploadId, api::Upload};
use futures_util::Stream;
use uuid::Uuid;

/// What multipart adds around a file, generously.
const MULTIPART_EXTRA: u64 = 64 * 1024;

/// The handler.
pub async fn create(
    State(state): State<AppState>,
    owner: Owner,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    let multipart = is_multipart(request.headers());
    let allowance = Allowance::of(&state, owner.id).await?;
    let announced = content_length(request.headers()).unwrap_or(0);
    let extra = if multipart { MULTIPART_EXTRA } else { 0 };
    if announced > allowance.bytes() + extra {
        discard(request.into_body().into_data_stream());
        return Err(allowance.exceeded());
    }
    let upload = if multipart {
        from_multipart(&state, owner.id, &allowance, request).await?
    } else {
        let mut body = request.into_body().into_data_stream();
        let name = params.text("name").unwrap_or("upload").to_owned();
        match receive(&state, owner.id, &allowance, &name, &mut body).await {
            Ok(upload) => upload,
            Err(error) => {
                discard(body);
                return Err(error);
            }
        }
    };
    Ok((StatusCode::CREATED, Json(upload)).into_response())
}

async fn from_multipart(
    state: &AppState,
    owner: OwnerId,
    allowance: &Allowance,
    request: Request,
) -> Result<Upload, ApiError> {
    let mut parts = Multipart::from_request(request, state).await.map_err(|error| bad_multipart(&error))?;
    while let Some(part) = parts.next_field().await.map_err(|error| bad_multipart(&error))? {
        if part.name() == Some("file") {
            let name = part.file_name().unwrap_or("upload").to_owned();
            return receive(state, owner, allowance, &name, part).await;
        }
    }
    Err(ApiError::invalid(vec![InputError::new("/file", "missing-field", "missing field `file`")]))
}

/// 400 for a multipart body that cannot be read on, cut off or malformed.
pub fn bad_multipart(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "upload-cut",
        format!("The multipart body ended early or is malformed: {error}."),
    )
}

/// Whether a body is multipart.
pub fn is_multipart(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

/// How much an owner may still send.
pub struct Allowance {
    largest: u64,
    left: u64,
}

impl Allowance {
    /// Reads it from the settings and what the owner has already.
    ///
    /// # Errors
    /// What the store said.
    pub async fn of(state: &AppState, owner: OwnerId) -> Result<Self, ApiError> {
        let used = state.store.upload_bytes(owner).await?;
        let limits = &state.config.uploads;
        Ok(Self { largest: limits.max_bytes, left: limits.quota_bytes.saturating_sub(used) })
    }

    fn bytes(&self) -> u64 {
        self.largest.min(self.left)
    }

    fn exceeded(&self) -> ApiError {
        if self.left >= self.largest {
            return ApiError::too_large(self.largest);
        }
        let detail = format!("The uploads of this owner may take {} bytes more.", self.left);
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "quota-exceeded", detail)
    }
}

/// Writes a file and its row.
///
/// # Errors
/// 413 `too-large`, 507 `quota-exceeded` or `disk-full`, 400 `upload-cut`.
pub async fn receive<S, E>(
    state: &AppState,
    owner: OwnerId,
    allowance: &Allowance,
    name: &str,
    content: S,
) -> Result<Upload, ApiError>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: std::fmt::Display,
{
    let id = UploadId::from_bytes(*Uuid::now_v7().as_bytes());
    let received = state.files.receive(id, content, allowance.bytes()).await.map_err(|error| match error {
        ReceiveError::TooLarge(_) => allowance.exceeded(),
        ReceiveError::Cut(detail) => {
            ApiError::new(StatusCode::BAD_REQUEST, "upload-cut", format!("The upload ended early: {detail}."))
        }
        ReceiveError::DiskFull => crate::store::StoreError::DiskFull.into(),
        ReceiveError::Io(error) => ApiError::internal(error),
    })?;
    let name = file_name(name);
    let row = UploadRow {
        id,
        owner,
        name: name.clone(),
        size: received.size,
        sha256: received.sha256,
        created_at: clock::now(),
    };
    match state.store.add_upload(row).await {
        Ok(true) => {}
        Ok(false) => {
            state.files.remove_upload(id);
            // Others of this owner were quicker: what is left now is less than it was.
            return Err(Allowance::of(state, owner).await?.exceeded());
        }
        Err(error) => {
            state.files.remove_upload(id);
            return Err(error.into());
        }
    }
    let sha256 = received.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Upload { id, name, size: received.size, sha256 })
}

/// The last part of what the browser said, without what no file name has; only ever shown, never a path here.
fn file_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|char| !char.is_control()).take(200).collect();
    if name.trim().is_empty() { "upload".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_no_path() {
        assert_eq!(file_name("C:\\lists\\spring.csv"), "spring.csv");
        assert_eq!(file_name("../../etc/pass\nwd"), "passwd");
        assert_eq!(file_name("/"), "upload");
    }
}
