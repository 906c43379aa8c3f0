//! What must hold of a request for it to pass, as a formula over its fields.
//!
//! Who sends it and to which port is settled when a formula is made; what is left depends on
//! the request itself. Formulas stay symbolic: a policy that lets GET in is "GET", not "yes".
//! [`Condition::possible`] finds a request that fulfils a formula, or proves that there is
//! none; inclusion of two formulas is that question about their difference.

use super::pattern::Pattern;
use crate::why::Verdict;
use seawall_model::Str;
use std::collections::BTreeMap;

/// A field of a request that policies speak about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The method.
    Method,
    /// The path, without the query.
    Path,
    /// The host, in lower case.
    Host,
    /// A header, by its name in lower case.
    Header(Str),
    /// The issuer of the token that was verified.
    Issuer,
    /// The subject of that token.
    Subject,
    /// Another claim of that token.
    Claim(Str),
    /// The address of the peer.
    SourceIp,
    /// The address of the client, as far as proxies in between told it.
    RemoteIp,
    /// The address that was called.
    DestinationIp,
    /// The name that TLS asked for.
    ServerName,
    /// Whether an external authoriser, by its name, said yes.
    External(Str),
    /// Anything else, by the key that the policy uses.
    Other(Str),
}

impl Field {
    /// What every request has in this field; `None` where it may be absent.
    fn always(&self) -> Option<Pattern> {
        match self {
            Field::Method | Field::Host => Some(Pattern::any()),
            Field::Path => Some(Pattern::Affix {
                prefix: "/".into(),
                suffix: "".into(),
            }),
            _ => None,
        }
    }
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Test {
    /// The field.
    pub field: Field,
    /// It is there, and in one of these sets.
    pub patterns: Vec<Pattern>,
}

/// A formula.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Every request.
    Always,
    /// None.
    Never,
    /// Those that pass a test.
    Is(Test),
    /// Those that don't.
    Not(Box<Condition>),
    /// Those that fulfil all of several.
    All(Vec<Condition>),
    /// Those that fulfil one of several.
    Any(Vec<Condition>),
}

/// A request, as far as policies look at it.
pub type Request = BTreeMap<Field, Str>;

/// Whether some request fulfils a formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possible {
    /// None does: proved.
    No,
    /// This one does.
    Yes(Request),
    /// Not found out: the formula is too large, or has templates or regular expressions.
    Unknown,
}

impl Condition {
    /// A test of one value.
    pub fn is(field: Field, pattern: Pattern) -> Self {
        let patterns = vec![pattern];
        Condition::Is(Test { field, patterns })
    }

    /// Something that holds of a request or does not, and that no question knows.
    pub fn unknown(words: impl Into<Str>) -> Self {
        Condition::is(Field::Other(words.into()), Pattern::any())
    }

