//! The calls of [`Operations`] as reads, and the batch of a bulk action as part of a worker's step.
//!
//! `sources` finds candidates by index, `rows` judges them and reads them, `bulk` acts upon them, `loads` counts by kind.
//! Invariant: a page looks at no more than [`sources::BUDGET`] candidates, and says where it stopped.

mod bulk;
mod loads;
mod rows;
mod sources;

pub(super) use bulk::act;

use super::SqliteStore;
use crate::store::{Operated, OperatedRow, Operations, Scope, Statistics, StoreResult};
use async_trait::async_trait;
use domain::{JobId, Timestamp, operations::KindLoad};

#[async_trait]
impl Operations for SqliteStore {
    async fn kind_loads(&self, failed_since: Timestamp) -> StoreResult<Vec<KindLoad>> {
        let unfinished = self.backlog.unfinished();
        self.readers.read(move |conn| Ok(loads::by_kind(conn, unfinished, failed_since)?)).await
    }

    async fn operated(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<OperatedRow>> {
        let queued = self.backlog.now().queued;
        self.readers
            .read(move |conn| {
                let Operated { items, next } = rows::page(conn, &scope, before, limit, queued)?;
                Ok(Operated { items: rows::read_all(conn, &items)?, next })
            })
            .await
    }

    async fn matching(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<JobId>> {
        let queued = self.backlog.now().queued;
        self.readers
            .read(move |conn| {
                let Operated { items, next } = rows::page(conn, &scope, before, limit, queued)?;
                Ok(Operated { items: items.into_iter().map(|(_, id)| id).collect(), next })
            })
            .await
    }

    async fn count_matching(&self, scope: Scope) -> StoreResult<u64> {
        let queued = self.backlog.now().queued;
        self.readers
            .read(move |conn| {
                let (mut count, mut before) = (0, None);
                loop {
                    let Operated { items, next } = rows::page(conn, &scope, before, 10_000, queued)?;
                    count += items.len() as u64;
                    if next.is_none() {
                        return Ok(count);
                    }
                    before = next;
                }
            })
            .await
    }

    async fn operated_job(&self, id: JobId) -> StoreResult<Option<OperatedRow>> {
        self.readers.read(move |conn| rows::one(conn, id)).await
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = self.backlog.statistics();
        self.lanes.count_commits(&mut statistics);
        statistics
    }
}
