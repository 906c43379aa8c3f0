//! What the user accepts, why, and until when.
//!
//! A suppression without a reason does not count, one that has expired does not count, and
//! one that matches nothing is told: a stale list of accepted risks hides the next one.

use seawall_model::calendar::is_date;
use seawall_model::{Asset, Finding, Rule, SourceMap, Span};
use seawall_snapshot::Snapshot;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// A calendar day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month from 1.
    pub month: u8,
    /// Day from 1.
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A word that is not a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDate(pub String);

impl fmt::Display for InvalidDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a date: write it as 2027-01-31", self.0)
    }
}

impl std::error::Error for InvalidDate {}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || InvalidDate(s.to_owned());
        let mut parts = s.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let digits = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
            return Err(bad());
        }
        let year: u16 = year.parse().map_err(|_| bad())?;
        let month: u8 = month.parse().map_err(|_| bad())?;
        let day: u8 = day.parse().map_err(|_| bad())?;
        if !is_date(year.into(), month.into(), day.into()) {
            return Err(bad());
        }
        Ok(Self { year, month, day })
    }
}

/// One accepted risk: every given field must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Rule id, alias, or the first eight or more digits of a finding id.
    pub id: String,
    /// Glob over an affected asset (`Deployment payments/*`); `None` matches all.
    pub target: Option<String>,
    /// Glob over the file path; `None` matches all.
    pub path: Option<String>,
    /// Why it is accepted; never empty.
    pub reason: String,
    /// Last day on which it counts.
    pub expires: Option<Date>,
    /// Where it is written.
    pub span: Span,
}

/// A finding that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Where that is written.
    pub span: Span,
}

/// A suppression that did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionNotice {
    /// What is the matter with it, one sentence without a full stop.
    pub message: String,
    /// Where it is written.
    pub span: Span,
}

/// The prefix of annotations that accept a risk on the object itself:
/// `seawall.dev/ignore.W01: "needs the device until the driver is fixed, until 2027-01-31"`.
pub const ANNOTATION_PREFIX: &str = "seawall.dev/ignore.";

/// What suppressions did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) findings: Vec<Finding>,
    pub(crate) suppressed: Vec<Suppressed>,
    pub(crate) notices: Vec<SuppressionNotice>,
}

/// Splits findings into those that stand and those that the user accepts.
pub(crate) fn apply(
    findings: Vec<Finding>,
    listed: &[Suppression],
    snapshot: &Snapshot,
    rules: &[Rule],
    map: &SourceMap,
    today: Option<Date>,
) -> Applied {
    let mut applied = Applied::default();
    let annotated = from_annotations(snapshot, &mut applied.notices);
    let mut rows: Vec<Row<'_>> = listed
        .iter()
        .map(|suppression| Row::new(suppression, None))
        .chain(
            annotated
                .iter()
                .map(|(asset, suppression)| Row::new(suppression, Some(asset))),
        )
        .collect();
    // What is written on an object concerns that object alone; asking every row about every
    // finding would be quadratic.
    let mut on_objects: HashMap<&Asset, Vec<usize>> = HashMap::new();
    for (at, (asset, _)) in annotated.iter().enumerate() {
        on_objects.entry(asset).or_default().push(listed.len() + at);
    }
    for finding in findings {
        let rule = rules.iter().find(|rule| rule.id == finding.rule);
        let own = finding
            .affected
            .first()
            .and_then(|asset| on_objects.get(asset));
        let mut chosen = None;
        for at in (0..listed.len()).chain(own.into_iter().flatten().copied()) {
            let Some(row) = rows.get(at).filter(|row| row.matches(&finding, rule, map)) else {
                continue;
            };
            // One that still counts wins over one that has expired.
            if row.live(today) {
                chosen = Some(at);
                break;
            }
            chosen = chosen.or(Some(at));
        }
        match chosen.and_then(|at| rows.get_mut(at)) {
            Some(row) if row.live(today) => {
                row.used = true;
                applied.suppressed.push(Suppressed {
                    reason: row.suppression.reason.clone(),
                    span: row.suppression.span,
                    finding,
                });
            }
            Some(row) => {
                row.expired = true;
                applied.findings.push(finding);
            }
            None => applied.findings.push(finding),
        }
    }
    for row in rows {
        let what = &row.suppression.id;
        let message = match (row.expired, row.suppression.expires) {
            (true, Some(day)) => format!("the suppression of {what} expired on {day}"),
            _ if !row.used => format!("the suppression of {what} matches no finding: remove it"),
            _ => continue,
        };
        applied.notices.push(SuppressionNotice {
            message,
            span: row.suppression.span,
        });
    }
    applied
}

