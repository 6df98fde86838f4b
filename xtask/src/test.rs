//! `test`: everything, whatever fails first. Called from `main` and `.ci/run`.
//! The last line of its output is the sum, alone: `N passed, N failed, N skipped`.
//! The tests' build makes the server's binary too, and the browser tests use that one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::build;
use crate::e2e;
use crate::mail_sink;
use crate::node;
use crate::project::Project;
use crate::site::Effort;
use crate::step::{answer, cargo, step};
use crate::tally::Tally;
use crate::toolchain;

/// Tests that share their dependencies with the server that is run; the load generator of `bench` does too.
pub const SERVER: [&str; 9] = [
    "--release",
    "--package",
    "meanwhile-domain",
    "--package",
    "meanwhile-app",
    "--package",
    "meanwhile-server",
    "--features",
    "meanwhile-domain/schema,meanwhile-app/ssr",
];

/// Tests of this program, with the dependencies that it was just built from.
const XTASK: [&str; 2] = ["--package", "xtask"];

/// Runs them all and says how many.
pub fn test(project: &Project) -> Result<()> {
    toolchain::ensure(project)?;
    let mut sum = Tally::default();
    for (title, work) in [
        (
            "tests of domain, app and server",
            Box::new(|| {
                // Receivers that are not ours: a library of webhooks, a mail server.
                node::ensure_packages(project)?;
                mail_sink::ensure(project)?;
                cargo_tests(project, &SERVER)
            }) as Box<dyn Fn() -> Result<Tally>>,
        ),
        ("tests of xtask", Box::new(|| cargo_tests(project, &XTASK))),
        ("browser tests", Box::new(|| browser_tests(project))),
    ] {
        match step(title, work) {
            Ok(tally) => {
                eprintln!("  {title}: {tally}");
                sum += tally;
                // A suite in which nothing ran is a failure of its own.
                sum.failed += u64::from(tally == Tally::default());
            }
            Err(error) => {
                eprintln!("✗ {error:#}");
                sum.failed += 1;
            }
        }
    }
    println!("{sum}");
    std::io::stdout().flush()?;
    if sum.is_green() { Ok(()) } else { std::process::exit(1) }
}

fn browser_tests(project: &Project) -> Result<Tally> {
    build::build_site(project, Effort::Quick)?;
    e2e::e2e(project, &[])
}

fn cargo_tests(project: &Project, selection: &[&str]) -> Result<Tally> {
    let mut command = cargo();
    command.current_dir(&project.root);
    if answer(cargo().current_dir(&project.root).args(["nextest", "--version"])).is_some() {
        command.args(["nextest", "run", "--no-fail-fast", "--no-tests=warn"]).args(selection);
    } else {
        command.args(["test", "--no-fail-fast"]).args(selection);
    }
    let (success, printed) = watched(&mut command)?;
    let Some(mut tally) = Tally::from_cargo(&printed) else { bail!("the tests could not be run") };
    if !success && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Shows what it prints as it comes, and keeps it.
fn watched(command: &mut Command) -> Result<(bool, String)> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cargo could not be started")?;
    let errors = child.stderr.take().context("no standard error")?;
    let output = child.stdout.take().context("no standard output")?;
    let reader = std::thread::spawn(move || echo(errors));
    let mut printed = echo(output);
    printed.push_str(&reader.join().unwrap_or_default());
    Ok((child.wait()?.success(), printed))
}

fn echo(from: impl std::io::Read) -> String {
    let mut kept = String::new();
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        eprintln!("{line}");
        kept.push_str(&line);
        kept.push('\n');
    }
    kept
}
