//! Tables and ratios.

use crate::load::report::{Figure, Section, Unit, significant, written};
use serde_json::json;

fn section() -> Section {
    let mut section = Section::new("accept", "Accepting", "By HTTP.");
    let figure = Figure::new("accepts", 20_000.0, Unit::PerSecond).of(100_000);
    section.figure(figure.beside("bare axum", Some(80_000.0)).beside("not measured", None).beside("disk", Some(0.0)));
    section.figure(Figure::new("p99", 4.0, Unit::Millis).beside("bare axum", Some(2.0)));
    section.note("Noisy.");
    section
}

#[test]
fn a_ratio_is_the_figure_divided_by_what_stands_beside_it() {
    let json = section().json();
    assert_eq!(json["figures"][0]["beside"][0], json!({"name": "bare axum", "value": 80_000.0, "ratio": 0.25}));
    assert_eq!(json["figures"][0]["beside"][1], json!({"name": "disk", "value": 0.0, "ratio": null}));
    assert_eq!(json["figures"][1]["beside"][0]["ratio"], json!(2.0));
    assert_eq!(json["figures"][0]["beside"].as_array().unwrap().len(), 2);
}

#[test]
fn the_table_has_a_line_for_each_baseline() {
    let table = section().table();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(
        lines[2].contains("20,000 /s") && lines[2].contains("bare axum: 80,000 /s") && lines[2].ends_with("0.250×")
    );
    assert!(lines[3].trim() == "disk: 0 /s", "{table}");
    assert!(lines[4].contains("4.00 ms") && lines[4].ends_with("2.00×"));
    assert!(section().markdown().contains("| p99 | 4.00 ms |  | bare axum: 2.00 ms | 2.00× |"));
}

#[test]
fn values_have_three_digits_that_mean_something() {
    let all = [0.0, 0.0123, 0.99951, 9.876, 99.94, 99.96, 1234.5, 1_234_567.0, -4096.0].map(significant);
    assert_eq!(all, ["0", "0.012", "1.00", "9.88", "99.9", "100", "1,234", "1,234,567", "-4,096"]);
    assert_eq!(written(2048.0, Unit::Bytes), "2.00 KiB");
}
