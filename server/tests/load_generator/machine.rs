//! What is read from `/proc`.

use crate::load::machine::{Usage, cpu_of, descriptors, file_system, resident_of};
use std::{path::Path, time::Duration};

#[test]
fn the_file_system_is_that_of_the_longest_mount_point_above() {
    let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/data xfs rw 0 0\n";
    assert_eq!(file_system(mounts, Path::new("/tmp/data/x")), "xfs");
    assert_eq!(file_system(mounts, Path::new("/tmp/database")), "tmpfs");
    assert_eq!(file_system(mounts, Path::new("/home")), "ext4");
}

#[test]
fn this_process_is_seen_to_work_and_to_have_memory() {
    let (pid, then) = (std::process::id(), Usage::now());
    let mut sum = 0_u64;
    while cpu_of(pid) < Duration::from_millis(50) {
        sum = std::hint::black_box(sum + 1);
    }
    assert!(resident_of(pid).unwrap() > 1 << 20);
    assert!(descriptors() > 16);
    let (others, stolen) = Usage::now().of_others_since(then);
    assert!((0.0..=1.0).contains(&others) && (0.0..=1.0).contains(&stolen));
}
