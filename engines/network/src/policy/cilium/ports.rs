//! `toPorts` of Cilium: ports, and what must hold of the requests on them.
//!
//! Methods and paths are expressions that match as a whole, and the path is matched with its
//! query. Those that say no more than a text, a beginning or a text with any query are understood;
//! of others nothing is known but their words.

use super::super::read::{At, PortSpec, Read, is_port_name};
use crate::policy::{Action, Asks};
use crate::reach::{Ports, Protocol};
use crate::request::{Condition, Field, Pattern};

/// Ports with what must hold of requests.
type Conditional = (PortSpec, Option<Asks>);

/// The ports of a rule; nothing when it does not speak of ports.
pub(super) fn read(rule: &At<'_>, action: Action) -> Read<Option<Vec<Conditional>>> {
    let items = rule.maps("toPorts")?;
    if items.is_empty() {
        return Ok(None);
    }
    let one = |item: &At<'_>| {
        let condition = match action {
            Action::Deny => None,
            _ => condition(item)?,
        };
        Ok((numbers(item)?, condition))
    };
    items.iter().map(one).collect::<Read<_>>().map(Some)
}

fn numbers(item: &At<'_>) -> Read<PortSpec> {
    let ports = item.maps("ports")?;
    if ports.is_empty() {
        return Ok(PortSpec::all());
    }
    let mut spec = PortSpec::default();
    for port in ports {
        let protocols = protocols(&port)?;
        let text = match port.get("port") {
            Some(at) => match (at.node.as_str(), at.node.as_i64()) {
                (Some(text), _) => text.to_owned(),
                // The schema wants text.
                _ => return at.fault("a port is written as a string"),
            },
            None => return port.fault("a port is missing"),
        };
        let name = text.to_ascii_lowercase();
        if is_port_name(&name) {
            for protocol in protocols {
                spec.names.push((Some(protocol), name.as_str().into()));
            }
            continue;
        }
        let Ok(first) = text.parse::<u16>() else {
            return port.fault(format!("`{text}` is no port"));
        };
        let last = port.number("endPort")?.unwrap_or(0);
        let Ok(last) = u16::try_from(last) else {
            return port.fault(format!("endPort {last} is no port"));
        };
        for protocol in protocols {
            // Port 0 is every port.
            spec.add(&match first {
                0 => Ports::every(protocol),
                _ => Ports::range(protocol, first, last.max(first)),
            });
        }
    }
    Ok(spec)
}

fn protocols(port: &At<'_>) -> Read<Vec<Protocol>> {
    let name = port.text("protocol")?.unwrap_or("ANY");
    if name.eq_ignore_ascii_case("ANY") || name.is_empty() {
        return Ok(Protocol::ALL.to_vec());
    }
    if let Some(protocol) = Protocol::named(name) {
        return Ok(vec![protocol]);
    }
    // Protocols without ports are outside of what is computed here.
    if ["ICMP", "ICMPV6", "VRRP", "IGMP"].contains(&name.to_ascii_uppercase().as_str()) {
        return Ok(Vec::new());
    }
    port.fault(format!("`{name}` is no protocol"))
}

/// What requests have to be like.
fn condition(item: &At<'_>) -> Read<Option<Asks>> {
    let mut parts: Vec<String> = Vec::new();
    let mut asked: Vec<Condition> = Vec::new();
    if let Some(rules) = item.map("rules")? {
        let http = rules.maps("http")?;
        let words: Vec<String> = http.iter().map(http_words).collect::<Read<_>>()?;
        if !words.is_empty() {
            parts.push(words.join(" or "));
            let one_of: Vec<Condition> = http.iter().map(http_requests).collect::<Read<_>>()?;
            asked.push(Condition::any(one_of));
        }
        let told = parts.len();
        let dns = rules.maps("dns")?;
        let names: Vec<&str> = dns
            .iter()
            .filter_map(|at| at.text("matchName").ok()?.or(at.text("matchPattern").ok()?))
            .collect();
        parts.extend((!dns.is_empty()).then(|| format!("DNS names {}", names.join(", "))));
        let others = ["kafka", "l7"]
            .into_iter()
            .find(|key| rules.get(key).is_some());
        parts.extend(others.map(|key| format!("some {key} requests")));
        asked.extend(parts.iter().skip(told).map(|words| unknown(words)));
    }
    let names: Vec<&str> = item
        .texts("serverNames")?
        .iter()
        .filter_map(|at| at.node.as_str())
        .collect();
    if !names.is_empty() {
        let words = format!("TLS for {}", names.join(", "));
        asked.push(unknown(&words));
        parts.push(words);
    }
    Ok((!parts.is_empty()).then(|| Asks {
        words: parts.join("; ").into(),
        requests: Condition::all(asked),
    }))
}