struct Row<'s> {
    suppression: &'s Suppression,
    /// The object that the suppression is written on.
    asset: Option<&'s Asset>,
    used: bool,
    expired: bool,
}

impl<'s> Row<'s> {
    fn new(suppression: &'s Suppression, asset: Option<&'s Asset>) -> Self {
        Self {
            suppression,
            asset,
            used: false,
            expired: false,
        }
    }

    fn live(&self, today: Option<Date>) -> bool {
        match (self.suppression.expires, today) {
            (Some(last), Some(today)) => today <= last,
            _ => true,
        }
    }

    fn matches(&self, finding: &Finding, rule: Option<&Rule>, map: &SourceMap) -> bool {
        let s = self.suppression;
        let by_rule = rule.is_some_and(|rule| crate::catalogue::means(rule, &s.id));
        let by_finding = s.id.len() >= 8
            && finding
                .id
                .to_string()
                .starts_with(&s.id.to_ascii_lowercase());
        // A finding that affects several assets is accepted only where all of them are.
        let every = |pred: &dyn Fn(&Asset) -> bool| finding.affected.iter().all(pred);
        (by_rule || by_finding)
            && self
                .asset
                .is_none_or(|asset| every(&|affected| affected == asset))
            && s.target.as_deref().is_none_or(|target| {
                glob(target, &finding.asset.to_string())
                    || every(&|asset| glob(target, &asset.to_string()))
            })
            && s.path
                .as_deref()
                .is_none_or(|path| glob(path, &map.path(finding.locus.span.file)))
    }
}

fn from_annotations(
    snapshot: &Snapshot,
    notices: &mut Vec<SuppressionNotice>,
) -> Vec<(Asset, Suppression)> {
    let mut found = Vec::new();
    for (_, object) in snapshot.objects() {
        for (key, value) in &object.annotations {
            let Some(id) = key.strip_prefix(ANNOTATION_PREFIX) else {
                continue;
            };
            let mut notice = |message: String| {
                notices.push(SuppressionNotice {
                    message,
                    span: value.span,
                });
            };
            let (reason, expires) = match value.value.rsplit_once("until ") {
                Some((reason, day)) => match day.trim().parse() {
                    Ok(day) => (reason.trim().trim_end_matches([',', ';']), Some(day)),
                    Err(_) => (value.value.trim(), None),
                },
                None => (value.value.trim(), None),
            };
            if reason.is_empty() {
                notice(format!(
                    "the annotation {key} gives no reason, so it does not count"
                ));
                continue;
            }
            found.push((
                Asset::Resource(object.reference.clone()),
                Suppression {
                    id: id.to_owned(),
                    target: None,
                    path: None,
                    reason: reason.to_owned(),
                    expires,
                    span: value.span,
                },
            ));
        }
    }
    found
}

/// Matches `*` (any text) and `?` (any character); everything else literally. Linear time:
/// on a mismatch only the last star is tried again.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_p, star_t)) = star else {
                    return false;
                };
                p = star_p + 1;
                t = star_t + 1;
                star = Some((star_p, t));
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_real_days() {
        for good in ["2026-01-31", "2024-02-29", "2000-02-29"] {
            assert_eq!(good.parse::<Date>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2026-1-31",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "x",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn globs_match_as_shells_do() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("Deployment payments/*", "Deployment payments/api", true),
            ("Deployment payments/*", "Deployment shop/api", false),
            ("*.yaml", "a/b.yaml", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} on {text}");
        }
    }
}
