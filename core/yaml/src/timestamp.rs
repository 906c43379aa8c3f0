//! Whether text is a timestamp to go-yaml v2. Timestamps stay text in JSON, so only two
//! things depend on it: the explicit tag `!!timestamp`, and quoting on the way out.

/// Whether Go's `time.Parse` takes the text in one of go-yaml's four layouts.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let mut rest = Cursor(text.as_bytes());
    let Some(year) = rest.digits(4, 4) else {
        return false;
    };
    if !rest.eat(b'-') {
        return false;
    }
    let Some(month) = rest.digits(1, 2) else {
        return false;
    };
    if !(1..=12).contains(&month) || !rest.eat(b'-') {
        return false;
    }
    let Some(day) = rest.digits(1, 2) else {
        return false;
    };
    if day < 1 || day > days_in(month, year) {
        return false;
    }
    match rest.next() {
        None => true,
        Some(b'T' | b't') => rest.time() && rest.zone() && rest.0.is_empty(),
        // Go takes any number of spaces where the layout has one.
        Some(b' ') => {
            while rest.eat(b' ') {}
            rest.time() && rest.0.is_empty()
        }
        Some(_) => false,
    }
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        if self.0.first() == Some(&wanted) {
            self.next();
            return true;
        }
        false
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let mut value = 0;
        let mut count = 0;
        while count < most
            && let Some(digit) = self.0.first().filter(|c| c.is_ascii_digit())
        {
            value = value * 10 + u32::from(digit - b'0');
            count += 1;
            self.next();
        }
        (count >= least).then_some(value)
    }

    /// `15:4:5.999999999`; a fraction may start with a comma, as ISO 8601 allows.
    fn time(&mut self) -> bool {
        let Some(0..24) = self.digits(1, 2) else {
            return false;
        };
        if !self.eat(b':') {
            return false;
        }
        let Some(0..60) = self.digits(1, 2) else {
            return false;
        };
        if !self.eat(b':') {
            return false;
        }
        let Some(0..60) = self.digits(1, 2) else {
            return false;
        };
        if let [b'.' | b',', digit, ..] = self.0
            && digit.is_ascii_digit()
        {
            self.next();
            while self.0.first().is_some_and(u8::is_ascii_digit) {
                self.next();
            }
        }
        true
    }

    /// `Z` or `±07:00`, with Go's generous bounds.
    fn zone(&mut self) -> bool {
        if self.eat(b'Z') {
            return true;
        }
        (self.eat(b'+') || self.eat(b'-'))
            && matches!(self.digits(2, 2), Some(0..=24))
            && self.eat(b':')
            && matches!(self.digits(2, 2), Some(0..=60))
    }
}