/// Something that is known by its words alone.
fn unknown(words: &str) -> Condition {
    Asks::only(words.to_owned()).requests
}

/// The requests that one of the rules about HTTP is for.
fn http_requests(rule: &At<'_>) -> Read<Condition> {
    let mut parts = Vec::new();
    if let Some(text) = rule.text("method")?.filter(|text| !text.is_empty()) {
        parts.push(match plain(anchored(text)) {
            Some(method) => Condition::is(Field::Method, Pattern::Exact(method.into())),
            None => unknown(&format!("method ~ {text}")),
        });
    }
    if let Some(text) = rule.text("path")?.filter(|text| !text.is_empty()) {
        parts.push(path(text));
    }
    if let Some(host) = rule.text("host")?.filter(|text| !text.is_empty()) {
        parts.push(unknown(&format!("host ~ {host}")));
    }
    for key in ["headers", "headerMatches"] {
        let items = rule.list(key)?.unwrap_or_default();
        parts.extend((!items.is_empty()).then(|| unknown(&format!("certain {key}"))));
    }
    Ok(Condition::all(parts))
}

/// What an expression for a path with its query says of the path alone.
fn path(text: &str) -> Condition {
    let is = |pattern| Condition::is(Field::Path, pattern);
    let known = anchored(text);
    if let Some(path) = known.strip_suffix(ANY_QUERY).and_then(plain) {
        return is(Pattern::Exact(path.into()));
    }
    let beginning = known.strip_suffix(".*").and_then(plain);
    if let Some(prefix) = beginning.filter(|prefix| !prefix.contains('?')) {
        let suffix = "".into();
        let prefix = prefix.into();
        return is(Pattern::Affix { prefix, suffix });
    }
    match plain(known).filter(|path| !path.contains('?')) {
        Some(path) => {
            let path = is(Pattern::Exact(path.into()));
            Condition::all([path, unknown("no query")])
        }
        None => unknown(&format!("path ~ {text}")),
    }
}

/// The end of an expression that lets every query pass, and none.
const ANY_QUERY: &str = r"(\?.*)?";

/// An expression without the anchors that say nothing, as it matches as a whole.
fn anchored(text: &str) -> &str {
    let text = text.strip_prefix('^').unwrap_or(text);
    let inner = text.strip_suffix('$');
    inner.filter(|inner| !inner.ends_with('\\')).unwrap_or(text)
}

/// The only text that an expression matches, if it is such a one.
fn plain(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = expression.chars();
    while let Some(next) = chars.next() {
        text.push(match next {
            '\\' => chars.next().filter(char::is_ascii_punctuation)?,
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => {
                return None;
            }
            other => other,
        });
    }
    Some(text)
}

fn http_words(rule: &At<'_>) -> Read<String> {
    let mut words = vec!["HTTP".to_owned()];
    words.extend(rule.text("method")?.map(str::to_owned));
    words.extend(rule.text("path")?.map(str::to_owned));
    words.extend(rule.text("host")?.map(|host| format!("on {host}")));
    let headers = rule.list("headers")?.unwrap_or_default();
    let matches = rule.list("headerMatches")?.unwrap_or_default();
    if !headers.is_empty() || !matches.is_empty() {
        words.push("with certain headers".to_owned());
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expressions_say_of_paths() {
        let is = |text: &str| Condition::is(Field::Path, Pattern::read(text));
        let bare = |text: &str| Condition::all([is(text), unknown("no query")]);
        for (expression, said) in [
            (r"^/v1\.0/items\(new\)(\?.*)?$", is("/v1.0/items(new)")),
            ("/orders/.*", is("/orders/*")),
            ("/.*", is("/*")),
            ("/items", bare("/items")),
            ("/items$", bare("/items")),
        ] {
            assert_eq!(path(expression), said, "{expression}");
        }
        // More than a text: only its words are known.
        for expression in [
            "/a.c",
            "/a|/b",
            "/[0-9]+",
            r"/a\d",
            r"/a\?b=.*",
            "/a.*b",
            r"/a\.*",
        ] {
            let known = path(expression);
            let words = format!("path ~ {expression}");
            assert_eq!(known, unknown(&words), "{expression}");
        }
    }
}
