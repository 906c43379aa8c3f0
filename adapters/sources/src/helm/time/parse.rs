//! Text to times, by Go's layouts.

use super::{DAYS, MONTHS, SECOND, next_verb};
use seawall_model::calendar::{days_of, is_date};

/// `time.Parse` for numbers, month names and zone offsets.
pub(crate) fn parse(layout: &str, text: &str) -> Option<i128> {
    let (mut year, mut month, mut day) = (0i64, 1i64, 1i64);
    let (mut hour, mut minute, mut second, mut nanos) = (0i64, 0i64, 0i64, 0i64);
    let (mut offset, mut afternoon) = (0i64, None);
    let (mut layout, mut text) = (layout, text);
    let number = |text: &mut &str, least: usize, most: usize| -> Option<i64> {
        let digits = text
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits < least {
            return None;
        }
        let (head, tail) = text.split_at(digits);
        *text = tail;
        head.parse().ok()
    };
    while let Some((before, verb, after)) = next_verb(layout) {
        text = text.strip_prefix(before)?;
        layout = after;
        match verb {
            "January" | "Jan" => {
                let names = MONTHS.iter().map(|m| {
                    if verb == "Jan" {
                        m.get(..3).unwrap_or(m)
                    } else {
                        m
                    }
                });
                let (at, name) = names.enumerate().find(|(_, name)| text.starts_with(name))?;
                month = i64::try_from(at).ok()? + 1;
                text = text.get(name.len()..)?;
            }
            "Monday" | "Mon" => {
                let names = DAYS.iter().map(|d| {
                    if verb == "Mon" {
                        d.get(..3).unwrap_or(d)
                    } else {
                        d
                    }
                });
                let mut names = names.filter(|name| text.starts_with(name));
                text = text.get(names.next()?.len()..)?;
            }
            "2006" => year = number(&mut text, 4, 4)?,
            "06" => {
                let short = number(&mut text, 2, 2)?;
                year = if short >= 69 {
                    1900 + short
                } else {
                    2000 + short
                };
            }
            "01" => month = number(&mut text, 2, 2)?,
            "1" => month = number(&mut text, 1, 2)?,
            "02" => day = number(&mut text, 2, 2)?,
            "2" | "_2" => {
                text = text
                    .strip_prefix(' ')
                    .filter(|_| verb == "_2")
                    .unwrap_or(text);
                day = number(&mut text, 1, 2)?;
            }
            "15" | "03" => hour = number(&mut text, 2, 2)?,
            "3" => hour = number(&mut text, 1, 2)?,
            "04" => minute = number(&mut text, 2, 2)?,
            "4" => minute = number(&mut text, 1, 2)?,
            "05" => second = number(&mut text, 2, 2)?,
            "5" => second = number(&mut text, 1, 2)?,
            "PM" | "pm" => {
                let (half, rest) = text.split_at_checked(2)?;
                afternoon = Some(half.eq_ignore_ascii_case("pm"));
                text = rest;
            }
            "MST" => {
                text = text
                    .strip_prefix("UTC")
                    .or_else(|| text.strip_prefix("GMT"))?;
            }
            zone if zone.starts_with(['Z', '-']) => {
                if zone.starts_with('Z') && text.starts_with('Z') {
                    text = text.get(1..)?;
                    continue;
                }
                let sign = if text.starts_with('-') { -1 } else { 1 };
                text = text.strip_prefix(['+', '-'])?;
                let hours = number(&mut text, 2, 2)?;
                let minutes = if zone.ends_with("07") {
                    0
                } else {
                    text = text
                        .strip_prefix(':')
                        .filter(|_| zone.contains(':'))
                        .unwrap_or(text);
                    number(&mut text, 2, 2)?
                };
                offset = sign * (hours * 3600 + minutes * 60);
            }
            _ => {
                let Some(digits) = text.strip_prefix(['.', ',']) else {
                    if verb.contains('9') {
                        continue;
                    }
                    return None;
                };
                let count = digits.bytes().take_while(u8::is_ascii_digit).count();
                let padded = format!("{:0<9}", digits.get(..count)?);
                nanos = padded.get(..9)?.parse().ok()?;
                text = digits.get(count..)?;
            }
        }
        // Seconds may have a fraction that the layout does not mention.
        if matches!(verb, "05" | "5") && text.starts_with('.') && !layout.starts_with(['.', ',']) {
            let digits = text.get(1..)?;
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            if count > 0 {
                nanos = format!("{:0<9}", digits.get(..count)?)
                    .get(..9)?
                    .parse()
                    .ok()?;
                text = digits.get(count..)?;
            }
        }
    }
    if text != layout {
        return None;
    }
    match afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let valid = is_date(year, month, day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !valid {
        return None;
    }
    let seconds = days_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * SECOND + i128::from(nanos))
}
