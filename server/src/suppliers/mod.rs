//! `meanwhile suppliers`: five suppliers to ask for prices, on a port of their own, whose faults can be set while they run.
//!
//! Started by `main.rs`, by `cargo xtask run`, and by tests in their own process. What `supplier-quotes` speaks with, over HTTP like with
//! any other supplier: it shares no memory with the server. [`http`] is its API, [`page`] the same for people.
//! Invariant: nothing here is durable, and nothing of it is reached by anybody's job but through its own two routes.

mod call_back;
pub mod http;
mod page;
mod prices;
pub mod settings;
mod supplier;

use reqwest::redirect;
use settings::FIVE;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use supplier::Supplier;
use tokio::{net::TcpListener, task::JoinHandle};

/// How often it is looked whether the process that started it is still there.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// All of them, and what they call back with.
#[derive(Clone)]
pub struct Simulator {
    suppliers: Arc<[Arc<Supplier>]>,
    client: reqwest::Client,
}

/// A simulator that runs; it ends with its value.
pub struct Running {
    addr: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

/// Starts the five.
///
/// # Errors
/// When the address is taken or the system refuses.
pub async fn start(listen: SocketAddr) -> io::Result<Running> {
    let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().map_err(io::Error::other)?;
    let suppliers = FIVE.map(|(id, name, first)| Supplier::new(id, name, first));
    let simulator = Simulator { suppliers: suppliers.into(), client };
    let listener = TcpListener::bind(listen).await?;
    let addr = listener.local_addr()?;
    Ok(Running { addr, serving: tokio::spawn(http::serve(listener, simulator)) })
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address, as `--suppliers` takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Resolves when this process is no longer a child of another one, which has ended then.
pub async fn parent_ended(parent: u32) {
    #[cfg(unix)]
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(LOOKS_EVERY).await;
    }
    #[cfg(not(unix))]
    {
        // Elsewhere nobody tells; whoever started it ends it.
        let _ = (parent, LOOKS_EVERY);
        std::future::pending::<()>().await;
    }
}
