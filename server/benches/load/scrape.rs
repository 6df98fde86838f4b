//! Histograms that a server keeps of itself, read from `/metrics` before and after a span: what it saw while it was under load.
//!
//! Used by the scenario on delivery. Reads the text format of Prometheus as far as histograms go (exposition format 0.0.4).
//! Invariant: a percentile lies within the bucket that holds that rank; where in it is a guess (evenly spread), so the buckets' bounds
//! are what it is known to.

use super::http::{Connection, get};
use anyhow::{Context, Result, ensure};
use std::{net::SocketAddr, time::Duration};

/// What was counted up to each bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bound in seconds, and how many it holds with all below it; the last one is of all.
    upto: Vec<(f64, u64)>,
    sum_s: f64,
}

/// Reads the whole page; the server must show it to everybody.
pub async fn scrape(addr: SocketAddr) -> Result<String> {
    let mut connection = Connection::open(addr).await?;
    let answer = connection.ask(&get("/metrics", None)).await?;
    answer.must_be(200)?;
    Ok(answer.text()?.to_owned())
}

impl Histogram {
    /// One of a page, by its name and its label, if it has any: `channel="sse"`.
    pub fn read(page: &str, name: &str, label: &str) -> Result<Self> {
        let value = |line: &str| line.rsplit(' ').next().and_then(|text| text.parse::<f64>().ok());
        let bucket = format!("{name}_bucket{{{label}{}le=\"", if label.is_empty() { "" } else { "," });
        let mut upto = Vec::new();
        for line in page.lines() {
            let Some(rest) = line.strip_prefix(&bucket) else { continue };
            let (bound, _) = rest.split_once('"').with_context(|| format!("no bucket: {line}"))?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse()? };
            upto.push((bound, value(line).with_context(|| format!("no number: {line}"))? as u64));
        }
        let whole = upto.last().is_some_and(|(bound, _)| bound.is_infinite());
        ensure!(whole && upto.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "no histogram {name} {label}");
        let sum = if label.is_empty() { format!("{name}_sum ") } else { format!("{name}_sum{{{label}}} ") };
        let sum_s = page.lines().find(|line| line.starts_with(&sum)).and_then(value);
        Ok(Self { upto, sum_s: sum_s.with_context(|| format!("{name} {label} without a sum"))? })
    }

    /// What came after an earlier reading of the same.
    pub fn since(&self, before: &Self) -> Self {
        let buckets = self.upto.iter().zip(&before.upto);
        let upto = buckets.map(|((bound, now), (_, before))| (*bound, now.saturating_sub(*before))).collect();
        Self { upto, sum_s: self.sum_s - before.sum_s }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.upto.last().map_or(0, |(_, count)| *count)
    }

    /// On average; zero when there are none.
    pub fn mean(&self) -> Duration {
        Duration::from_secs_f64((self.sum_s / self.count().max(1) as f64).max(0.0))
    }

    /// The duration that so many percent do not exceed, evenly spread within its bucket; beyond the last bound, that bound. Zero when
    /// there are none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = percent / 100.0 * self.count() as f64;
        let (mut lower, mut below) = (0.0, 0);
        for &(bound, upto) in &self.upto {
            if upto as f64 >= rank && upto > below {
                let share = (rank - below as f64) / (upto - below) as f64;
                let width = if bound.is_finite() { bound - lower } else { 0.0 };
                return Duration::from_secs_f64(lower + width * share);
            }
            (lower, below) = (bound, upto);
        }
        Duration::ZERO
    }
}
