//! A kind whose handler is a closure of the test.

use async_trait::async_trait;
use domain::{InputError, Progress, UploadId, kinds::Validate};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use server::engine::{
    context::{Context, JobError},
    registry::Kind,
};

/// The progress by which a handler says that it runs; before that, a stop finds no handler to tell.
pub(crate) const BEGUN: u64 = 1;

pub(crate) async fn begin(ctx: &Context) -> Result<(), JobError> {
    ctx.progress(Progress { done: BEGUN, total: None, unit: None, note: None }).await
}

type Run = dyn for<'a> Fn(&'a Context) -> BoxFuture<'a, Result<Value, JobError>> + Send + Sync;

pub(crate) struct Script(Box<Run>);

impl Script {
    pub(crate) fn new(
        run: impl for<'a> Fn(&'a Context) -> BoxFuture<'a, Result<Value, JobError>> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(run))
    }

    pub(crate) fn none() -> Self {
        Self::new(|_| Box::pin(async { Ok(Value::Null) }))
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(default)]
    upload: Option<UploadId>,
}

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        Vec::new()
    }
}

#[async_trait]
impl Kind for Script {
    type Input = Input;
    type Output = Value;
    const NAME: &'static str = "script";

    fn uploads(input: &Input) -> Vec<UploadId> {
        input.upload.into_iter().collect()
    }

    async fn run(&self, ctx: &Context, _input: Input) -> Result<Value, JobError> {
        (self.0)(ctx).await
    }
}
