//! `ledger`: the kill tests of the server (`server/tests/faults/{kills,pushed}.rs`) at full length. Called from `main`.
//! It only sets the sizes; the short form among the tests is the same code. Its last line says what was killed, kept and checked.

use anyhow::Result;

use crate::project::Project;
use crate::step::{cargo, run};
use crate::test::SERVER;
use crate::toolchain;

const TEST: &str = "kills::no_accepted_job_is_lost_or_done_twice_however_often_the_server_is_killed";

const PUSH: &str = "pushed::every_notification_arrives_under_its_id_and_in_order_however_often_the_server_is_killed";

/// Builds the test and the server like all others, and runs this one.
pub fn ledger(project: &Project, kills: u32, jobs: u32, push: bool) -> Result<()> {
    toolchain::ensure(project)?;
    let mut test = cargo();
    let name = if push { PUSH } else { TEST };
    test.current_dir(&project.root).arg("test").args(SERVER).args(["--test", "faults", "--", "--exact", name]);
    test.arg("--nocapture").env("MEANWHILE_LEDGER_KILLS", kills.to_string());
    test.env("MEANWHILE_LEDGER_JOBS", jobs.to_string()).env("MEANWHILE_LEDGER_PUSH_KILLS", kills.to_string());
    // Each of its starts and of its failing jobs would say so.
    run(test.env("MEANWHILE_LOG", "error"))
}
