//! The interface of Meanwhile: Leptos components that the server renders in full and the browser hydrates.
//!
//! The server calls [`shell::document`] (feature `ssr`), the cdylib `app/hydrate` mounts [`App`] (feature `hydrate`). Talks to
//! the service only through [`backend`]; knows no database and no handler.
//! Invariant: what a view shows during hydration comes from data that the server passed along: no clock, randomness or locale.

// A page is one type, as deep as its markup.
#![recursion_limit = "512"]

pub mod backend;
pub mod channels;
pub mod components;
pub mod forms;
pub mod given;
pub mod i18n;
pub mod kinds;
pub mod pages;
pub mod parts;
pub mod routes;
pub mod shell;
pub mod state;

pub use forms::FormState;
pub use shell::App;
