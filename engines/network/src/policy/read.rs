//! Reading policies out of trees: every value with its JSON pointer, and a fault with its place
//! for what the API server would refuse.

use crate::reach::{Cidr, Ports, Protocol};
use seawall_model::{Span, Str};
use seawall_snapshot::LabelSelector;
use seawall_snapshot::selector::Operator;
use seawall_yaml::{Node, Value};

/// Why a policy is not applied.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) reason: String,
}

/// A result, or why there is none.
pub(crate) type Read<T> = Result<T, Fault>;

/// A value and where in its object it is.
#[derive(Debug, Clone)]
pub(crate) struct At<'n> {
    pub(crate) node: &'n Node,
    pub(crate) pointer: String,
}

impl<'n> At<'n> {
    pub(crate) fn root(node: &'n Node) -> Self {
        Self {
            node,
            pointer: String::new(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    pub(crate) fn fault<T>(&self, reason: impl Into<String>) -> Read<T> {
        Err(Fault {
            span: self.span(),
            reason: reason.into(),
        })
    }

    /// What is under a key; null is nothing.
    pub(crate) fn get(&self, key: &str) -> Option<At<'n>> {
        let node = self.node.get(key).filter(|node| !node.is_null())?;
        Some(At {
            node,
            pointer: format!("{}/{}", self.pointer, escape(key)),
        })
    }

    /// The same, which must be a mapping.
    pub(crate) fn map(&self, key: &str) -> Read<Option<At<'n>>> {
        let Some(at) = self.get(key) else {
            return Ok(None);
        };
        if at.node.as_map().is_none() {
            let found = at.node.type_name();
            return at.fault(format!("`{key}` must be a mapping, this is a {found}"));
        }
        Ok(Some(at))
    }

    /// The items under a key; nothing is no list.
    pub(crate) fn list(&self, key: &str) -> Read<Option<Vec<At<'n>>>> {
        let Some(at) = self.get(key) else {
            return Ok(None);
        };
        let Some(items) = at.node.as_seq() else {
            let found = at.node.type_name();
            return at.fault(format!("`{key}` must be a list, this is a {found}"));
        };
        let item = |(index, node): (usize, &'n Node)| At {
            node,
            pointer: format!("{}/{index}", at.pointer),
        };
        Ok(Some(items.iter().enumerate().map(item).collect()))
    }

    /// The mappings under a key; nothing is an empty list.
    pub(crate) fn maps(&self, key: &str) -> Read<Vec<At<'n>>> {
        let items = self.list(key)?.unwrap_or_default();
        for item in &items {
            // To the API server null is a mapping that sets nothing.
            if item.node.as_map().is_none() && !item.node.is_null() {
                let found = item.node.type_name();
                return item.fault(format!(
                    "an item of `{key}` must be a mapping, not a {found}"
                ));
            }
        }
        Ok(items)
    }

    pub(crate) fn text(&self, key: &str) -> Read<Option<&'n str>> {
        let Some(at) = self.get(key) else {
            return Ok(None);
        };
        match at.node.as_str() {
            Some(text) => Ok(Some(text)),
            None => at.fault(format!(
                "`{key}` must be a string, this is a {}",
                at.node.type_name()
            )),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Read<Vec<At<'n>>> {
        let items = self.list(key)?.unwrap_or_default();
        for item in &items {
            if item.node.as_str().is_none() {
                return item.fault(format!("an item of `{key}` must be a string"));
            }
        }
        Ok(items)
    }

    pub(crate) fn flag(&self, key: &str) -> Read<Option<bool>> {
        let Some(at) = self.get(key) else {
            return Ok(None);
        };
        match at.node.as_bool() {
            Some(truth) => Ok(Some(truth)),
            None => at.fault(format!("`{key}` must be true or false")),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Read<Option<i64>> {
        let Some(at) = self.get(key) else {
            return Ok(None);
        };
        match at.node.as_i64() {
            Some(number) => Ok(Some(number)),
            None => at.fault(format!("`{key}` must be a whole number")),
        }
    }

    /// A port number under a key.
    pub(crate) fn port(&self, key: &str) -> Read<Option<u16>> {
        let Some(number) = self.number(key)? else {
            return Ok(None);
        };
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => self.fault(format!("`{key}` {number} is no port (1 to 65535)")),
        }
    }

    /// A protocol under a key, TCP without one.
    pub(crate) fn protocol(&self) -> Read<Protocol> {
        let Some(name) = self.text("protocol")? else {
            return Ok(Protocol::Tcp);
        };
        let known = Protocol::ALL.into_iter().find(|p| p.name() == name);
        match known {
            Some(protocol) => Ok(protocol),
            None => self.fault(format!("protocol `{name}` is none of TCP, UDP and SCTP")),
        }
    }

    /// This value as a block of addresses.
    pub(crate) fn cidr(&self) -> Read<Cidr> {
        let text = self.node.as_str().unwrap_or_default();
        match Cidr::read(text) {
            Some(cidr) => Ok(cidr),
            None => self.fault(format!("`{text}` is no block of addresses (10.0.0.0/8)")),
        }
    }

    /// This value as a label selector, as strictly as the API server reads it.
    pub(crate) fn selector(&self) -> Read<LabelSelector> {
        let Some(map) = self.node.as_map() else {
            return self.fault(format!(
                "a selector must be a mapping, this is a {}",
                self.node.type_name()
            ));
        };
        for entry in map {
            if !matches!(&*entry.key, "matchLabels" | "matchExpressions") {
                return self.fault(format!(
                    "a selector has no field `{}`: it would be ignored",
                    entry.key
                ));
            }
        }
        if let Some(labels) = self.map("matchLabels")? {
            for entry in labels.node.as_map().into_iter().flatten() {
                if !matches!(entry.value.value, Value::String(_)) {
                    return labels.fault(format!("the label `{}` must be a string", entry.key));
                }
            }
        }
        for expression in self.maps("matchExpressions")? {
            expression.text("key")?;
            expression.texts("values")?;
        }
        let Some(selector) = LabelSelector::read(self.node) else {
            return self.fault("the selector has an expression without key or known operator");
        };
        for requirement in &selector.requirements {
            if let Operator::In(values) | Operator::NotIn(values) = &requirement.operator
                && values.is_empty()
            {
                return self.fault(format!(
                    "the expression on `{}` lists no values",
                    requirement.key
                ));
            }
        }
        Ok(selector)
    }
}

fn escape(key: &str) -> std::borrow::Cow<'_, str> {
    seawall_snapshot::extract::escape(key)
}

/// Ports as a rule names them: numbers, and names that each pod resolves for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PortSpec {
    pub(crate) numbers: Ports,
    /// A name, and the protocol that it is for when the rule says so.
    pub(crate) names: Vec<(Option<Protocol>, Str)>,
}

impl PortSpec {
    pub(crate) fn all() -> Self {
        Self {
            numbers: Ports::all(),
            names: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, ports: &Ports) {
        self.numbers = self.numbers.or(ports);
    }
}

/// Whether a text may be the name of a port (RFC 6335, as the API server has it).
pub(crate) fn is_port_name(text: &str) -> bool {
    let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=15).contains(&text.len())
        && text.bytes().all(known)
        && text.bytes().any(|c| c.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}
