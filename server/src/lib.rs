//! Meanwhile's server as a library: `main.rs` runs it, the tests start it on a free port.
//!
//! Map: [`router`] lists every route; [`api`] answers once about a resource, [`channels`] follow a feed, [`forms`] and [`ui`]
//! serve pages; [`engine`] accepts and runs jobs with [`kinds`]; [`store`] keeps them; [`events`] wakes and reads the log;
//! [`startup`] puts all of it together. Layering (who may name what) is guarded by `tests/layering.rs`.

// A page is one type, as deep as its markup.
#![recursion_limit = "512"]

pub mod api;
pub mod backup;
pub mod breaker;
pub mod channels;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod events;
pub mod files;
pub mod forms;
pub mod kinds;
pub mod metrics;
pub mod notify;
pub mod operator;
pub mod owner;
pub mod product_form;
pub mod quiet_hours;
pub mod representation;
pub mod router;
pub mod secret_file;
pub mod settings_forms;
pub mod startup;
pub mod state;
pub mod store;
pub mod suppliers;
pub mod telemetry;
pub mod throttle;
pub mod ui;
pub mod within;
