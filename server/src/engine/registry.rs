//! What a kind is to the engine, and the list of those that this server runs.
//!
//! Kinds implement [`Kind`]; the producer asks the [`Registry`] to check an input, the executor to run a job.
//! Invariant: an input that was accepted has passed [`Registry::check`], so a handler only ever sees valid input.

use super::context::{Context, JobError};
use async_trait::async_trait;
use domain::{InputError, UploadId, api::KindInfo, api::KindLimits, kinds::Validate};
use schemars::{JsonSchema, schema_for};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Attempts when the submitter names none.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// Seconds an attempt may take when the submitter names none.
pub const DEFAULT_TIMEOUT_S: u64 = 3600;

/// A type of job. One value runs all its jobs, side by side.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// Its input, with its validation.
    type Input: DeserializeOwned + Validate + JsonSchema + Send;
    /// Its output.
    type Output: Serialize + JsonSchema + Send;

    /// Its name in the API.
    const NAME: &'static str;
    /// Whether only an operator may submit it or open it again; such a kind is not listed among those on offer.
    const OPERATOR_ONLY: bool = false;

    /// The uploads that an input uses; the store checks that they are the owner's and keeps them while a job does.
    fn uploads(_input: &Self::Input) -> Vec<UploadId> {
        Vec::new()
    }

    /// Runs one attempt. May be called again with the same input after a crash, and must go on from `ctx.checkpoint()`.
    ///
    /// # Errors
    /// [`JobError`] says whether another attempt makes sense.
    async fn run(&self, ctx: &Context, input: Self::Input) -> Result<Self::Output, JobError>;
}

/// A kind with its types erased.
#[async_trait]
pub(super) trait ErasedKind: Send + Sync {
    fn check(&self, input: &Value) -> Result<Vec<UploadId>, Vec<InputError>>;
    fn info(&self) -> KindInfo;
    fn operator_only(&self) -> bool;
    async fn run(&self, ctx: &Context, input: &str) -> Result<String, JobError>;
}

struct Erased<K>(K);

#[async_trait]
impl<K: Kind> ErasedKind for Erased<K> {
    fn check(&self, input: &Value) -> Result<Vec<UploadId>, Vec<InputError>> {
        // A struct would be read from an array of its fields, too.
        if !input.is_object() {
            return Err(vec![InputError::new("", "wrong-type", "invalid type: expected an object")]);
        }
        let input: K::Input = serde_path_to_error::deserialize(input).map_err(|error| vec![unreadable(&error)])?;
        let errors = input.validate();
        if errors.is_empty() { Ok(K::uploads(&input)) } else { Err(errors) }
    }

    fn info(&self) -> KindInfo {
        KindInfo {
            name: K::NAME.to_owned(),
            input_schema: schema_for!(K::Input).to_value(),
            output_schema: schema_for!(K::Output).to_value(),
            limits: KindLimits {
                input_bytes: domain::api::INPUT_LIMIT as u64,
                max_attempts: DEFAULT_MAX_ATTEMPTS,
                timeout_s: DEFAULT_TIMEOUT_S,
                parallel: None,
                starts_per_minute: None,
            },
        }
    }

    fn operator_only(&self) -> bool {
        K::OPERATOR_ONLY
    }

    async fn run(&self, ctx: &Context, input: &str) -> Result<String, JobError> {
        let input =
            serde_json::from_str(input).map_err(|error| JobError::rejected("unreadable-input", error.to_string()))?;
        let output = self.0.run(ctx, input).await?;
        serde_json::to_string(&output).map_err(|error| JobError::permanent("unwritable-output", error.to_string()))
    }
}

/// Where and why an input could not be read. The pointer is relative to the input.
fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> InputError {
    use serde_path_to_error::Segment;
    let pointer = error.path().iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Unknown => pointer,
    });
    let detail = error.inner().to_string();
    let code = if detail.starts_with("unknown field") {
        "unknown-field"
    } else if detail.starts_with("missing field") {
        "missing-field"
    } else {
        "wrong-type"
    };
    InputError::new(pointer, code, detail)
}

/// The kinds of this server, by name.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Arc<dyn ErasedKind>>,
}

impl Registry {
    /// Adds a kind.
    #[must_use]
    pub fn with<K: Kind>(mut self, kind: K) -> Self {
        self.kinds.insert(K::NAME, Arc::new(Erased(kind)));
        self
    }

    /// The names of all kinds.
    pub fn names(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }

    /// What the API says about each kind that anybody may submit.
    pub fn infos(&self) -> Vec<KindInfo> {
        self.kinds.values().filter(|kind| !kind.operator_only()).map(|kind| kind.info()).collect()
    }

    /// Whether only an operator may submit a kind.
    pub fn is_operator_only(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|kind| kind.operator_only())
    }

    /// Judges an input; answers the uploads that it uses. `None`: no such kind. Pointers are relative to the input.
    pub fn check(&self, kind: &str, input: &Value) -> Option<Result<Vec<UploadId>, Vec<InputError>>> {
        Some(self.kinds.get(kind)?.check(input))
    }

    /// The kind of a name.
    pub(super) fn get(&self, kind: &str) -> Option<Arc<dyn ErasedKind>> {
        self.kinds.get(kind).cloned()
    }
}
