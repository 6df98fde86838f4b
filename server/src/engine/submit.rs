//! Judges a request and makes it a job.
//!
//! Called by `api` and `forms` through [`super::Engine::submit`], and by `retry` for edited input. Runs nothing: the commit wakes the producer.
//! Invariant: an answer means that the job is durable; the same key and request give the same job (engine.md, 1 and 7).

use super::{
    Engine, Shared,
    fingerprint::{self, ContentHashes},
    registry::{DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUT_S},
    start::Start,
};
use crate::{
    clock,
    store::{Accepted, Idempotency, JobRow, NewJob, QueueState, Snapshot, Store, StoreError},
};
use domain::{
    InputError, JobId, OwnerId, Problem, UploadId,
    api::{DEFER_LIMIT_S, INPUT_LIMIT, LABEL_LIMIT, PRIORITY_LIMIT, Submit},
};
use serde_json::Value;

/// Most attempts that a submitter may ask for.
pub const MAX_ATTEMPTS_LIMIT: u32 = 20;
/// Longest attempt that a submitter may ask for.
pub const TIMEOUT_LIMIT_S: u64 = 86_400;
/// How long a key is kept.
const KEY_LIFE_MS: i64 = 24 * 3600 * 1000;
const LONGEST_KEY: usize = 255;

/// The value of an `Idempotency-Key` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Takes 1 to 255 visible ASCII characters, bare or as a quoted string (RFC 9651); `None` for anything else.
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        let key = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(header);
        let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(key.to_owned()))
    }
}

/// A job that a request made or found.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The job.
    pub job: Snapshot<JobRow>,
    /// Where a new one stands; asked for when it is needed otherwise.
    pub queue: Option<QueueState>,
    /// Whether an earlier request with the same key had made it.
    pub replayed: bool,
}

/// Why a request made no job.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It is the request: 429 `too-many-jobs`, 404 `unknown-kind`, 413 `input-too-large`, 422 `invalid-input` or `idempotency-key-reused`.
    #[error("refused: {}", .0.detail)]
    Refused(Box<Problem>),
    /// It is the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for SubmitError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl Engine {
    /// Accepts a job, or finds the one that the same key and request made.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing was accepted then.
    pub async fn submit(
        &self,
        owner: OwnerId,
        submit: Submit,
        key: Option<IdempotencyKey>,
    ) -> Result<Submitted, SubmitError> {
        self.shared.submit(owner, submit, None, key.map(|key| key.0)).await
    }
}

/// 403: the kind is not on offer to everybody.
pub(super) fn operator_only(kind: &str) -> Problem {
    Problem::new(
        403,
        "operator-only",
        format!("Jobs of this kind ({kind}) are started from the operations routes only."),
    )
}

impl Shared {
    /// A job of a kind that is not on offer to everybody. The caller has seen to it that an operator asks.
    pub(super) async fn submit_as_operator(&self, owner: OwnerId, submit: Submit) -> Result<Submitted, SubmitError> {
        self.accept(owner, submit, None, None).await
    }

    pub(super) async fn submit(
        &self,
        owner: OwnerId,
        submit: Submit,
        origin: Option<JobId>,
        key: Option<String>,
    ) -> Result<Submitted, SubmitError> {
        if self.registry.is_operator_only(&submit.kind) {
            return Err(operator_only(&submit.kind).into());
        }
        self.accept(owner, submit, origin, key).await
    }

    async fn accept(
        &self,
        owner: OwnerId,
        submit: Submit,
        origin: Option<JobId>,
        key: Option<String>,
    ) -> Result<Submitted, SubmitError> {
        let input = submit.input.to_string();
        let now = clock::now();
        let start = Start::of(&submit, &self.config.quiet_hours, now);
        let uploads = self.check(&submit, &input, start.as_ref().err())?;
        let start = start.unwrap_or_default();
        let idempotency = match key {
            None => None,
            Some(key) => {
                let fingerprint = self.fingerprint(owner, &submit, origin, &uploads).await?;
                let valid_since = now.plus_ms(-KEY_LIFE_MS);
                Some(Idempotency { key, fingerprint, valid_since })
            }
        };
        let job = NewJob {
            id: JobId::from_bytes(uuid::Uuid::now_v7().into_bytes()),
            owner,
            kind: submit.kind,
            label: submit.label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()),
            input,
            max_attempts: submit.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS),
            timeout_ms: i64::try_from(submit.timeout_s.unwrap_or(DEFAULT_TIMEOUT_S) * 1000).unwrap_or(i64::MAX),
            priority: submit.priority.unwrap_or(0),
            run_at: start.run_at,
            deferral: start.deferral,
            start_by: start.start_by,
            origin,
            uploads,
            idempotency,
        };
        match self.store.accept(job, now).await? {
            Accepted::Created(job, queue) => Ok(Submitted { job, queue: Some(queue), replayed: false }),
            Accepted::Replayed(job) => Ok(Submitted { job, queue: None, replayed: true }),
            Accepted::KeyReused => {
                let detail = "The idempotency key belongs to an earlier request that asked for something else.";
                Err(Problem::new(422, "idempotency-key-reused", detail).into())
            }
            Accepted::UploadMissing(id) => Err(upload_missing(&submit.input, id)),
            Accepted::TooMany => Err(too_many_jobs(&*self.store).into()),
        }
    }

    /// The uploads that a request uses, or everything that is wrong with it.
    fn check(&self, submit: &Submit, input: &str, start: Option<&InputError>) -> Result<Vec<UploadId>, SubmitError> {
        if input.len() > INPUT_LIMIT {
            let detail = format!("The input has {} bytes of JSON; the limit is {INPUT_LIMIT}.", input.len());
            return Err(Problem::new(413, "input-too-large", detail).into());
        }
        let Some(judged) = self.registry.check(&submit.kind, &submit.input) else {
            return Err(Problem::new(
                404,
                "unknown-kind",
                format!("There is no kind of job named \"{}\".", submit.kind),
            )
            .into());
        };
        let mut errors = check_envelope(submit);
        errors.extend(start.cloned());
        match judged {
            Ok(uploads) if errors.is_empty() => return Ok(uploads),
            Ok(_) => {}
            Err(of_input) => errors.extend(
                of_input.into_iter().map(|error| InputError { pointer: format!("/input{}", error.pointer), ..error }),
            ),
        }
        Err(Problem::invalid(errors).into())
    }

    async fn fingerprint(
        &self,
        owner: OwnerId,
        submit: &Submit,
        origin: Option<JobId>,
        uploads: &[UploadId],
    ) -> Result<[u8; 32], SubmitError> {
        let mut hashes = ContentHashes::new();
        for id in uploads {
            let row = self.store.upload(owner, *id).await?.ok_or_else(|| upload_missing(&submit.input, *id))?;
            hashes.insert(*id, row.sha256);
        }
        let request = serde_json::to_value(submit).map_err(|error| StoreError::Driver(error.to_string()))?;
        Ok(fingerprint::of(&request, origin, &hashes))
    }
}

