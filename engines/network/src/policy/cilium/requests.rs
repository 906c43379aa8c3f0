//! What rules of Cilium ask of requests. Its proxy matches `method`, `path` and `host` as regular
//! expressions, whole, and the path together with the query.

use super::super::read::{At, Read};
use crate::request::{Condition, Field, Pattern, Test};

/// What must hold of requests; `None` where nothing must.
pub(super) fn condition(item: &At<'_>) -> Read<Option<Condition>> {
    let mut parts: Vec<Condition> = Vec::new();
    if let Some(rules) = item.map("rules")? {
        let http = rules.maps("http")?;
        let each: Vec<Condition> = http.iter().map(self::http).collect::<Read<_>>()?;
        parts.extend((!each.is_empty()).then(|| Condition::any(each)));
        let dns = rules.maps("dns")?;
        let names = dns
            .iter()
            .filter_map(|at| at.text("matchName").ok()?.or(at.text("matchPattern").ok()?));
        parts.extend((!dns.is_empty()).then(|| Condition::named("DNS name", names)));
        let others = ["kafka", "l7"]
            .into_iter()
            .filter(|key| rules.get(key).is_some());
        parts.extend(others.map(|key| Condition::unknown(format!("rule for {key} that fits"))));
    }
    let names = item.texts("serverNames")?;
    let names = names.iter().filter_map(|at| at.node.as_str());
    let patterns: Vec<Pattern> = names.map(Pattern::read).collect();
    let field = Field::ServerName;
    let is_named = !patterns.is_empty();
    parts.extend(is_named.then_some(Condition::Is(Test { field, patterns })));
    Ok((!parts.is_empty()).then(|| Condition::all(parts)))
}

fn http(rule: &At<'_>) -> Read<Condition> {
    let mut parts = Vec::new();
    let text = |key: &str| Ok(rule.text(key)?.filter(|text| !text.is_empty()));
    parts.extend(text("method")?.map(|text| whole(Field::Method, text)));
    parts.extend(text("path")?.map(path));
    let host = text("host")?.map(str::to_lowercase);
    parts.extend(host.map(|text| whole(Field::Host, &text)));
    let headers = rule.list("headers")?.unwrap_or_default();
    let matches = rule.list("headerMatches")?.unwrap_or_default();
    if !headers.is_empty() || !matches.is_empty() {
        parts.push(Condition::unknown("set of headers that fits"));
    }
    if parts.is_empty() {
        // Any request, but nothing that is none.
        let fields = [Field::Method, Field::Path].into_iter();
        parts.push(Condition::any(
            fields.map(|field| Condition::is(field, Pattern::any())),
        ));
    }
    Ok(Condition::all(parts))
}

/// A field that an expression matches as a whole.
fn whole(field: Field, text: &str) -> Condition {
    match Pattern::read_regex(text) {
        Some(patterns) => Condition::Is(Test { field, patterns }),
        None => Condition::unknown(format!("{field} ~ {text}")),
    }
}

/// A path that an expression matches, or that one matches with some query behind it.
fn path(text: &str) -> Condition {
    let Some(patterns) = Pattern::read_regex(text) else {
        return Condition::unknown(format!("path ~ {text}"));
    };
    let mut with_query: Vec<Condition> = Vec::new();
    for pattern in &patterns {
        let unknown = || Condition::unknown(format!("query that makes the path fit {pattern}"));
        with_query.extend(match pattern {
            Pattern::Exact(text) => text.split_once('?').map(|(path, _)| {
                let path = Pattern::Exact(path.into());
                Condition::all([Condition::is(Field::Path, path), unknown()])
            }),
            Pattern::Affix { prefix, suffix } if prefix.contains('?') || !suffix.is_empty() => {
                let path = prefix.split('?').next().unwrap_or_default();
                let begins = Condition::is(Field::Path, Pattern::beginning(path));
                Some(Condition::all([begins, unknown()]))
            }
            Pattern::Regex(text) => Pattern::may_hold_a_query(text).then(unknown),
            _ => None,
        });
    }
    let field = Field::Path;
    let fits = Condition::Is(Test { field, patterns });
    Condition::any([fits].into_iter().chain(with_query))
}
