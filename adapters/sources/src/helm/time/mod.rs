//! Times in UTC, Go's layouts and durations.

mod parse;

pub(crate) use parse::parse;

use super::error::Result;
use super::funcs::Args;
use super::value::object::Object;
use super::value::{Data, IntKind, Value};
use seawall_model::calendar::{date_of, days_of};

/// The moment that every rendering takes place at: 2000-01-01T00:00:00Z, in nanoseconds
/// since 1970.
pub(crate) const NOW: i128 = 946_684_800_000_000_000;

/// Go's zero time, 0001-01-01T00:00:00Z.
pub(crate) const ZERO: i128 = -62_135_596_800_000_000_000;

const SECOND: i128 = 1_000_000_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

struct Civil {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    weekday: usize,
    yearday: i64,
}

fn civil(nanos: i128) -> Civil {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).unwrap_or(0);
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let (year, month, day) = date_of(days);
    Civil {
        year,
        month: usize::try_from(month).unwrap_or(1),
        day,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        nanos: i64::try_from(nanos.rem_euclid(SECOND)).unwrap_or(0),
        weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        yearday: days - days_of(year, 1, 1) + 1,
    }
}

/// The pieces of a Go layout, longest first where one starts another.
const VERBS: [&str; 31] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "Z07:00:00",
    "Z07:00",
    "Z0700",
    "Z07",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
    "15",
    "__2",
    "_2",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
];

/// The next verb of a layout: what is before it, it, and what follows.
fn next_verb(layout: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = layout.get(at..)?;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let digits = fraction
                .find(|c| c != '0')
                .unwrap_or(fraction.len())
                .max(fraction.find(|c| c != '9').unwrap_or(fraction.len()));
            let after = fraction.get(digits..)?;
            if digits > 0 && !after.starts_with(|c: char| c.is_ascii_digit()) {
                return Some((layout.get(..at)?, rest.get(..=digits)?, after));
            }
        }
        let found = VERBS.iter().find(|verb| rest.starts_with(**verb));
        let found = found
            .copied()
            .or_else(|| rest.starts_with('5').then_some("5"));
        if let Some(verb) = found {
            // "Month" is no month, and "_2006" is an underscore and a year.
            let after = rest.get(verb.len()..)?;
            if verb == "Jan" && after.starts_with(|c: char| c.is_ascii_lowercase())
                || verb == "Mon" && after.starts_with(|c: char| c.is_ascii_lowercase())
                || verb == "_2" && after.starts_with("006")
            {
                continue;
            }
            return Some((layout.get(..at)?, verb, after));
        }
    }
    None
}

/// `Time.Format`.
pub(crate) fn format(nanos: i128, layout: &str) -> String {
    let time = civil(nanos);
    let month = MONTHS.get(time.month - 1).copied().unwrap_or("");
    let day = DAYS.get(time.weekday).copied().unwrap_or("");
    let twelve = if time.hour % 12 == 0 {
        12
    } else {
        time.hour % 12
    };
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, verb, after)) = next_verb(rest) {
        out.push_str(before);
        rest = after;
        let shown = match verb {
            "January" => month.to_owned(),
            "Jan" => month.get(..3).unwrap_or("").to_owned(),
            "Monday" => day.to_owned(),
            "Mon" => day.get(..3).unwrap_or("").to_owned(),
            "MST" => "UTC".to_owned(),
            "2006" => format!("{:04}", time.year),
            "06" => format!("{:02}", time.year.rem_euclid(100)),
            "01" => format!("{:02}", time.month),
            "1" => time.month.to_string(),
            "02" => format!("{:02}", time.day),
            "_2" => format!("{:2}", time.day),
            "2" => time.day.to_string(),
            "002" => format!("{:03}", time.yearday),
            "__2" => format!("{:3}", time.yearday),
            "15" => format!("{:02}", time.hour),
            "03" => format!("{twelve:02}"),
            "3" => twelve.to_string(),
            "04" => format!("{:02}", time.minute),
            "4" => time.minute.to_string(),
            "05" => format!("{:02}", time.second),
            "5" => time.second.to_string(),
            "PM" => if time.hour < 12 { "AM" } else { "PM" }.to_owned(),
            "pm" => if time.hour < 12 { "am" } else { "pm" }.to_owned(),
            "-07:00:00" => "+00:00:00".to_owned(),
            "-070000" => "+000000".to_owned(),
            "-07:00" => "+00:00".to_owned(),
            "-0700" => "+0000".to_owned(),
            "-07" => "+00".to_owned(),
            zone if zone.starts_with('Z') => "Z".to_owned(),
            fraction => {
                let digits = format!("{:09}", time.nanos);
                let digits = digits.get(..fraction.len() - 1).unwrap_or(&digits);
                let shown = format!("{}{digits}", fraction.get(..1).unwrap_or("."));
                if fraction.contains('9') {
                    shown
                        .trim_end_matches('0')
                        .trim_end_matches(['.', ','])
                        .to_owned()
                } else {
                    shown
                }
            }
        };
        out.push_str(&shown);
    }
    out.push_str(rest);
    out
}

