//! The load generator of `cargo xtask bench`: puts load on a server from outside and measures it, each figure beside a
//! baseline of the same minute.
//!
//! `load --server PATH --scratch FOLDER` runs scenarios (`scenario_*`), which use `lab` for servers and folders, `loops`
//! and `stream` for load, `bare` and `baseline` for comparison, and fill in a `report`. Linux only: it reads `/proc`. Light
//! on purpose: one thread, since it shares the machine with what it measures.
//! Invariant: a scenario in which something went wrong fails, it does not report less.

mod bare;
mod baseline;
mod fill;
pub mod framing;
pub mod http;
mod lab;
mod loops;
pub mod machine;
mod process;
pub mod report;
pub mod samples;
mod scenario_accept;
mod scenario_delivery;
mod scenario_fanout;
mod scenario_idle;
mod scenario_list;
mod scenario_noop;
mod scenario_recovery;
mod scenario_start;
pub mod scrape;
pub mod stream;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use lab::Lab;
use machine::{Machine, Usage};
use report::{Report, Section};
use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

/// What can be measured, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Accepts a second and the time to a 202
    Accept,
    /// No-op jobs a second, from accept to result
    Noop,
    /// From accept to start on an idle server
    Start,
    /// From event to client, 1,000 clients at 10 events a second
    Delivery,
    /// One event to 5,000 clients
    Fanout,
    /// Memory of an idle stream
    Idle,
    /// Starting again after kill -9 with 100,000 unfinished jobs
    Recovery,
    /// Lists and searches with 1,000,000 jobs
    List,
}

/// What a run is given.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures the server beside baselines of the same minute")]
pub struct Arguments {
    /// The server's binary
    #[arg(long, default_value = "target/release/meanwhile")]
    pub server: PathBuf,
    /// Folder for the servers' data, on the disk that is to be measured
    #[arg(long, default_value = "target/bench")]
    pub scratch: PathBuf,
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Scenario>,
    /// Short durations and small numbers: checks that everything works and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Write everything as JSON to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write everything as Markdown to this file
    #[arg(long)]
    pub markdown: Option<PathBuf>,
    /// The commit that is measured, for the report
    #[arg(long)]
    pub commit: Option<String>,
    /// Given by `cargo bench`, and of no meaning here
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Baseline>,
}

#[derive(Debug, Subcommand)]
enum Baseline {
    /// Serves the bare baseline
    #[command(hide = true)]
    Bare {
        /// Bytes of the answer to a submit
        answer_bytes: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let worked = match arguments.command {
        Some(Baseline::Bare { answer_bytes }) => bare::serve(answer_bytes),
        None => std::env::current_exe().map_err(Into::into).and_then(|this| run(&arguments, Some(this)).map(drop)),
    };
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for, prints a table as each scenario ends, writes the files. `bare` is the program that serves the
/// bare baseline.
pub fn run(arguments: &Arguments, bare: Option<PathBuf>) -> Result<Report> {
    let server = arguments.server.canonicalize();
    let server = server.with_context(|| {
        format!("there is no server at {}; `cargo xtask bench` builds it", arguments.server.display())
    })?;
    let lab = Lab { server, bare, scratch: arguments.scratch.clone(), quick: arguments.quick };
    fs::create_dir_all(&lab.scratch)?;
    let machine = Machine::read(&lab.scratch.canonicalize()?);
    println!("{machine}\n");
    let mut report = Report {
        machine,
        date: server::clock::now().to_string(),
        commit: arguments.commit.clone(),
        command: command_of(arguments),
        quick: arguments.quick,
        sections: Vec::new(),
    };
    // One thread: the generator is not to take the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for &scenario in Scenario::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(&scenario) {
            continue;
        }
        let (usage, begun) = (Usage::now(), Instant::now());
        let local = tokio::task::LocalSet::new();
        let mut section = local.block_on(&runtime, measure(scenario, &lab)).with_context(|| format!("{scenario:?}"))?;
        let (others, stolen) = Usage::now().of_others_since(usage);
        section.note(format!(
            "Took {:.0} s; other programs used {:.0} % of the processors meanwhile, the host took {:.0} %.",
            begun.elapsed().as_secs_f64(),
            others * 100.0,
            stolen * 100.0
        ));
        println!("{}", section.table());
        report.sections.push(section);
        // After each, so that what was measured is not lost with a later failure.
        write(arguments, &report)?;
    }
    Ok(report)
}

async fn measure(scenario: Scenario, lab: &Lab) -> Result<Section> {
    match scenario {
        Scenario::Accept => scenario_accept::measure(lab).await,
        Scenario::Noop => scenario_noop::measure(lab).await,
        Scenario::Start => scenario_start::measure(lab).await,
        Scenario::Delivery => scenario_delivery::measure(lab).await,
        Scenario::Fanout => scenario_fanout::measure(lab).await,
        Scenario::Idle => scenario_idle::measure(lab).await,
        Scenario::Recovery => scenario_recovery::measure(lab).await,
        Scenario::List => scenario_list::measure(lab).await,
    }
}

fn write(arguments: &Arguments, report: &Report) -> Result<()> {
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &arguments.markdown {
        fs::write(path, report.markdown()).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// What to type for the same again.
fn command_of(arguments: &Arguments) -> String {
    let mut command = String::from("cargo xtask bench");
    if !arguments.only.is_empty() {
        let names =
            arguments.only.iter().filter_map(|scenario| Some(scenario.to_possible_value()?.get_name().to_owned()));
        command.extend([" --only ", &names.collect::<Vec<_>>().join(",")]);
    }
    if arguments.quick {
        command.push_str(" --quick");
    }
    command
}
