//! What is known of the resources of Kubernetes itself: which are in no namespace, and what
//! people call them.

use seawall_model::Str;
use std::sync::LazyLock;

/// A resource of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Plural name.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Short names, with commas between.
    pub short: &'static str,
    /// API group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

/// The resources that API servers serve, in the order in which they list them.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let lines = include_str!("../data/resources.txt").lines();
    lines.filter_map(read).collect()
});

/// Reads a line of the table.
fn read(line: &'static str) -> Option<Known> {
    let mut words = line.split(' ');
    let group = words.next().filter(|group| *group != "#")?;
    Some(Known {
        group: if group == "-" { "" } else { group },
        plural: words.next()?,
        singular: words.next()?,
        kind: words.next()?,
        is_namespaced: words.next()? == "n",
        short: words.next().unwrap_or_default(),
    })
}

impl Known {
    /// Whether people call it that.
    fn is_called(&self, name: &str) -> bool {
        self.plural == name
            || self.singular == name
            || (!name.is_empty() && self.short.split(',').any(|short| short == name))
    }
}

/// The resource that a word means: `pods`, `pod`, `po`, `deployments.apps`. Of two with one
/// name the one that the API server lists first, as kubectl has it.
pub fn find(word: &str) -> Option<Known> {
    let (name, group) = match word.split_once('.') {
        Some((name, group)) => (name, Some(group)),
        None => (word, None),
    };
    let name = name.to_ascii_lowercase();
    let is_meant =
        |one: &&Known| one.is_called(&name) && group.is_none_or(|group| group == one.group);
    KNOWN.iter().find(is_meant).copied()
}

/// Whether an API group is one of Kubernetes itself.
pub(crate) fn is_group(group: &str) -> bool {
    KNOWN.iter().any(|one| one.group == group)
}

/// The plural names of all, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|one| one.plural)
}

/// The resource of a plural name in a group.
pub fn known_as(group: &str, plural: &str) -> Option<Known> {
    let is_it = |one: &&Known| one.plural == plural && one.group == group;
    KNOWN.iter().find(is_it).copied()
}

/// Whether a request with this verb can have a name: what is made has none yet, and a
/// collection has none at all. What is made below an object has the object's.
pub fn has_name(verb: &str, subresource: &str) -> bool {
    match verb {
        "create" => !subresource.is_empty(),
        "deletecollection" => false,
        _ => true,
    }
}

/// What a right that is given in a namespace reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InNamespace {
    /// All that it names.
    Everything,
    /// The one object of this name.
    Only(Str),
    /// Nothing: such objects are in no namespace.
    Nothing,
}

/// What an action reaches that is allowed in a namespace, or everywhere.
pub(crate) fn in_namespace(
    verb: &str,
    group: &str,
    resource: &str,
    subresource: &str,
    namespace: Option<&Str>,
) -> InNamespace {
    let Some(namespace) = namespace else {
        return InNamespace::Everything;
    };
    // The Namespace object counts as being in itself, when a request is about it alone.
    if group.is_empty() && resource == "namespaces" {
        return match verb {
            "create" | "list" | "watch" | "deletecollection" if subresource.is_empty() => {
                InNamespace::Nothing
            }
            _ => InNamespace::Only(namespace.clone()),
        };
    }
    // A RoleBinding may refer to a ClusterRole: whether it may is asked in its namespace.
    if verb == "bind" {
        return InNamespace::Everything;
    }
    match known_as(group, resource) {
        Some(known) if !known.is_namespaced => InNamespace::Nothing,
        _ => InNamespace::Everything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_of_a_namespace_reach_what_is_asked_about_there() {
        let namespace = Str::from("shop");
        let reach =
            |verb, group, resource| in_namespace(verb, group, resource, "", Some(&namespace));
        let rbac = "rbac.authorization.k8s.io";
        assert_eq!(reach("get", "", "pods"), InNamespace::Everything);
        assert_eq!(reach("get", rbac, "clusterroles"), InNamespace::Nothing);
        // A RoleBinding refers to a ClusterRole: the question has the binding's namespace.
        assert_eq!(reach("bind", rbac, "clusterroles"), InNamespace::Everything);
        let own = InNamespace::Only(namespace.clone());
        assert_eq!(reach("patch", "", "namespaces"), own);
        assert_eq!(reach("list", "", "namespaces"), InNamespace::Nothing);
    }
}
