//! The pages, one file each, and the larger parts of them.
//!
//! `routes` names them. Each reads its data through `backend` in a resource, puts jobs into the store and shows them from there, so that
//! what the channels bring is on the page at once.

pub mod catalogue;
pub mod edit;
pub mod job;
pub mod job_detail;
pub mod my_jobs;
pub mod not_found;
pub mod operations;
pub mod privacy;
pub mod settings;
pub mod submit_form;
pub mod when_and_how;
pub mod work;
