//! Types and rules shared by the browser and the server: what a job is, what its events mean, how a reader follows them.
//!
//! Depends on serde only and builds for wasm32; knows no database, no socket and no clock (time comes in as an argument).
//! Invariant: the one state machine ([`event::fold`]) and the one reader of the log ([`reader::Reader`]) live here, so that
//! the store, the channels and the interface cannot disagree.

pub mod api;
pub mod catalogue;
pub mod cursor;
pub mod event;
pub mod frame;
pub mod ids;
pub mod job;
pub mod kinds;
pub mod operations;
pub mod problem;
pub mod push;
pub mod reader;
pub mod time;

mod through_value;

pub use cursor::Cursor;
pub use event::{Event, EventType};
pub use ids::{DeliveryId, EndpointId, JobId, OwnerId, UploadId};
pub use job::{Deferral, Failure, FailureReason, Job, JobState, Progress};
pub use problem::{InputError, Problem};
pub use reader::{Reader, Received};
pub use through_value::read_json;
pub use time::Timestamp;
