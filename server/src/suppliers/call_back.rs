//! Delivers a call-back: again and again while nobody can take it, so that a restart of who asked does not lose it.
//!
//! Called by [`super::supplier`]. An answer in the 400s is final: whoever asked does not want it any more.

use reqwest::{StatusCode, header};
use std::time::Duration;

/// How long one delivery may take.
const WITHIN: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Tries before it gives up: about ten minutes.
const TRIES: u32 = 300;

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Taken,
    /// Nobody wants it, or nobody was there for too long.
    Refused,
}

/// Delivers a body (JSON) to an address, which is asked for anew before each try.
pub async fn deliver(client: &reqwest::Client, address: impl Fn() -> String, body: &str) -> Delivery {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        let post = client.post(address()).header(header::CONTENT_TYPE, "application/json").body(body.to_owned());
        let again = match post.timeout(WITHIN).send().await {
            Ok(answer) if answer.status().is_success() => return Delivery::Taken,
            Ok(answer) => {
                let status = answer.status();
                status.is_server_error()
                    || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            // An address that is none stays none.
            Err(error) => !error.is_builder(),
        };
        if !again {
            return Delivery::Refused;
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Delivery::Refused
}
