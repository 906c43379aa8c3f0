//! Dates. Go's YAML library turns a plain `2020-01-02` into a point in time, and Kustomize
//! prints it as one.

use seawall_model::calendar::is_date;

/// RFC 3339 text of a YAML timestamp; `None` when it is not one.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    expect(&mut rest, '-')?;
    let month = digits(&mut rest, 1, 2)?;
    expect(&mut rest, '-')?;
    let day = digits(&mut rest, 1, 2)?;
    if !is_date(year.into(), month.into(), day.into()) {
        return None;
    }
    if rest.is_empty() {
        return Some(format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
    }
    rest = match rest.as_bytes().first()? {
        b'T' | b't' | b' ' => rest.get(1..)?,
        _ => return None,
    };
    let spaced = text.contains(' ');
    let hour = digits(&mut rest, 1, 2)?;
    expect(&mut rest, ':')?;
    let minute = digits(&mut rest, 1, 2)?;
    expect(&mut rest, ':')?;
    let second = digits(&mut rest, 1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = String::new();
    if let Some(after) = rest.strip_prefix('.') {
        let end = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (number, tail) = after.split_at_checked(end)?;
        let number = number.get(..number.len().min(9))?.trim_end_matches('0');
        if !number.is_empty() {
            fraction = format!(".{number}");
        }
        rest = tail;
    }
    let zone = match rest {
        "Z" if !spaced => "Z".to_owned(),
        "" if spaced => "Z".to_owned(),
        _ if !spaced => {
            let sign = rest.chars().next().filter(|c| matches!(c, '+' | '-'))?;
            let mut offset = rest.get(1..)?;
            let hours = digits(&mut offset, 2, 2)?;
            expect(&mut offset, ':')?;
            let minutes = digits(&mut offset, 2, 2)?;
            if !offset.is_empty() {
                return None;
            }
            if hours == 0 && minutes == 0 {
                "Z".to_owned()
            } else {
                format!("{sign}{hours:02}:{minutes:02}")
            }
        }
        _ => return None,
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    ))
}

fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let count = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        return None;
    }
    let (number, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    number.parse().ok()
}

fn expect(rest: &mut &str, c: char) -> Option<()> {
    *rest = rest.strip_prefix(c)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let time = |t| timestamp(t).unwrap_or_default();
        assert_eq!(time("2020-01-02"), "2020-01-02T00:00:00Z");
        assert_eq!(
            time("2001-12-14T21:59:43.10-05:00"),
            "2001-12-14T21:59:43.1-05:00"
        );
        assert_eq!(time("2001-12-14 21:59:43"), "2001-12-14T21:59:43Z");
        assert_eq!(time("2020-02-30"), "");
        assert_eq!(time("2020-1-2"), "2020-01-02T00:00:00Z");
        assert_eq!(time("2020-01-02x"), "");
    }
}