    /// One of these names, with a star for anything, in a field that no question knows.
    pub fn named<'n>(field: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        Condition::Is(Test {
            field: Field::Other(field.into()),
            patterns: names.into_iter().map(Pattern::read).collect(),
        })
    }

    /// A truth that is settled.
    pub fn settled(truth: bool) -> Self {
        if truth {
            Condition::Always
        } else {
            Condition::Never
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Condition::Always => Condition::Never,
            Condition::Never => Condition::Always,
            Condition::Not(inner) => *inner,
            other => Condition::Not(Box::new(other)),
        }
    }

    /// All of several.
    pub fn all(parts: impl IntoIterator<Item = Condition>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Condition::Always => {}
                Condition::Never => return Condition::Never,
                Condition::All(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Condition::Always,
            1 => kept.swap_remove(0),
            _ => Condition::All(kept),
        }
    }

    /// One of several.
    pub fn any(parts: impl IntoIterator<Item = Condition>) -> Self {
        let mut kept: Vec<Condition> = Vec::new();
        for part in parts {
            match part {
                Condition::Never => {}
                Condition::Always => return Condition::Always,
                Condition::Any(inner) => kept.extend(inner),
                Condition::Is(test) => {
                    let same = kept.iter_mut().find_map(|known| match known {
                        Condition::Is(known) if known.field == test.field => Some(known),
                        _ => None,
                    });
                    match same {
                        Some(known) => known.patterns.extend(test.patterns),
                        None => kept.push(Condition::Is(test)),
                    }
                }
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Condition::Never,
            1 => kept.swap_remove(0),
            _ => Condition::Any(kept),
        }
    }

    /// Whether a request fulfils it.
    pub fn holds(&self, request: &Request) -> bool {
        match self {
            Condition::Always => true,
            Condition::Never => false,
            Condition::Is(test) => {
                let value = request.get(&test.field);
                value.is_some_and(|value| test.patterns.iter().any(|p| p.holds(value)))
            }
            Condition::Not(inner) => !inner.holds(request),
            Condition::All(parts) => parts.iter().all(|part| part.holds(request)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(request)),
        }
    }

    /// What is left of it once some fields of a request are known.
    #[must_use]
    pub fn given(&self, request: &Request) -> Condition {
        let of = |parts: &[Condition]| -> Vec<Condition> {
            parts.iter().map(|part| part.given(request)).collect()
        };
        match self {
            Condition::Is(test) if request.contains_key(&test.field) => {
                Condition::settled(self.holds(request))
            }
            Condition::Not(inner) => inner.given(request).negated(),
            Condition::All(parts) => Condition::all(of(parts)),
            Condition::Any(parts) => Condition::any(of(parts)),
            other => other.clone(),
        }
    }

    /// Whether every request fulfils it, some, or none.
    pub fn verdict(&self) -> Verdict {
        match self {
            Condition::Always => Verdict::Open,
            Condition::Never => Verdict::Closed,
            other if other.possible() == Possible::No => Verdict::Closed,
            _ => Verdict::Some,
        }
    }

    /// Whether some request fulfils it, with one that does.
    pub fn possible(&self) -> Possible {
        let mut search = Search {
            budget: BUDGET,
            unsure: false,
        };
        let found = search.solve(&mut vec![(self, true)], &BTreeMap::new());
        match found {
            Some(request) if self.holds(&request) => Possible::Yes(request),
            Some(_) => Possible::Unknown,
            None if search.unsure || search.budget == 0 => Possible::Unknown,
            None => Possible::No,
        }
    }

    /// Whether every request that fulfils this fulfils the other: `None` where that was not
    /// found out.
    pub fn implies(&self, other: &Condition) -> Option<bool> {
        let difference = Condition::all([self.clone(), other.clone().negated()]);
        match difference.possible() {
            Possible::No => Some(true),
            Possible::Yes(_) => Some(false),
            Possible::Unknown => None,
        }
    }
}

/// How many steps a search may take. Formulas of real policies need a few dozen.
const BUDGET: usize = 200_000;

/// What is known of one field while a search goes on.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The value is in all of these.
    inside: Vec<Pattern>,
    /// And in none of these, or absent.
    outside: Vec<Pattern>,
}

/// A search for a request: alternatives are tried one by one, and a field that can't have any
/// value any more ends a try.
struct Search {
    budget: usize,
    unsure: bool,
}

type Fields = BTreeMap<Field, Known>;

impl Search {
    /// Fulfils all that is still to do, each with whether it shall hold.
    fn solve(&mut self, todo: &mut Vec<(&Condition, bool)>, fields: &Fields) -> Option<Request> {
        // What is still to do is copied for each branch.
        let Some(left) = self.budget.checked_sub(1 + todo.len()) else {
            self.budget = 0;
            return None;
        };
        self.budget = left;
        let mut fields = fields.clone();
        while let Some((next, wanted)) = todo.pop() {
            let alternatives = match (next, wanted) {
                (Condition::Always, true) | (Condition::Never, false) => continue,
                (Condition::Always, false) | (Condition::Never, true) => return None,
                (Condition::Not(inner), wanted) => {
                    todo.push((inner, !wanted));
                    continue;
                }
                (Condition::All(parts), true) | (Condition::Any(parts), false) => {
                    todo.extend(parts.iter().map(|part| (part, wanted)));
                    continue;
                }
                (Condition::Is(test), false) => {
                    let known = fields.entry(test.field.clone()).or_default();
                    known.outside.extend(test.patterns.iter().cloned());
                    self.value(&test.field, fields.get(&test.field)?)?;
                    continue;
                }
                (Condition::Is(test), true) => return self.choose(test, todo, &fields),
                (Condition::All(parts), false) | (Condition::Any(parts), true) => parts,
            };
            for part in alternatives {
                let mut rest = todo.clone();
                rest.push((part, wanted));
                if let Some(found) = self.solve(&mut rest, &fields) {
                    return Some(found);
                }
            }
            return None;
        }
        let mut request = Request::new();
        for (field, known) in &fields {
            if let Value::Text(text) = self.value(field, known)? {
                request.insert(field.clone(), text);
            }
        }
        let usual = [
            (Field::Method, "GET"),
            (Field::Path, "/"),
            (Field::Host, "host"),
        ];
        for (field, text) in usual {
            request.entry(field).or_insert_with(|| text.into());
        }
        Some(request)
    }

