//! Parts of points and spans of time.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, unanswerable};
use crate::cel::time::{Civil, offset};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("getFullYear", true, 1, 2, |_, args| date(args, |c| c.year)),
    ("getMonth", true, 1, 2, |_, args| {
        date(args, |c| c.month - 1)
    }),
    ("getDate", true, 1, 2, |_, args| date(args, |c| c.day)),
    ("getDayOfMonth", true, 1, 2, |_, args| {
        date(args, |c| c.day - 1)
    }),
    ("getDayOfWeek", true, 1, 2, |_, args| {
        date(args, |c| c.weekday)
    }),
    ("getDayOfYear", true, 1, 2, |_, args| {
        date(args, |c| c.day_of_year)
    }),
    ("getHours", true, 1, 2, |_, args| {
        clock(args, |c| c.hour, |seconds| seconds / 3_600)
    }),
    ("getMinutes", true, 1, 2, |_, args| {
        clock(args, |c| c.minute, |seconds| seconds / 60)
    }),
    ("getSeconds", true, 1, 2, |_, args| {
        clock(args, |c| c.second, |seconds| seconds)
    }),
    ("getMilliseconds", true, 1, 2, milliseconds),
];

/// The calendar of a timestamp, in UTC or in the zone that was asked for.
fn civil(args: &[Value]) -> Eval<Civil> {
    match args {
        [Value::Timestamp(timestamp)] => Ok(timestamp.civil(0)),
        [Value::Timestamp(timestamp), Value::String(zone)] => {
            if matches!(&**zone, "UTC" | "" | "GMT" | "Etc/UTC") {
                return Ok(timestamp.civil(0));
            }
            match offset(zone) {
                Some(seconds) => Ok(timestamp.civil(seconds)),
                None => Err(unanswerable(format!(
                    "the time zone `{zone}` is not known here, use an offset such as +02:00"
                ))),
            }
        }
        _ => mismatch("a part of a date", args),
    }
}

fn date(args: &[Value], part: fn(&Civil) -> i64) -> Eval<Value> {
    civil(args).map(|civil| Value::Int(part(&civil)))
}

fn clock(args: &[Value], part: fn(&Civil) -> i64, of_span: fn(i64) -> i64) -> Eval<Value> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Int(of_span(duration.seconds()))),
        _ => date(args, part),
    }
}

fn milliseconds(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Int(duration.milliseconds())),
        [Value::Timestamp(timestamp), ..] => {
            civil(args)?;
            Ok(Value::Int(i64::from(timestamp.nanos / 1_000_000)))
        }
        _ => mismatch("getMilliseconds", args),
    }
}
