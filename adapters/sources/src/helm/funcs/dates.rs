//! Sprig's functions on times. Now is always the same moment, and every zone is UTC.

use super::{Args, Builtin, f};
use crate::helm::error::{Fail, Result};
use crate::helm::time::{self, NOW, duration, format, parse_duration};
use crate::helm::value::convert::{display, to_int64};
use crate::helm::value::object::Object;
use crate::helm::value::{Data, IntKind, Value};

pub(super) const TABLE: &[Builtin] = &[
    f("now", 0, 0, |_, _| Ok(Value::object(Object::Time(NOW)))),
    f("date", 2, 2, |_, a| {
        Ok(Value::text(format(when(&a.any(1)), a.text(0)?.as_str())))
    }),
    f("date_in_zone", 3, 3, |_, a| {
        Ok(Value::text(format(when(&a.any(1)), a.text(0)?.as_str())))
    }),
    f("dateInZone", 3, 3, |_, a| {
        Ok(Value::text(format(when(&a.any(1)), a.text(0)?.as_str())))
    }),
    f("htmlDate", 1, 1, |_, a| {
        Ok(Value::text(format(when(&a.any(0)), "2006-01-02")))
    }),
    f("htmlDateInZone", 2, 2, |_, a| {
        Ok(Value::text(format(when(&a.any(0)), "2006-01-02")))
    }),
    f("date_modify", 2, 2, |_, a| modified(a, false)),
    f("dateModify", 2, 2, |_, a| modified(a, false)),
    f("must_date_modify", 2, 2, |_, a| modified(a, true)),
    f("mustDateModify", 2, 2, |_, a| modified(a, true)),
    f("ago", 1, 1, |_, a| {
        let passed = (NOW - when(&a.any(0))) / 1_000_000_000 * 1_000_000_000;
        Ok(Value::text(duration(
            i64::try_from(passed).unwrap_or(i64::MAX),
        )))
    }),
    f("duration", 1, 1, |_, a| {
        let seconds = match &a.any(0).data {
            Data::Text(text) => text.as_str().parse().unwrap_or(0),
            Data::Int(value, IntKind::Int64) => *value,
            _ => 0i64,
        };
        Ok(Value::text(duration(seconds.saturating_mul(1_000_000_000))))
    }),
    f("durationRound", 1, 1, |_, a| {
        let nanos = match &a.any(0).data {
            Data::Text(text) => parse_duration(text.as_str()).unwrap_or(0),
            Data::Int(value, IntKind::Int64) => *value,
            Data::Object(object) => match &**object {
                Object::Time(at) => i64::try_from(NOW - at).unwrap_or(0),
                _ => 0,
            },
            _ => 0,
        };
        Ok(Value::text(rounded(nanos.unsigned_abs())))
    }),
    f("toDate", 2, 2, |_, a| {
        let parsed = time::parse(a.text(0)?.as_str(), a.text(1)?.as_str());
        Ok(Value::object(Object::Time(parsed.unwrap_or(time::ZERO))))
    }),
    f("mustToDate", 2, 2, |_, a| {
        let (layout, text) = (a.text(0)?, a.text(1)?);
        match time::parse(layout.as_str(), text.as_str()) {
            Some(at) => Ok(Value::object(Object::Time(at))),
            None => Err(Fail::new(format!(
                "{:?} is no time of the layout {:?}",
                text.as_str(),
                layout.as_str()
            ))),
        }
    }),
    f("unixEpoch", 1, 1, |_, a| {
        Ok(Value::text(
            wanted_time(a, 0)?.div_euclid(1_000_000_000).to_string(),
        ))
    }),
];

/// What `date` takes for a time: times, Unix seconds, and now for the rest.
fn when(value: &Value) -> i128 {
    match &value.data {
        Data::Int(..) => i128::from(to_int64(value)) * 1_000_000_000,
        Data::Object(object) => match &**object {
            Object::Time(at) => *at,
            _ => NOW,
        },
        _ => NOW,
    }
}

fn wanted_time(args: &Args, index: usize) -> Result<i128> {
    if let Data::Object(object) = &args.any(index).data
        && let Object::Time(at) = &**object
    {
        return Ok(*at);
    }
    Err(args.wrong(index, "a time"))
}

fn modified(args: &Args, must: bool) -> Result<Value> {
    let at = wanted_time(args, 1)?;
    let text = args.text(0)?;
    match parse_duration(text.as_str()) {
        Some(by) => Ok(Value::object(Object::Time(at + i128::from(by)))),
        None if must => {
            let text = display(&args.any(0));
            Err(Fail::new(format!("{text:?} is no duration like 1h30m")))
        }
        None => Ok(Value::object(Object::Time(at))),
    }
}

fn rounded(nanos: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let units = [
        (SECOND * 3600 * 24 * 365, "y"),
        (SECOND * 3600 * 24 * 30, "mo"),
        (SECOND * 3600 * 24, "d"),
        (SECOND * 3600, "h"),
        (SECOND * 60, "m"),
        (SECOND, "s"),
    ];
    match units.iter().find(|(unit, _)| nanos > *unit) {
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => "0s".to_owned(),
    }
}
