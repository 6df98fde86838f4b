//! What was measured, each figure beside what it is compared with: as a table for the terminal, as JSON and as Markdown.
//!
//! Filled by the scenarios, written out by `main`. Measures nothing.
//! Invariant: a ratio is the figure divided by what stands beside it, of figures in the same unit; without a baseline there
//! is none.

use super::machine::Machine;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Events of the named sort a second.
    PerSecond,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::PerSecond => "1/s",
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::Bytes => "B",
        }
    }
}

/// One measured value.
#[derive(Debug)]
pub struct Figure {
    name: String,
    value: f64,
    unit: Unit,
    samples: Option<usize>,
    beside: Vec<(String, f64)>,
}

impl Figure {
    /// A value with a name that says what it is of.
    pub fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, samples: None, beside: Vec::new() }
    }

    /// How many measurements it was made from.
    pub fn of(mut self, samples: usize) -> Self {
        self.samples = Some(samples);
        self
    }

    /// A baseline measured in the same minute, in the same unit; nothing when it was not measured.
    pub fn beside(mut self, name: &str, value: Option<f64>) -> Self {
        self.beside.extend(value.map(|value| (name.to_owned(), value)));
        self
    }

    fn ratio(&self, baseline: f64) -> Option<f64> {
        (baseline > 0.0).then(|| self.value / baseline)
    }

    fn json(&self) -> Value {
        let beside: Vec<_> = self
            .beside
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value, "ratio": self.ratio(*value)}))
            .collect();
        json!({"name": self.name, "value": self.value, "unit": self.unit.word(), "samples": self.samples, "beside": beside})
    }

    /// Name, value, samples, and for each baseline its name, value and ratio; a line each, the first three only once.
    fn rows(&self) -> Vec<[String; 5]> {
        let samples = self.samples.map(|count| grouped(count as f64, 0)).unwrap_or_default();
        let mut first = [self.name.clone(), written(self.value, self.unit), samples];
        let baselines = if self.beside.is_empty() { vec![None] } else { self.beside.iter().map(Some).collect() };
        let rows = baselines.into_iter().map(|baseline| {
            let [name, value, samples] = std::mem::take(&mut first);
            let (beside, ratio) = match baseline {
                Some((beside, its)) => (
                    format!("{beside}: {}", written(*its, self.unit)),
                    self.ratio(*its).map(|ratio| format!("{}×", significant(ratio))).unwrap_or_default(),
                ),
                None => Default::default(),
            };
            [name, value, samples, beside, ratio]
        });
        rows.collect()
    }
}

/// What one scenario measured.
#[derive(Debug)]
pub struct Section {
    name: &'static str,
    title: &'static str,
    /// How: what is sent, where the clock stands, what is left out.
    method: String,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Section {
    /// Empty yet.
    pub fn new(name: &'static str, title: &'static str, method: impl Into<String>) -> Self {
        Self { name, title, method: method.into(), figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure.
    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Adds a sentence that a reader of the figures needs.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// As a table for a terminal.
    pub fn table(&self) -> String {
        let head = ["", "measured", "samples", "beside it", "ratio"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.figures.iter().flat_map(Figure::rows)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(width);
        let mut text = format!("{} ({})\n", self.title, self.name);
        for [name, value, samples, beside, ratio] in &rows {
            let line = format!("  {name:<a$}  {value:>b$}  {samples:>c$}  {beside:<d$}  {ratio:>e$}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        self.notes.iter().for_each(|note| text.extend(["  · ", note, "\n"]));
        text
    }

    /// For `docs/BENCHMARKS.md`.
    pub fn markdown(&self) -> String {
        let mut text =
            format!("## {}\n\n{}\n\n| | measured | samples | beside it | ratio |\n", self.title, self.method);
        text.push_str("|---|--:|--:|---|--:|\n");
        for row in self.figures.iter().flat_map(Figure::rows) {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        if !self.notes.is_empty() {
            text.push('\n');
            self.notes.iter().for_each(|note| text.extend(["- ", note, "\n"]));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let figures: Vec<_> = self.figures.iter().map(Figure::json).collect();
        json!({"name": self.name, "title": self.title, "method": self.method, "figures": figures, "notes": self.notes})
    }
}

/// A whole run.
#[derive(Debug)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// When it began, RFC 3339.
    pub date: String,
    /// What was measured: the commit, if it is known.
    pub commit: Option<String>,
    /// What to type to measure it again.
    pub command: String,
    /// Whether durations and numbers were those of a smoke check, which say nothing about speed.
    pub quick: bool,
    /// By scenario.
    pub sections: Vec<Section>,
}

impl Report {
    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let sections: Vec<_> = self.sections.iter().map(Section::json).collect();
        json!({"date": self.date, "commit": self.commit, "command": self.command, "quick": self.quick,
            "machine": self.machine.json(), "scenarios": sections})
    }

    /// Everything, for `docs/BENCHMARKS.md`.
    pub fn markdown(&self) -> String {
        let commit = self.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
        let mut text = format!(
            "# Benchmarks\n\nWritten by `{}` on {}{commit}. {}\n\nEach figure stands beside a baseline measured in the same \
             minute; the ratio is the figure divided by it. Server, load generator and baselines share the machine. Percentiles are \
             measured values (nearest rank).\n",
            self.command, self.date, self.machine
        );
        if self.quick {
            text.push_str("\n**A smoke check with short durations and small numbers: not to be compared.**\n");
        }
        self.sections.iter().for_each(|section| text.extend(["\n", &section.markdown()]));
        text
    }
}

/// A value with its unit; bytes in KiB once there are some.
pub fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{} /s", significant(value)),
        Unit::Bytes if value.abs() >= 1024.0 => format!("{} KiB", significant(value / 1024.0)),
        Unit::Millis | Unit::Micros | Unit::Bytes => format!("{} {}", significant(value), unit.word()),
    }
}

/// Three digits that mean something, thousands apart.
pub fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    grouped(value, decimals)
}

fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.extend([".", fraction]);
    }
    text
}