/// `Time.String`.
pub(crate) fn display(nanos: i128) -> String {
    format(nanos, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// RFC 3339, as JSON has it.
pub(crate) fn rfc3339(nanos: i128) -> String {
    format(nanos, "2006-01-02T15:04:05.999999999Z07:00")
}

/// `Duration.String`.
pub(crate) fn duration(nanos: i64) -> String {
    let size = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = |value: u64, unit: u64| -> String {
        let digits = unit.to_string().len() - 1;
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(size, 1_000_000)),
        _ => {
            let minutes = size / 60_000_000_000;
            let seconds = fraction(size % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{}m{seconds}s", minutes % 60),
            }
        }
    }
}

/// `time.ParseDuration`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match rest.get(..letters)? {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += number * unit;
        rest = rest.get(letters..)?;
    }
    Some(super::value::convert::truncate((sign * total).round()))
}

/// A method of `time.Time`.
pub(crate) fn method(nanos: i128, name: &str, args: &mut Args) -> Result<Option<Value>> {
    let time = civil(nanos);
    let small = |value: i64| Some(Value::int(value));
    let count = |unit: i128| i64::try_from(nanos.div_euclid(unit)).unwrap_or(0);
    Ok(match name {
        "Unix" => Some(Value::int64(count(SECOND))),
        "UnixMilli" => Some(Value::int64(count(1_000_000))),
        "UnixMicro" => Some(Value::int64(count(1_000))),
        "UnixNano" => Some(Value::int64(count(1))),
        "Year" => small(time.year),
        "Day" => small(time.day),
        "Hour" => small(time.hour),
        "Minute" => small(time.minute),
        "Second" => small(time.second),
        "Nanosecond" => small(time.nanos),
        "YearDay" => small(time.yearday),
        "Month" => Some(Value::text(
            MONTHS.get(time.month - 1).copied().unwrap_or(""),
        )),
        "Weekday" => Some(Value::text(DAYS.get(time.weekday).copied().unwrap_or(""))),
        "String" => Some(Value::text(display(nanos))),
        "IsZero" => Some(Value::bool(nanos == ZERO)),
        "UTC" | "Local" => Some(Value::object(Object::Time(nanos))),
        "Format" => {
            args.count(name, 1)?;
            Some(Value::text(format(nanos, args.text(0)?.as_str())))
        }
        "AddDate" => {
            args.count(name, 3)?;
            let month = i64::try_from(time.month).unwrap_or(1) - 1 + args.int(1)?;
            let year = time
                .year
                .saturating_add(args.int(0)?)
                .saturating_add(month.div_euclid(12));
            let year = year.clamp(-290_000, 290_000);
            let days = days_of(year, month.rem_euclid(12) + 1, 1)
                + (time.day - 1).saturating_add(args.int(2)?.clamp(-100_000_000, 100_000_000));
            let of_day = nanos.rem_euclid(86_400 * SECOND);
            Some(Value::object(Object::Time(
                i128::from(days) * 86_400 * SECOND + of_day,
            )))
        }
        "Sub" => {
            args.count(name, 1)?;
            let other = args.any(0);
            let other = match &other.data {
                Data::Object(object) => match **object {
                    Object::Time(at) => at,
                    _ => return Err(args.wrong(0, "a time")),
                },
                _ => return Err(args.wrong(0, "a time")),
            };
            let passed = i64::try_from(nanos - other).unwrap_or(i64::MAX);
            Some(Data::Int(passed, IntKind::Duration).into())
        }
        "Add" => {
            args.count(name, 1)?;
            match args.any(0).data {
                Data::Int(by, IntKind::Duration) => {
                    Some(Value::object(Object::Time(nanos + i128::from(by))))
                }
                _ => return Err(args.wrong(0, "a duration")),
            }
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_work_both_ways() {
        assert_eq!(
            format(NOW, "2006-01-02T15:04:05Z07:00"),
            "2000-01-01T00:00:00Z"
        );
        assert_eq!(
            format(NOW, "Mon Jan _2 15:04:05 2006"),
            "Sat Jan  1 00:00:00 2000"
        );
        assert_eq!(format(NOW, "3:04PM 02.01.06"), "12:00AM 01.01.00");
        let at = parse("2006-01-02 15:04", "2024-02-29 13:37").unwrap();
        assert_eq!(
            format(at, "Monday, 02-Jan-06 15:04:05 MST"),
            "Thursday, 29-Feb-24 13:37:00 UTC"
        );
        assert_eq!(parse("2006-01-02", "2023-02-29"), None);
        assert_eq!(duration(5_400_000_000_000), "1h30m0s");
        assert_eq!(duration(1_500_000), "1.5ms");
        assert_eq!(parse_duration("-1.5h"), Some(-5_400_000_000_000));
        assert_eq!(parse_duration("1x"), None);
    }
}
