//! Percentiles.

use crate::load::samples::Samples;
use std::time::Duration;

#[test]
fn a_percentile_is_the_measured_duration_of_nearest_rank() {
    let mut samples: Samples = (1..=200).rev().map(Duration::from_millis).collect();
    assert_eq!(samples.percentile(50.0), Duration::from_millis(100));
    assert_eq!(samples.percentile(99.0), Duration::from_millis(198));
    assert_eq!(samples.percentile(100.0), Duration::from_millis(200));
    samples.append([Duration::from_secs(9)].into_iter().collect());
    assert_eq!((samples.count(), samples.max_ms()), (201, 9000.0));
    assert_eq!(samples.percentile(50.0), Duration::from_millis(101), "rounded up: half of 201 is 101");
    let mut one: Samples = [Duration::from_millis(7)].into_iter().collect();
    assert_eq!((one.p50_ms(), one.p99_ms()), (7.0, 7.0));
    assert_eq!(Samples::default().percentile(99.0), Duration::ZERO);
    let mean = [1, 2, 6].into_iter().map(Duration::from_millis).collect::<Samples>().mean_ms();
    assert!((mean - 3.0).abs() < 1e-9 && Samples::default().mean_ms().abs() < 1e-9, "{mean}");
}
