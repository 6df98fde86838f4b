//! `bench`: builds the server and the load generator as they are served and tested (one profile, nothing compiled twice)
//! and runs the generator. Called from `main`. What is measured, and how, is in `server/benches/load`; its arguments are
//! passed on as they are.
//! Its invariant: what is measured is what was just built, from the commit that the report names.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::Project;
use crate::step::{answer, cargo, command, note, run, step};
use crate::test::SERVER;
use crate::toolchain;

/// Builds, then measures.
pub fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    toolchain::ensure(project)?;
    let generator = step("build the server and the load generator (release)", || build(project))?;
    let mut bench = match raised_limit() {
        Some(files) if answer(command("prlimit").arg("--version")).is_some() => {
            let mut raised = command("prlimit");
            raised.arg(format!("--nofile={files}:{files}")).arg(generator);
            raised
        }
        Some(_) => {
            note(
                "`prlimit` (Debian: util-linux) is missing, so the limit of open files stays; fewer streams are measured",
            );
            command(generator)
        }
        None => command(generator),
    };
    bench.arg("--server").arg(project.binary()).arg("--scratch").arg(project.target.join("bench"));
    if let Some(commit) = commit(project) {
        bench.args(["--commit", &commit]);
    }
    run(bench.args(arguments))
}

/// The generator's executable, whose name has a hash in it that only Cargo knows.
fn build(project: &Project) -> Result<PathBuf> {
    let mut build = cargo();
    build.current_dir(&project.root).arg("build").args(SERVER).args(["--bin", "meanwhile", "--bench", "load"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = build.output().context("cargo could not be started")?;
    if !output.status.success() {
        bail!("the build ended with {}", output.status);
    }
    executable_of("load", &String::from_utf8_lossy(&output.stdout)).context("cargo named no load generator")
}

/// The executable of a target, from Cargo's messages.
fn executable_of(target: &str, messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut of_target = artifacts.filter(|message| message["target"]["name"] == target);
    of_target.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// What is checked out, marked when the tree differs from it.
fn commit(project: &Project) -> Option<String> {
    let git = |arguments: &[&str]| answer(command("git").current_dir(&project.root).args(arguments));
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}

/// How many files a process may open at most, when it is more than it may open now: each stream takes one.
fn raised_limit() -> Option<u64> {
    raised(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn raised(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = line.split_ascii_whitespace();
    let (soft, hard) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
    (soft < hard).then_some(hard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_executable_that_cargo_names() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"server"},"executable":null}"#,
            "\nnot JSON\n",
            r#"{"reason":"compiler-artifact","target":{"name":"meanwhile"},"executable":"/t/meanwhile"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"load"},"executable":"/t/deps/load-1a"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable_of("load", messages), Some(PathBuf::from("/t/deps/load-1a")));
        assert_eq!(executable_of("other", messages), None);
    }

    #[test]
    fn a_limit_is_raised_only_where_it_may_be() {
        let limits = |soft: &str, hard: &str| {
            format!("Limit  Soft Limit  Hard Limit  Units\nMax open files            {soft}   {hard}   files     \n")
        };
        assert_eq!(raised(&limits("1024", "524288")), Some(524_288));
        assert_eq!(raised(&limits("20000", "20000")), None);
        assert_eq!(raised("nothing of the sort"), None);
    }
}
