//! Who may name what (the layering of the server), read from the sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, which may name anything.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether a path of this name begins somewhere: `use app::…`, `app::x`, but neither `myapp::x` nor `crate::app::x`.
fn names(code: &str, root: &str) -> bool {
    code.match_indices(&format!("{root}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == ':')
    })
}

/// Files below `src` that name a crate, as paths from there.
fn users(root: &str) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20, "the sources were found");
    let users = files.iter().filter(|path| names(&code(path), root));
    let mut users: Vec<_> =
        users.map(|path| path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/")).collect();
    users.sort();
    users
}

fn only(root: &str, allowed: &[&str]) {
    let users = users(root);
    assert!(!users.is_empty(), "nobody names `{root}`: the rule guards nothing");
    for user in users {
        assert!(allowed.iter().any(|place| user.starts_with(place)), "`{user}` names `{root}`; only {allowed:?} may");
    }
}

#[test]
fn only_the_store_names_a_database_driver() {
    only("rusqlite", &["store/"]);
}

#[test]
fn http_stays_at_the_edge() {
    only(
        "axum",
        &[
            "api/",
            "channels/",
            "router.rs",
            "error.rs",
            "ui.rs",
            "ui/",
            "startup.rs",
            "owner.rs",
            "forms.rs",
            "product_form.rs",
            "settings_forms.rs",
            "within.rs",
            "suppliers/http.rs",
            "suppliers/page.rs",
            "operator.rs",
        ],
    );
}

#[test]
fn only_who_asks_suppliers_and_their_simulator_name_an_http_client() {
    only("reqwest", &["kinds/supplier_quotes/client.rs", "suppliers/"]);
}

#[test]
fn only_the_pages_name_the_interface() {
    only("app", &["ui.rs", "ui/", "forms.rs", "notify/words.rs"]);
}

#[test]
fn each_library_that_sends_has_one_user() {
    only("tokio_rustls", &["notify/http.rs"]);
    only("web_push_native", &["notify/web_push.rs"]);
    only("lettre", &["notify/email.rs"]);
    only("p256", &["notify/vapid.rs"]);
    only("hmac", &["notify/signature.rs"]);
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    only("SystemTime", &["clock.rs"]);
}

#[test]
fn a_name_is_found_where_it_begins_a_path_and_nowhere_else() {
    assert!(names("use axum::Router;", "axum") && names("(axum::x)", "axum"));
    assert!(!names("my_axum::x", "axum") && !names("crate::app::x", "app") && !names("axum_extra::x", "axum"));
}
