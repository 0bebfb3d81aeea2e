//! Points in time as the model stores them, and the texts in which Juju shows them. Nothing here reads a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The calendar fields of a point in time.
struct Civil {
    year: i64,
    month: usize,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Time {
    /// This moment plus some milliseconds; stops at the end of time instead of wrapping.
    pub fn plus_millis(self, millis: u64) -> Time {
        Time(self.0.saturating_add(millis))
    }

    /// This moment plus some seconds.
    pub fn plus_seconds(self, seconds: u64) -> Time {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// `02 Jan 2006 15:04:05Z`, as `juju status` shows `since`.
    pub fn status_text(self) -> String {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.civil();
        format!(
            "{day:02} {} {year:04} {hour:02}:{minute:02}:{second:02}Z",
            MONTHS[month - 1]
        )
    }

    /// `2006-01-02 15:04:05Z`, as `juju status --utc` and `goal-state` show it.
    pub fn iso_text(self) -> String {
        format!("{}Z", self.date_and_clock())
    }

    /// `2006-01-02 15:04:05 +0000 UTC`, Go's default text, as task timings and logs show it.
    pub fn go_text(self) -> String {
        format!("{} +0000 UTC", self.date_and_clock())
    }

    /// `15:04:05Z`, the timestamp of the model in `juju status`.
    pub fn clock_text(self) -> String {
        let Civil {
            hour, minute, second, ..
        } = self.civil();
        format!("{hour:02}:{minute:02}:{second:02}Z")
    }

    fn date_and_clock(self) -> String {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.civil();
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// The Gregorian calendar by counting from March, so that the leap day is the last day of the year.
    fn civil(self) -> Civil {
        let seconds = self.0 / 1000;
        let days = i64::try_from(seconds / 86_400).unwrap_or(i64::MAX);
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let clock = seconds % 86_400;
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: usize::try_from(month).unwrap_or(1),
            day: day.unsigned_abs(),
            hour: clock / 3600,
            minute: clock % 3600 / 60,
            second: clock % 60,
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_same_moment_in_every_form() {
        let time = Time(1_709_210_096_789); // a leap day
        assert_eq!(time.status_text(), "29 Feb 2024 12:34:56Z");
        assert_eq!(time.iso_text(), "2024-02-29 12:34:56Z");
        assert_eq!(time.go_text(), "2024-02-29 12:34:56 +0000 UTC");
        assert_eq!(time.clock_text(), "12:34:56Z");
    }

    #[test]
    fn knows_the_edges_of_years() {
        assert_eq!(Time(0).iso_text(), "1970-01-01 00:00:00Z");
        assert_eq!(Time(946_684_799_000).iso_text(), "1999-12-31 23:59:59Z");
        assert_eq!(Time(946_684_800_000).iso_text(), "2000-01-01 00:00:00Z");
    }

    #[test]
    fn adding_stops_at_the_end_of_time() {
        assert_eq!(Time(u64::MAX).plus_seconds(5), Time(u64::MAX));
        assert_eq!(Time(10).plus_seconds(5), Time(5010));
    }
}