/// What is wrong with the fields that every kind has.
fn check_envelope(submit: &Submit) -> Vec<InputError> {
    let mut errors = Vec::new();
    if submit.priority.is_some_and(|priority| !(-PRIORITY_LIMIT..=PRIORITY_LIMIT).contains(&priority)) {
        let mut error =
            InputError::new("/priority", "out-of-range", format!("must be from -{PRIORITY_LIMIT} to {PRIORITY_LIMIT}"));
        error.params.insert("min".to_owned(), (-PRIORITY_LIMIT).into());
        error.params.insert("max".to_owned(), PRIORITY_LIMIT.into());
        errors.push(error);
    }
    if submit.start_within_s.is_some_and(|seconds| !(1..=DEFER_LIMIT_S).contains(&seconds)) {
        errors.push(InputError::out_of_range("/start_within_s", 1, DEFER_LIMIT_S));
    }
    if submit.max_attempts.is_some_and(|attempts| !(1..=MAX_ATTEMPTS_LIMIT).contains(&attempts)) {
        errors.push(InputError::out_of_range("/max_attempts", 1, MAX_ATTEMPTS_LIMIT.into()));
    }
    if submit.timeout_s.is_some_and(|seconds| !(1..=TIMEOUT_LIMIT_S).contains(&seconds)) {
        errors.push(InputError::out_of_range("/timeout_s", 1, TIMEOUT_LIMIT_S));
    }
    if submit.label.as_ref().is_some_and(|label| label.trim().chars().count() > LABEL_LIMIT) {
        let mut error = InputError::new("/label", "too-long", format!("must have at most {LABEL_LIMIT} characters"));
        error.params.insert("max".to_owned(), LABEL_LIMIT.into());
        errors.push(error);
    }
    errors
}

/// 429: the owner has as many unfinished jobs as may be.
pub(super) fn too_many_jobs(store: &dyn Store) -> Problem {
    let most = store.policy().open_jobs;
    Problem::new(
        429,
        "too-many-jobs",
        format!("This owner has {most} unfinished jobs, and no more may wait; let some finish first."),
    )
}

fn upload_missing(input: &Value, id: UploadId) -> SubmitError {
    let pointer = pointer_to(input, &id.to_string()).unwrap_or_default();
    let detail = "there is no such upload; it may have expired";
    Problem::invalid(vec![InputError::new(format!("/input{pointer}"), "upload-missing", detail)]).into()
}

/// Where in a value a text stands.
fn pointer_to(value: &Value, text: &str) -> Option<String> {
    match value {
        Value::String(found) => found.eq_ignore_ascii_case(text).then(String::new),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            Some(format!("/{}{}", name.replace('~', "~0").replace('/', "~1"), pointer_to(member, text)?))
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| Some(format!("/{at}{}", pointer_to(item, text)?)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_is_visible_ascii_bare_or_quoted() {
        assert_eq!(IdempotencyKey::parse("\"a-1\""), IdempotencyKey::parse(" a-1 "));
        assert!(IdempotencyKey::parse(&"x".repeat(255)).is_some());
        for refused in ["", "\"\"", "a b", "é", "a\u{1}", &"x".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn the_fields_of_every_kind_are_judged_with_pointers() {
        let submit: Submit = serde_json::from_value(json!({
            "kind": "k", "input": {}, "label": "é".repeat(201), "priority": -101, "start_within_s": 0,
            "max_attempts": 21, "timeout_s": 0
        }))
        .unwrap();
        let errors = check_envelope(&submit);
        let found: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/priority", "out-of-range"),
                ("/start_within_s", "out-of-range"),
                ("/max_attempts", "out-of-range"),
                ("/timeout_s", "out-of-range"),
                ("/label", "too-long"),
            ]
        );
        let fine = Submit { label: Some("é".repeat(200)), priority: Some(100), start_within_s: Some(1), ..submit };
        assert_eq!(check_envelope(&Submit { max_attempts: Some(20), timeout_s: Some(86_400), ..fine }), []);
    }

    #[test]
    fn a_missing_upload_is_pointed_at() {
        let input = json!({"files": [{"a/b": "x"}, {"a/b": "y"}]});
        assert_eq!(pointer_to(&input, "y").as_deref(), Some("/files/1/a~1b"));
    }
}
