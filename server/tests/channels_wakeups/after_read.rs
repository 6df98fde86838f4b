//! Something of the test's own done right after a read of the store, before whoever asked sees the answer.

use crate::wrapped_store::{Call, Interpose};
use futures_util::future::BoxFuture;
use server::store::StoreResult;
use std::{future::Future, sync::Mutex};

type Then = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[derive(Default)]
pub(crate) struct AfterRead {
    then: Mutex<Option<(Call, Then)>>,
}

impl AfterRead {
    /// Once, after the next read of this sort.
    pub(crate) fn after_next<F: Future<Output = ()> + Send + 'static>(
        &self,
        read: Call,
        then: impl FnOnce() -> F + Send + 'static,
    ) {
        *self.then.lock().unwrap() = Some((read, Box::new(move || Box::pin(then()))));
    }
}

impl Interpose for AfterRead {
    async fn around<T: Send>(&self, call: Call, inner: BoxFuture<'_, StoreResult<T>>) -> StoreResult<T> {
        let answer = inner.await;
        let then = self.then.lock().unwrap().take_if(|(wanted, _)| *wanted == call);
        if let Some((_, then)) = then {
            then().await;
        }
        answer
    }
}
