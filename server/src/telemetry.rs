//! Logs: to stderr, one line an event, filtered by `MEANWHILE_LOG` (else `RUST_LOG`, else `info`).
//!
//! Called once by `main.rs`. Stdout is left alone: the line that says where the server listens is the only one there.

use tracing_subscriber::EnvFilter;

/// Starts logging. A second call in one process changes nothing.
pub fn start() {
    let filter = ["MEANWHILE_LOG", "RUST_LOG"].iter().find_map(|name| EnvFilter::try_from_env(name).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .finish();
    // Fails only when a subscriber is set already, which then keeps working.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
