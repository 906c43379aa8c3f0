//! Choosing objects: regular expressions over identities, label and annotation selectors.

use super::Fail;
use super::decode::Text;
use super::ids::split_api_version;
use super::kust::Selector;
use super::resource::Resource;
use super::value;
use regex::Regex;
use seawall_model::Span;
use seawall_yaml::Node;

/// A selector, compiled.
pub(super) struct Chooser {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Chooser {
    /// Compiles a selector that stands at `span`.
    pub(super) fn new(selector: &Selector, span: Span) -> Result<Self, Fail> {
        let regex = |pattern: &str| -> Result<Option<Regex>, Fail> {
            if pattern.is_empty() {
                return Ok(None);
            }
            Regex::new(&format!("^(?:{pattern})$"))
                .map(Some)
                .map_err(|error| {
                    Fail::new(
                        span,
                        format!("{pattern} is not a regular expression: {error}"),
                    )
                })
        };
        Ok(Self {
            group: regex(&selector.gvk.group)?,
            version: regex(&selector.gvk.version)?,
            kind: regex(&selector.gvk.kind)?,
            name: regex(&selector.name)?,
            namespace: regex(&selector.namespace)?,
            labels: requirements(selector.labels.as_ref())?,
            annotations: requirements(selector.annotations.as_ref())?,
        })
    }

    /// Whether a resource is chosen, by its first or its present name and namespace.
    pub(super) fn chooses(&self, resource: &Resource) -> bool {
        let (original, current) = (resource.original_id(), resource.id());
        let ok = |regex: &Option<Regex>, text: &str| {
            regex.as_ref().is_none_or(|regex| regex.is_match(text))
        };
        let (group, version) = split_api_version(&current.api_version);
        (ok(&self.namespace, original.effective_namespace())
            || ok(&self.namespace, current.effective_namespace()))
            && (ok(&self.name, &original.name) || ok(&self.name, &current.name))
            && ok(&self.group, group)
            && ok(&self.version, version)
            && ok(&self.kind, &current.kind)
            && matches(&self.labels, resource.node.at(&["metadata", "labels"]))
            && matches(
                &self.annotations,
                resource.node.at(&["metadata", "annotations"]),
            )
    }
}

/// Whether the labels and annotations of a resource fit a selector.
pub(super) fn fits(selector: &Selector, resource: &Resource) -> Result<bool, Fail> {
    let labels = requirements(selector.labels.as_ref())?;
    let annotations = requirements(selector.annotations.as_ref())?;
    Ok(matches(&labels, resource.node.at(&["metadata", "labels"]))
        && matches(&annotations, resource.node.at(&["metadata", "annotations"])))
}

fn matches(requirements: &[Requirement], labels: Option<&Node>) -> bool {
    requirements.iter().all(|requirement| {
        let found = labels
            .and_then(|l| l.get(&requirement.key))
            .map(value::text);
        requirement.holds(found.as_deref())
    })
}

/// One comma-separated part of a label selector.
#[derive(Debug, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Operator {
    Exists,
    Missing,
    In,
    NotIn,
    Greater,
    Less,
}

impl Requirement {
    fn holds(&self, found: Option<&str>) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        let compare = |f: fn(i64, i64) -> bool| {
            let bound = self.values.first().and_then(|v| number(v));
            found
                .and_then(number)
                .zip(bound)
                .is_some_and(|(a, b)| f(a, b))
        };
        match self.operator {
            Operator::Exists => found.is_some(),
            Operator::Missing => found.is_none(),
            Operator::In => found.is_some_and(|f| self.values.iter().any(|v| v == f)),
            Operator::NotIn => found.is_none_or(|f| self.values.iter().all(|v| v != f)),
            Operator::Greater => compare(|a, b| a > b),
            Operator::Less => compare(|a, b| a < b),
        }
    }
}

fn requirements(text: Option<&Text>) -> Result<Vec<Requirement>, Fail> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    parse(text).map_err(|message| {
        Fail::new(
            text.span,
            format!("{} is not a label selector: {message}", &**text),
        )
    })
}