    /// Tries the sets of a test one by one.
    fn choose(
        &mut self,
        test: &Test,
        todo: &[(&Condition, bool)],
        fields: &Fields,
    ) -> Option<Request> {
        for pattern in &test.patterns {
            let mut fields = fields.clone();
            let known = fields.entry(test.field.clone()).or_default();
            known.inside.push(pattern.clone());
            if self.value(&test.field, known).is_none() {
                continue;
            }
            if let Some(found) = self.solve(&mut todo.to_vec(), &fields) {
                return Some(found);
            }
        }
        None
    }

    /// A value for a field; `None` where it can't have one.
    fn value(&mut self, field: &Field, known: &Known) -> Option<Value> {
        let mut set = field.always();
        for pattern in &known.inside {
            set = Some(match set {
                None => pattern.clone(),
                Some(set) => set.meets(pattern)?,
            });
        }
        let Some(set) = set else {
            return Some(Value::Absent);
        };
        let has_opaque = |patterns: &[Pattern]| patterns.iter().any(Pattern::is_opaque);
        let found = set.without(&known.outside);
        if has_opaque(&known.inside) || has_opaque(&known.outside) {
            // A template's own example may be one that is excluded.
            let mut all = known.inside.iter();
            let fits = found
                .as_ref()
                .is_some_and(|text| all.all(|p| p.holds(text)));
            if !fits {
                let examples = known
                    .inside
                    .iter()
                    .filter_map(|p| p.without(&known.outside));
                let mut fitting =
                    examples.filter(|text| known.inside.iter().all(|pattern| pattern.holds(text)));
                let fitting = fitting.next();
                self.unsure |= fitting.is_none();
                return fitting.map(Value::Text);
            }
        }
        found.map(Value::Text)
    }
}

/// What a field is in a request that was found.
enum Value {
    Absent,
    Text(Str),
}

/// Operators and words as a user reads them: `method is GET and path is /api/*`.
impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Condition::Always => f.write_str("every request"),
            Condition::Never => f.write_str("no request"),
            Condition::Is(test) => test.tell(f, true),
            Condition::Not(inner) => match &**inner {
                Condition::Is(test) => test.tell(f, false),
                other => write!(f, "not ({other})"),
            },
            Condition::All(parts) => joined(f, parts, " and "),
            Condition::Any(parts) => joined(f, parts, " or "),
        }
    }
}

impl Test {
    fn tell(&self, f: &mut std::fmt::Formatter<'_>, holds: bool) -> std::fmt::Result {
        let Self { field, patterns } = self;
        let is_any = patterns.contains(&Pattern::any());
        match (field, is_any, holds) {
            (Field::External(_), _, true) => write!(f, "{field} agrees"),
            (Field::External(_), _, false) => write!(f, "{field} refuses"),
            (_, true, true) => write!(f, "there is a {field}"),
            (_, true, false) => write!(f, "there is no {field}"),
            (_, false, true) => write!(f, "{field} is {}", List(patterns)),
            (_, false, false) => write!(f, "{field} is not {}", List(patterns)),
        }
    }
}

fn joined(f: &mut std::fmt::Formatter<'_>, parts: &[Condition], between: &str) -> std::fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        match part {
            Condition::All(_) | Condition::Any(_) => write!(f, "({part})")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

struct List<'a>(&'a [Pattern]);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, pattern) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            write!(f, "{pattern}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pattern::Exact(text) | Pattern::Template(text) => f.write_str(text),
            Pattern::Affix { prefix, suffix } => write!(f, "{prefix}*{suffix}"),
            Pattern::Regex(text) => write!(f, "^{text}$"),
            Pattern::Block(block) => write!(f, "{block}"),
        }
    }
}

impl std::fmt::Display for super::pattern::Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.last - self.first;
        let width = if self.is_v6 { 128 } else { 32 };
        let length = width - (128 - size.leading_zeros());
        let four = u32::try_from(self.first).ok().filter(|_| !self.is_v6);
        match four {
            Some(four) => write!(f, "{}/{length}", core::net::Ipv4Addr::from(four)),
            None => write!(f, "{}/{length}", core::net::Ipv6Addr::from(self.first)),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Field::Method => f.write_str("method"),
            Field::Path => f.write_str("path"),
            Field::Host => f.write_str("host"),
            Field::Header(name) => write!(f, "header {name}"),
            Field::Issuer => f.write_str("token issuer"),
            Field::Subject => f.write_str("token subject"),
            Field::Claim(name) => write!(f, "token claim {name}"),
            Field::SourceIp => f.write_str("source address"),
            Field::RemoteIp => f.write_str("client address"),
            Field::DestinationIp => f.write_str("destination address"),
            Field::ServerName => f.write_str("server name"),
            Field::External(name) => write!(f, "the authoriser {name}"),
            Field::Other(key) => f.write_str(key),
        }
    }
}
