//! `cargo xtask`: the only build logic of the project. Called by people and by `.ci/run`.
//! Each command is one file; what they share is `project` (where things are) and `step` (how work is shown).
//! It does not know what the application does. Nothing is skipped without a line that says so.

mod bench;
mod bindgen;
mod browser;
mod build;
mod check;
mod compress;
mod dev;
mod dist;
mod e2e;
mod ledger;
mod mail_sink;
mod node;
mod optimise;
mod products;
mod project;
mod site;
mod step;
mod style;
mod suppliers;
mod tally;
mod test;
mod toolchain;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs, tests and packs Meanwhile", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and serve on 127.0.0.1:3000, with suppliers to ask on 127.0.0.1:3001
    Run {
        /// Given to `meanwhile serve`, e.g. --listen 127.0.0.1:0 --data /tmp/somewhere
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Like run, and build and serve again whenever a source changes
    Dev {
        /// Given to `meanwhile serve`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the binary and its site; with --release also pack them in target/dist
    Build {
        /// Insist on the optimiser, compress hardest, and pack
        #[arg(long)]
        release: bool,
    },
    /// Every test: unit, integration and browser
    Test,
    /// The browser tests, installing what they need
    E2e {
        /// Given to `playwright test`, e.g. --headed -g cancel
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kill the server again and again under load, and hold what it then says against everything that it had promised
    Ledger {
        /// How often it is killed
        #[arg(long, default_value_t = 200)]
        kills: u32,
        /// Jobs that are accepted at least
        #[arg(long, default_value_t = 100_000)]
        jobs: u32,
    },
    /// Formatting, and lints for each package and feature
    Check,
    /// Measure the server beside baselines of the same minute
    #[command(disable_help_flag = true)]
    Bench {
        /// Given to the load generator: --only NAME[,NAME], --quick, --json FILE, --markdown FILE; --help tells more
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write a product file to import
    Products {
        /// Rows after the header
        #[arg(long, default_value_t = 1000)]
        rows: u64,
        /// Other rows with another seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Where to write it
        file: PathBuf,
    },
    /// Remove what was built and installed
    Clean,
}

fn main() -> ExitCode {
    match work(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(command: Command) -> Result<()> {
    let project = project::Project::find()?;
    match command {
        Command::Run { arguments } => build::run(&project, &arguments),
        Command::Dev { arguments } => dev::dev(&project, &arguments),
        Command::Build { release: false } => build::build(&project, site::Effort::Quick).map(|_| ()),
        Command::Build { release: true } => dist::pack(&project),
        Command::Test => test::test(&project),
        Command::E2e { arguments } => {
            build::build(&project, site::Effort::Quick)?;
            let tally = e2e::e2e(&project, &arguments)?;
            println!("{tally}");
            if tally.is_green() { Ok(()) } else { bail!("browser tests failed") }
        }
        Command::Ledger { kills, jobs } => ledger::ledger(&project, kills, jobs),
        Command::Check => check::check(&project),
        Command::Bench { arguments } => bench::bench(&project, &arguments),
        Command::Products { rows, seed, file } => {
            let file = std::fs::File::create(&file).with_context(|| format!("{} cannot be written", file.display()))?;
            Ok(products::write_products(std::io::BufWriter::new(file), rows, seed)?)
        }
        Command::Clean => dist::clean(&project),
    }
}
