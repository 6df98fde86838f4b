//! A moment in UTC, in milliseconds since 1970, written as RFC 3339.
//!
//! Hand-written since it is sixty lines and a date library would weigh on the WASM; used by every crate. Does not read a clock.
//! Invariant: `parse(format(t)) == t` for the years 1970 to 9999.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// A text that is no RFC 3339 time in UTC (`Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTimestamp;

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time: expected RFC 3339 in UTC, such as 2026-12-01T02:00:00Z")
    }
}

impl std::error::Error for InvalidTimestamp {}

impl Timestamp {
    /// This moment plus some milliseconds.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from an earlier moment to this one; negative when it is later.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Year, month (1–12) and day (1–31). Algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub const fn date(self) -> (i64, u32, u32) {
        let days = self.0.div_euclid(86_400_000) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month as u32, day as u32)
    }

    /// The moment of a civil time in UTC; fields are taken as valid.
    const fn from_civil(year: i64, month: i64, day: i64, ms_of_day: i64) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self((era * 146_097 + day_of_era - 719_468) * 86_400_000 + ms_of_day)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let ms = self.0.rem_euclid(86_400_000);
        let (hour, minute, second, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Result<i64, InvalidTimestamp> {
            let digits =
                bytes.get(from..to).filter(|part| part.iter().all(u8::is_ascii_digit)).ok_or(InvalidTimestamp)?;
            Ok(digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
        };
        let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        if bytes.len() < 20
            || separators.iter().any(|&(at, byte)| bytes[at] != byte)
            || !matches!(bytes[10], b'T' | b't')
        {
            return Err(InvalidTimestamp);
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let (fraction, zone) = match bytes[19] {
            b'.' => bytes[20..].split_at(bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count()),
            _ => (&[][..], &bytes[19..]),
        };
        let milli =
            (0..3).fold(0, |value, at| value * 10 + fraction.get(at).map_or(0, |digit| i64::from(digit - b'0')));
        if !matches!(zone, b"Z" | b"z") || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
            return Err(InvalidTimestamp);
        }
        let moment = Self::from_civil(year, month, day, ((hour * 60 + minute) * 60 + second) * 1000 + milli);
        if moment.date() != (year, month as u32, day as u32) { Err(InvalidTimestamp) } else { Ok(moment) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_read_and_write() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_709_210_096_789).to_string(), "2024-02-29T12:34:56.789Z");
        assert_eq!("2024-02-29T12:34:56Z".parse(), Ok(Timestamp(1_709_210_096_000)));
        assert_eq!("2024-02-29T12:34:56.7Z".parse(), Ok(Timestamp(1_709_210_096_700)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024-02-30T00:00:00Z",
            "2024-02-29 12:34:56",
            "2024-02-29T12:34:56+01:00",
            "2024-13-01T00:00:00Z",
            "2024-02-29T12:34:56.Zé",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_moment_are_one(ms in 0i64..253_402_300_800_000) {
            prop_assert_eq!(Timestamp(ms).to_string().parse(), Ok(Timestamp(ms)));
        }
    }
}
