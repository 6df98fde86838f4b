//! `supplier-quotes`: asks suppliers side by side, tells each answer the moment it comes, waits for call-backs without a worker.
//!
//! An attempt commits an address for each supplier that it asks, asks them all ([`ask`]), and takes their answers and call-backs as they
//! come; when only call-backs are missing it ends, and the job is `waiting` until one comes or its time is over. Knows no SQL.
//! Invariants: an answer that was committed is never asked for again; a supplier that fails is a line of the output, and fails no job;
//! whatever came is taken with the checkpoint that has it, so a crash anywhere leaves an earlier state of the same course.

pub mod ask;
pub mod client;
mod course;
pub mod directory;

pub use crate::breaker;

use crate::{
    clock,
    engine::{
        context::{Callback, Context, JobError, Waiting},
        registry::Kind,
    },
    store::Advance,
};
use ask::Outcome;
use async_trait::async_trait;
use client::{Listing, Question, quotes_of};
use course::Course;
use directory::{Directory, NoSuppliers};
use domain::{
    Progress,
    kinds::supplier_quotes::{Input, Line, NAME, Output, Reason, distinct},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;

/// The kind.
pub struct SupplierQuotes(pub Directory);

#[async_trait]
impl Kind for SupplierQuotes {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = NAME;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        let mut course = match ctx.checkpoint::<Course>() {
            Some(course) => course,
            None => self.plan(&input).await?,
        };
        let handles: Vec<String> = distinct(&input.handles).into_iter().map(str::to_owned).collect();
        let within_ms = i64::try_from(input.within_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        let lines = course.begin(ctx.attempt(), clock::now(), within_ms);
        let job = Job { ctx, directory: &self.0, handles };
        job.take_callbacks(&mut course).await?;
        if !course.to_ask().is_empty() && clock::now() < course.deadline() {
            job.ask_all(&mut course, lines).await?;
            // One may have come between the last answer and here; a wait would see it, but it costs an attempt's overhead.
            job.take_callbacks(&mut course).await?;
        } else if !lines.is_empty() {
            job.commit(&course, &lines, Vec::new()).await?;
        }
        if !course.is_settled() && course.deadline() <= clock::now() {
            let lines = course.give_up(|id| self.0.breaker(id).circuit(std::time::Instant::now()).0);
            job.commit(&course, &lines, Vec::new()).await?;
        }
        if course.is_settled() {
            return Ok(course.output());
        }
        let names = course.promised().join(", ");
        Err(Waiting::until("supplier-callbacks", course.deadline()).with("suppliers", names).or_go_on().into())
    }
}

impl SupplierQuotes {
    /// Whom to ask: of the directory, those that the input names.
    async fn plan(&self, input: &Input) -> Result<Course, JobError> {
        let Listing { mut suppliers, .. } = self.0.list().await.map_err(|error| match error {
            NoSuppliers::Configured => no_suppliers(),
            NoSuppliers::Reachable => JobError::transient("suppliers-unreachable", error.to_string()),
        })?;
        let mut unknown = Vec::new();
        if let Some(wanted) = &input.suppliers {
            let wanted = distinct(wanted);
            let is_listed = |id: &&str| suppliers.iter().any(|supplier| supplier.id == **id);
            unknown = wanted.iter().filter(|id| !is_listed(id)).map(|id| (*id).to_owned()).collect();
            suppliers.retain(|supplier| wanted.contains(&supplier.id.as_str()));
        } else if suppliers.is_empty() {
            return Err(no_suppliers());
        }
        Ok(Course::new(suppliers, unknown))
    }
}

fn no_suppliers() -> JobError {
    JobError::permanent("no-suppliers", "this server has no suppliers to ask; it is started with --suppliers URL")
}

/// One attempt.
struct Job<'a> {
    ctx: &'a Context,
    directory: &'a Directory,
    handles: Vec<String>,
}

impl Job<'_> {
    /// Asks whoever is to be asked, until each has answered, promised or failed.
    async fn ask_all(&self, course: &mut Course, lines: Vec<Line>) -> Result<(), JobError> {
        let (ids, reply_by) = (course.to_ask(), course.deadline());
        let callbacks = ids.iter().map(|id| Callback::new(id, reply_by)).collect::<Result<Vec<_>, _>>()?;
        // From now on a call-back may come, also before its question has been answered.
        let mut heard = self.ctx.hear_callbacks();
        self.ctx
            .advance(Advance {
                progress: Some(course.progress()),
                partials: texts(&lines)?,
                checkpoint: Some(text(course)?),
                callbacks: callbacks.iter().map(Callback::address).collect(),
                ..Advance::default()
            })
            .await?;
        let mut asks: FuturesUnordered<_> = ids
            .iter()
            .zip(&callbacks)
            .map(|(id, callback)| async move {
                let callback_url = self.directory.absolute(&callback.path());
                let question = Question { handles: &self.handles, callback_url, reply_by };
                // The same in an attempt that goes on after a crash: a supplier that knows it need not work twice.
                let key = format!("{}-{}-{id}", self.ctx.job_id(), self.ctx.attempt());
                ask::ask(self.directory, id, &question, &key).await
            })
            .collect();
        while !course.to_ask().is_empty() {
            tokio::select! {
                () = self.ctx.stopped() => return Err(JobError::Stopped),
                () = heard.any() => self.take_callbacks(course).await?,
                asked = asks.next() => {
                    let Some(asked) = asked else { break };
                    let took_ms = u64::try_from(asked.took.as_millis()).ok();
                    let lines = course.take(&asked.id, asked.outcome, took_ms, asked.circuit);
                    self.commit(course, &lines, Vec::new()).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes every call-back that came: prices, or what is none.
    async fn take_callbacks(&self, course: &mut Course) -> Result<(), JobError> {
        let found = self.ctx.callbacks().await?;
        let mut lines = Vec::new();
        for body in &found.received {
            let outcome = quotes_of(body.body.as_bytes(), &self.handles)
                .map_or(Outcome::Failed(Reason::Garbage), Outcome::Quotes);
            let took_ms = u64::try_from(body.received_at.0.saturating_sub(course.asked_at().0)).ok();
            let circuit = self.directory.breaker(&body.name).circuit(std::time::Instant::now()).0;
            lines.extend(course.take(&body.name, outcome, took_ms, circuit));
        }
        let taken: Vec<u64> = found.received.iter().map(|body| body.id).collect();
        // One that says twice what it said changes nothing, and is taken all the same.
        self.commit(course, &lines, taken).await
    }

    async fn commit(&self, course: &Course, lines: &[Line], taken: Vec<u64>) -> Result<(), JobError> {
        if lines.is_empty() && taken.is_empty() {
            return Ok(());
        }
        let progress: Progress = course.progress();
        let step = Advance {
            progress: Some(progress),
            partials: texts(lines)?,
            checkpoint: Some(text(course)?),
            taken,
            ..Advance::default()
        };
        self.ctx.advance(step).await.map(drop)
    }
}

fn texts(lines: &[Line]) -> Result<Vec<String>, JobError> {
    lines.iter().map(text).collect()
}

fn text(value: &impl Serialize) -> Result<String, JobError> {
    serde_json::to_string(value).map_err(|error| JobError::permanent("unwritable-value", error.to_string()))
}