/// The words and signs of a selector.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return tokens;
        };
        let special = |c: char| matches!(c, '(' | ')' | ',' | '=' | '!' | '<' | '>');
        let length = if special(first) {
            ["==", "!="]
                .iter()
                .find(|s| rest.starts_with(**s))
                .map_or(1, |s| s.len())
        } else {
            rest.find(|c: char| special(c) || c.is_whitespace())
                .unwrap_or(rest.len())
        };
        let (token, tail) = rest.split_at(length);
        tokens.push(token);
        rest = tail;
    }
}

fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let tokens = tokens(text);
    let mut tokens = tokens.into_iter().peekable();
    let mut result = Vec::new();
    if tokens.peek().is_none() {
        return Ok(result);
    }
    let sign = |t: &str| matches!(t, "(" | ")" | "," | "=" | "==" | "!=" | "!" | "<" | ">");
    loop {
        let negated = tokens.next_if_eq(&"!").is_some();
        let key = tokens
            .next()
            .filter(|t| !sign(t))
            .ok_or("a key is missing")?
            .to_owned();
        if negated {
            result.push(Requirement {
                key,
                operator: Operator::Missing,
                values: Vec::new(),
            });
        } else {
            let operator = match tokens.peek().copied() {
                None | Some(",") => None,
                Some(_) => tokens.next(),
            };
            let (operator, values) = match operator {
                None => (Operator::Exists, Vec::new()),
                Some("=" | "==") => (Operator::In, vec![one(&mut tokens, sign)]),
                Some("!=") => (Operator::NotIn, vec![one(&mut tokens, sign)]),
                Some(">") => (Operator::Greater, vec![one(&mut tokens, sign)]),
                Some("<") => (Operator::Less, vec![one(&mut tokens, sign)]),
                Some("in") => (Operator::In, many(&mut tokens, sign)?),
                Some("notin") => (Operator::NotIn, many(&mut tokens, sign)?),
                Some(other) => return Err(format!("unexpected {other}")),
            };
            if matches!(operator, Operator::Greater | Operator::Less)
                && values.first().is_none_or(|v| v.parse::<i64>().is_err())
            {
                return Err("only numbers can be compared".to_owned());
            }
            result.push(Requirement {
                key,
                operator,
                values,
            });
        }
        match tokens.next() {
            None => return Ok(result),
            Some(",") if tokens.peek().is_some() => {}
            Some(other) => return Err(format!("unexpected {other}")),
        }
    }
}

type Tokens<'t> = std::iter::Peekable<std::vec::IntoIter<&'t str>>;

fn one(tokens: &mut Tokens<'_>, sign: impl Fn(&str) -> bool) -> String {
    tokens.next_if(|t| !sign(t)).unwrap_or_default().to_owned()
}

fn many(tokens: &mut Tokens<'_>, sign: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    tokens.next_if_eq(&"(").ok_or("expected (")?;
    let mut values = Vec::new();
    loop {
        values.push(one(tokens, &sign));
        match tokens.next() {
            Some(",") => {}
            Some(")") => return Ok(values),
            _ => return Err("expected )".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(selector: &str, labels: &[(&str, &str)]) -> bool {
        parse(selector).unwrap().iter().all(|requirement| {
            let found = labels
                .iter()
                .find(|(k, _)| *k == requirement.key)
                .map(|(_, v)| *v);
            requirement.holds(found)
        })
    }

    #[test]
    fn label_selectors() {
        let labels = [("app", "web"), ("tier", "3")];
        for yes in [
            "app=web",
            "app == web",
            "app",
            "!x",
            "app in (web, db)",
            "x notin (a)",
            "tier>2",
            "app!=db,tier<4",
            "x!=1",
            "",
        ] {
            assert!(holds(yes, &labels), "{yes}");
        }
        for no in [
            "app=db",
            "x",
            "!app",
            "app notin (web)",
            "tier>3",
            "app=web,x",
        ] {
            assert!(!holds(no, &labels), "{no}");
        }
        for bad in ["=", "app in", "app in (a", "a b", "a,", "a>b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
