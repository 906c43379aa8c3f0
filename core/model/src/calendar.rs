//! Days and dates of the calendar, without a clock.
//!
//! Dates are counted as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms":
//! in years that begin in March, so that the leap day is a year's last.

/// Days from 1970-01-01 to 0000-03-01, backwards.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// Days since 1970-01-01 of a date; months and days count from 1.
pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let since_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + since_march - EPOCH
}

/// The year, month and day, so many days after 1970-01-01.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let (era, day_of_era) = (
        (days + EPOCH).div_euclid(ERA),
        (days + EPOCH).rem_euclid(ERA),
    );
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let since_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * since_march + 2) / 153;
    let day = since_march - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether there is such a day.
pub fn is_date(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=length).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_other() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(days_of(2000, 3, 1), 11_017);
        assert_eq!(date_of(-1), (1969, 12, 31));
        for days in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = date_of(days);
            assert!(is_date(year, month, day));
            assert_eq!(days_of(year, month, day), days);
        }
    }

    #[test]
    fn leap_days_are_days() {
        for (year, there) in [(2024, true), (2023, false), (1900, false), (2000, true)] {
            assert_eq!(is_date(year, 2, 29), there);
        }
        assert!(!is_date(2024, 13, 1) && !is_date(2024, 4, 31) && !is_date(2024, 1, 0));
    }
}
