//! Points and spans of time. The clock is never read: an expression only computes with times
//! that it is given.

use super::fault::{Eval, fault};
use seawall_model::calendar::{date_of, days_of, is_date};
use std::fmt::Write as _;

const NANOS: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of the language.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// A span of time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub(crate) i64);

/// A point in time: seconds since 1970, and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
}

/// A point in time as a calendar shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) day_of_year: i64,
    /// 0 is Sunday.
    pub(crate) weekday: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Duration {
    pub(crate) fn plus(self, other: Self) -> Eval<Self> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or_else(|| fault("duration overflow"))
    }

    pub(crate) fn negated(self) -> Eval<Self> {
        self.0
            .checked_neg()
            .map(Self)
            .ok_or_else(|| fault("duration overflow"))
    }

    /// Reads `1h30m`, `-1.5s`, `250ms`, as Go does.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let whole = rest.get(..digits)?;
            rest = rest.get(digits..)?;
            let mut fraction = "";
            if let Some(after) = rest.strip_prefix('.') {
                let digits =
                    after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                fraction = after.get(..digits)?;
                rest = after.get(digits..)?;
            }
            if whole.is_empty() && fraction.is_empty() {
                return None;
            }
            let unit_length = rest
                .find(|c: char| c == '.' || c.is_ascii_digit())
                .unwrap_or(rest.len());
            let unit: i128 = match rest.get(..unit_length)? {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => i128::from(NANOS),
                "m" => 60 * i128::from(NANOS),
                "h" => 3_600 * i128::from(NANOS),
                _ => return None,
            };
            rest = rest.get(unit_length..)?;
            let whole: i128 = if whole.is_empty() {
                0
            } else {
                i128::from(whole.parse::<i64>().ok()?)
            };
            total += whole * unit;
            let mut scale = unit;
            for digit in fraction.bytes().take(18) {
                scale /= 10;
                total += i128::from(digit - b'0') * scale;
            }
            if total > i128::from(i64::MAX) + 1 {
                return None;
            }
        }
        i64::try_from(if negative { -total } else { total })
            .ok()
            .map(Self)
    }

    /// Seconds with their fraction, as the language prints them: `5400s`, `0.25s`.
    pub(crate) fn print(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        let (seconds, nanos) = (all / 1_000_000_000, all % 1_000_000_000);
        if nanos == 0 {
            return format!("{sign}{seconds}s");
        }
        let fraction = format!("{nanos:09}");
        format!("{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0 / NANOS
    }

    pub(crate) fn milliseconds(self) -> i64 {
        self.0 / 1_000_000
    }
}

impl Timestamp {
    pub(crate) fn new(seconds: i64, nanos: u32) -> Eval<Self> {
        if (FIRST..=LAST).contains(&seconds) {
            Ok(Self { seconds, nanos })
        } else {
            Err(fault("timestamp overflow: years go from 1 to 9999"))
        }
    }

    fn of_nanos(nanos: i128) -> Eval<Self> {
        let unit = i128::from(NANOS);
        let seconds = i64::try_from(nanos.div_euclid(unit)).unwrap_or(i64::MAX);
        let rest = u32::try_from(nanos.rem_euclid(unit)).unwrap_or(0);
        Self::new(seconds, rest)
    }

    fn nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos)
    }

    pub(crate) fn plus(self, duration: Duration) -> Eval<Self> {
        Self::of_nanos(self.nanos() + i128::from(duration.0))
    }

    pub(crate) fn since(self, other: Self) -> Eval<Duration> {
        i64::try_from(self.nanos() - other.nanos())
            .map(Duration)
            .map_err(|_| fault("duration overflow"))
    }

    /// Reads RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let sign =
            |at: usize, want: &[u8]| text.as_bytes().get(at).is_some_and(|b| want.contains(b));
        let shape =
            sign(4, b"-") && sign(7, b"-") && sign(10, b"T") && sign(13, b":") && sign(16, b":");
        if !shape {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !is_date(year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut nanos = 0_u32;
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return None;
            }
            let mut scale = 100_000_000;
            for digit in after.bytes().take(digits.min(9)) {
                nanos += u32::from(digit - b'0') * scale;
                scale /= 10;
            }
            rest = after.get(digits..)?;
        }
        let offset = if rest == "Z" { 0 } else { offset(rest)? };
        let seconds = days_of(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Self::new(seconds - offset, nanos).ok()
    }

    /// RFC 3339 in UTC, as the language prints it.
    pub(crate) fn print(self) -> String {
        let c = self.civil(0);
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        );
        if self.nanos > 0 {
            let fraction = format!("{:09}", self.nanos);
            let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
        }
        text.push('Z');
        text
    }

    /// The calendar at this many seconds east of Greenwich.
    pub(crate) fn civil(self, offset: i64) -> Civil {
        let local = self.seconds + offset;
        let (day_number, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = date_of(day_number);
        Civil {
            year,
            month,
            day,
            day_of_year: day_number - days_of(year, 1, 1),
            weekday: (day_number + 4).rem_euclid(7),
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// `+02:00` in seconds.
pub(crate) fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => (1, text),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str| -> Option<i64> {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}
