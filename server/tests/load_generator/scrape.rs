//! Histograms as a scrape tells them: differences, and percentiles out of buckets.

use crate::load::scrape::Histogram;
use std::time::Duration;

fn page(counts: [u64; 4], sum: f64) -> String {
    let [a, b, c, all] = counts;
    format!(
        "# TYPE d_seconds histogram\nd_seconds_bucket{{channel=\"sse\",le=\"0.001\"}} {a}\nd_seconds_bucket{{channel=\"sse\",le=\"0.002\"}} {b}\n\
         d_seconds_bucket{{channel=\"sse\",le=\"0.01\"}} {c}\nd_seconds_bucket{{channel=\"sse\",le=\"+Inf\"}} {all}\n\
         d_seconds_sum{{channel=\"sse\"}} {sum}\nd_seconds_count{{channel=\"sse\"}} {all}\n\
         d_seconds_bucket{{channel=\"ws\",le=\"+Inf\"}} 9\nd_seconds_sum{{channel=\"ws\"}} 1\n\
         plain_seconds_bucket{{le=\"+Inf\"}} 3\nplain_seconds_sum 0.006\n"
    )
}

fn read(page: &str) -> Histogram {
    Histogram::read(page, "d_seconds", r#"channel="sse""#).unwrap()
}

#[test]
fn what_came_between_two_scrapes_is_their_difference() {
    let between = read(&page([10, 110, 120, 120], 0.5)).since(&read(&page([10, 10, 20, 20], 0.25)));
    assert_eq!((between.count(), between.mean()), (100, Duration::from_micros(2500)));
    assert_eq!(between.percentile(50.0), Duration::from_micros(1500), "half way between a millisecond and two");
    let plain = Histogram::read(&page([0; 4], 0.0), "plain_seconds", "").unwrap();
    assert_eq!((plain.count(), plain.mean()), (3, Duration::from_millis(2)));
}

#[test]
fn a_percentile_lies_in_the_bucket_of_its_rank() {
    let histogram = read(&page([0, 90, 98, 100], 1.0));
    let ms = |percent| histogram.percentile(percent).as_secs_f64() * 1e3;
    assert!((ms(45.0) - 1.5).abs() < 1e-9 && (ms(90.0) - 2.0).abs() < 1e-9, "{} {}", ms(45.0), ms(90.0));
    assert!((ms(94.0) - 6.0).abs() < 1e-9, "{}", ms(94.0));
    assert!((ms(99.0) - 10.0).abs() < 1e-9, "all that is known is that it is more: {}", ms(99.0));
    assert_eq!(read(&page([0; 4], 0.0)).percentile(99.0), Duration::ZERO);
}

#[test]
fn what_is_no_histogram_is_refused() {
    let page = page([1, 2, 3, 4], 1.0);
    assert!(Histogram::read(&page, "d_seconds", r#"channel="poll""#).is_err());
    assert!(Histogram::read(&page.replace("} 2\n", "} 0\n"), "d_seconds", r#"channel="sse""#).is_err(), "counts fall");
    assert!(Histogram::read(&page.replace("d_seconds_sum", "x"), "d_seconds", r#"channel="sse""#).is_err(), "no sum");
}
