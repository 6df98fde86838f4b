//! How many tests passed, failed and were skipped, read from what the runners print. Called by `test` and `e2e`.
//! Its invariant: nothing counted is not green.

use std::fmt;
use std::ops::AddAssign;

use anyhow::{Context, Result};

/// A count of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ended well.
    pub passed: u64,
    /// Failed, timed out or could not be run.
    pub failed: u64,
    /// Left out by the tests themselves.
    pub skipped: u64,
}

impl Tally {
    /// Something ran and nothing failed.
    pub fn is_green(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// From what `cargo nextest run` or `cargo test` printed; nothing when no summary is in it.
    pub fn from_cargo(printed: &str) -> Option<Self> {
        let mut found = None;
        for line in printed.lines() {
            let line = without_colours(line);
            let counts = if let Some((_, counts)) = line.split_once("tests run:") {
                counts.to_owned()
            } else if let Some((_, counts)) = line.split_once("test run:") {
                counts.to_owned()
            } else if let Some(counts) = line.strip_prefix("test result:") {
                counts.split_once('.').map_or("", |(_, counts)| counts).to_owned()
            } else {
                continue;
            };
            *found.get_or_insert_with(Self::default) += Self::from_counts(&counts);
        }
        found
    }

    /// `5 passed (1 slow), 1 failed, 2 timed out, 3 skipped` or `5 passed; 0 failed; 1 ignored; 0 measured`.
    fn from_counts(counts: &str) -> Self {
        let mut tally = Self::default();
        let mut outside = String::new();
        let mut depth = 0_u32;
        for character in counts.chars() {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ if depth == 0 => outside.push(character),
                _ => {}
            }
        }
        for part in outside.split([',', ';']) {
            let mut words = part.split_whitespace();
            let Some(count) = words.next().and_then(|count| count.parse::<u64>().ok()) else { continue };
            match words.next() {
                Some("passed") => tally.passed += count,
                Some("failed" | "timed" | "exec" | "aborted") => tally.failed += count,
                Some("skipped" | "ignored") => tally.skipped += count,
                _ => {}
            }
        }
        tally
    }

    /// From the report of Playwright's JSON reporter. A test that passed only when repeated has failed.
    pub fn from_playwright(report: &[u8]) -> Result<Self> {
        let report: serde_json::Value = serde_json::from_slice(report).context("Playwright's report is not JSON")?;
        let count = |name: &str| report["stats"][name].as_u64();
        let errors = report["errors"].as_array().map_or(0, Vec::len) as u64;
        Ok(Self {
            passed: count("expected").context("Playwright's report has no counts")?,
            failed: count("unexpected").unwrap_or(0) + count("flaky").unwrap_or(0) + errors,
            skipped: count("skipped").unwrap_or(0),
        })
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(|end| end.is_ascii_alphabetic());
        } else {
            plain.push(character);
        }
    }
    plain
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn nextest_summary_is_counted() {
        let printed = "  PASS [ 0.1s] a b\n     Summary [   0.042s] 9 tests run: 6 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 4 skipped\n";
        assert_eq!(Tally::from_cargo(printed), Some(tally(6, 3, 4)));
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [ 0.0s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m, 0 skipped";
        assert_eq!(Tally::from_cargo(coloured), Some(tally(1, 0, 0)));
    }

    #[test]
    fn every_harness_of_cargo_test_is_added_up() {
        let printed = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                       test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out\n";
        assert_eq!(Tally::from_cargo(printed), Some(tally(7, 1, 1)));
        assert_eq!(Tally::from_cargo("error: could not compile"), None);
    }

    #[test]
    fn playwright_report_is_counted_and_a_lucky_repeat_fails() {
        let report = br#"{"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":2},"errors":[]}"#;
        assert_eq!(Tally::from_playwright(report).unwrap(), tally(7, 2, 2));
        let broken =
            br#"{"stats":{"expected":0,"unexpected":0,"flaky":0,"skipped":0},"errors":[{"message":"no tests found"}]}"#;
        assert!(!Tally::from_playwright(broken).unwrap().is_green());
    }

    #[test]
    fn nothing_ran_is_not_green() {
        assert!(!Tally::default().is_green());
        assert!(tally(1, 0, 5).is_green());
        assert!(!tally(1, 1, 0).is_green());
    }
}
