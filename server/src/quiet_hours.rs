//! Quiet hours: wall times of a time zone between which something may begin.
//!
//! The operator's are read from the settings and asked by `submit` for `run_at: "quiet"`; of an owner's quiet times, `notify` asks when
//! they are over. Reads no clock.
//! Invariant: a start that it names lies within quiet hours, on days too on which the clocks are changed: a wall time that a day does
//! not have is taken after the gap, one that it has twice at its first occurrence (`jiff`'s "compatible", RFC 5545).

use domain::Timestamp;
use jiff::{ToSpan, civil::Time, tz::TimeZone};
use std::str::FromStr;

/// From one wall time to another, past midnight when the second is the earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// Settings that name no quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuietHours {
    /// Not `HH:MM-HH:MM`, or nothing in between.
    #[error("must be two different times of day, such as 22:00-06:00")]
    Times,
    /// Not in the time zone database.
    #[error("is no time zone: expected an IANA name, such as Europe/Paris")]
    Zone,
}

impl QuietHours {
    /// Reads `22:00-06:00` and the name of a time zone; the machine's own without one.
    ///
    /// # Errors
    /// Says which of them cannot be read.
    pub fn parse(hours: &str, zone: Option<&str>) -> Result<Self, InvalidQuietHours> {
        let time = |text: &str| Time::from_str(text.trim()).map_err(|_| InvalidQuietHours::Times);
        let (from, to) = hours.split_once('-').ok_or(InvalidQuietHours::Times)?;
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(InvalidQuietHours::Times);
        }
        let zone = match zone {
            Some(name) => TimeZone::get(name).map_err(|_| InvalidQuietHours::Zone)?,
            None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
        };
        Ok(Self { from, to, zone })
    }

    /// When a job may start that is to run in quiet hours: `None` when that is now.
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let here = self.zone.to_datetime(jiff::Timestamp::from_millisecond(now.0).ok()?);
        let time = here.time();
        let within = if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        };
        if within {
            return None;
        }
        let today = here.date();
        let day = if time < self.from { today } else { today.checked_add(1.day()).ok()? };
        let start = self.zone.to_timestamp(day.to_datetime(self.from)).ok()?;
        Some(Timestamp(start.as_millisecond()))
    }

    /// From, to and zone, as a person would write them.
    pub fn words(&self) -> [String; 3] {
        let time = |time: Time| time.strftime("%H:%M").to_string();
        [time(self.from), time(self.to), self.zone.iana_name().unwrap_or("UTC").to_owned()]
    }
}

impl Default for QuietHours {
    fn default() -> Self {
        Self { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0), zone: TimeZone::UTC }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris(hours: &str) -> QuietHours {
        QuietHours::parse(hours, Some("Europe/Paris")).unwrap()
    }

    fn next(hours: &QuietHours, now: &str) -> Option<String> {
        hours.next_start(now.parse().unwrap()).map(|start| start.to_string())
    }

    #[test]
    fn a_start_is_tonight_or_now() {
        let hours = paris("22:00-06:00");
        assert_eq!(next(&hours, "2026-12-01T12:00:00Z").as_deref(), Some("2026-12-01T21:00:00.000Z"));
        assert_eq!(next(&hours, "2026-12-01T21:00:00Z"), None);
        assert_eq!(next(&hours, "2026-12-02T04:59:59Z"), None);
        assert_eq!(next(&hours, "2026-12-02T05:00:00Z").as_deref(), Some("2026-12-02T21:00:00.000Z"));
    }

    #[test]
    fn hours_of_one_day_do_not_pass_midnight() {
        let hours = paris("12:00-14:00");
        assert_eq!(next(&hours, "2026-12-01T12:00:00Z"), None);
        assert_eq!(next(&hours, "2026-12-01T13:00:00Z").as_deref(), Some("2026-12-02T11:00:00.000Z"));
        assert_eq!(next(&hours, "2026-12-01T01:00:00Z").as_deref(), Some("2026-12-01T11:00:00.000Z"));
    }

    #[test]
    fn days_on_which_clocks_change_have_a_start_too() {
        // 2026-03-29: 02:00 to 03:00 does not exist in Paris. 2026-10-25: it comes twice.
        let hours = paris("02:30-05:00");
        assert_eq!(next(&hours, "2026-03-28T22:00:00Z").as_deref(), Some("2026-03-29T01:30:00.000Z"));
        assert_eq!(next(&hours, "2026-10-24T22:00:00Z").as_deref(), Some("2026-10-25T00:30:00.000Z"));
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(QuietHours::parse("22:00", None), Err(InvalidQuietHours::Times));
        assert_eq!(QuietHours::parse("22:00-22:00", None), Err(InvalidQuietHours::Times));
        assert_eq!(QuietHours::parse("25:00-06:00", None), Err(InvalidQuietHours::Times));
        assert_eq!(QuietHours::parse("22:00-06:00", Some("Mars/Base")), Err(InvalidQuietHours::Zone));
        assert_eq!(paris("22:00-06:00").words(), ["22:00", "06:00", "Europe/Paris"]);
    }
}
