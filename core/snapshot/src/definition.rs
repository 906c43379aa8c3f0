//! What is kept of a CustomResourceDefinition: which resource it is, and whether writing one
//! starts pods.
//!
//! Schemas are large and no rule reads them whole. What matters is whether a custom resource
//! says which containers run and as whom: its controller then does it, with its own rights.

use seawall_model::{Span, Str};
use seawall_yaml::Node;

/// What a custom resource says of pods, as far as its schema tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embeds {
    /// Containers, with their images and settings.
    Pod,
    /// Something of any shape, under a name that pod templates have.
    MaybePod,
    /// The name of a service account.
    Account,
}

/// A kind of custom resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its API group.
    pub group: Str,
    /// Its plural name, as rules of roles have it.
    pub plural: Str,
    /// Its kind.
    pub kind: Str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
    /// What it says of pods, the strongest, and where in the schema.
    pub embeds: Option<(Embeds, Span)>,
}

impl Definition {
    /// Reads the tree of a definition.
    pub(crate) fn read(root: &Node) -> Self {
        let text = |path: &[&str]| Str::from(root.at(path).and_then(Node::as_str).unwrap_or(""));
        let versions = root.at(&["spec", "versions"]).and_then(Node::as_seq);
        let schemas = versions.unwrap_or_default().iter();
        let found = schemas
            .filter_map(|version| version.at(&["schema", "openAPIV3Schema", "properties", "spec"]))
            .filter_map(|schema| embeds("spec", schema));
        Self {
            group: text(&["spec", "group"]),
            plural: text(&["spec", "names", "plural"]),
            kind: text(&["spec", "names", "kind"]),
            is_namespaced: &*text(&["spec", "scope"]) != "Cluster",
            embeds: found.min_by_key(|(what, _)| strength(*what)),
        }
    }
}

/// The strongest comes first.
fn strength(embeds: Embeds) -> u8 {
    match embeds {
        Embeds::Pod => 0,
        Embeds::MaybePod => 1,
        Embeds::Account => 2,
    }
}

/// What a schema of this name, or one below it, says of pods. Trees are as deep as the reader
/// of YAML lets them be.
fn embeds(name: &str, schema: &Node) -> Option<(Embeds, Span)> {
    let own = of_its_own(name, schema);
    if matches!(own, Some((Embeds::Pod, _))) {
        return own;
    }
    let properties = schema.get("properties").and_then(Node::as_map);
    let named = properties.into_iter().flat_map(|map| map.iter());
    let below = named.filter_map(|entry| embeds(&entry.key, &entry.value));
    let nested = ["items", "additionalProperties"];
    let nested = nested.iter().filter_map(|key| schema.get(key));
    let all = below.chain(nested.filter_map(|schema| embeds(name, schema)));
    all.chain(own).min_by_key(|(what, _)| strength(*what))
}

fn of_its_own(name: &str, schema: &Node) -> Option<(Embeds, Span)> {
    let container = schema.at(&["properties", "containers", "items", "properties"]);
    if container.is_some_and(|one| one.get("image").is_some() && one.get("name").is_some()) {
        return Some((Embeds::Pod, schema.span));
    }
    let is_free = schema.get("x-kubernetes-preserve-unknown-fields");
    if is_free.and_then(Node::as_bool) == Some(true) && TEMPLATES.contains(&name) {
        return Some((Embeds::MaybePod, schema.span));
    }
    let is_text = schema.get("type").and_then(Node::as_str) == Some("string");
    (is_text && ACCOUNTS.contains(&name)).then_some((Embeds::Account, schema.span))
}

/// What fields with pod templates are called.
const TEMPLATES: [&str; 6] = [
    "template",
    "podTemplate",
    "podTemplateSpec",
    "podSpec",
    "jobTemplate",
    "workloadTemplate",
];

/// What fields with the name of a service account are called.
const ACCOUNTS: [&str; 2] = ["serviceAccountName", "serviceAccount"];

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::FileId;
    use seawall_yaml::{Limits, parse};

    fn embedded(schema: &str) -> Option<Embeds> {
        let text = format!(
            "{{spec: {{group: example.com, scope: Cluster, names: {{kind: Task, plural: tasks}}, \
             versions: [{{name: v1}}, {{name: v2, schema: {{openAPIV3Schema: \
             {{properties: {{spec: {schema}}}}}}}}}]}}}}"
        );
        let stream = parse(&text, FileId::UNKNOWN, &Limits::default());
        assert!(stream.problems.is_empty(), "{:?}", stream.problems);
        let definition = Definition::read(&stream.documents[0].root);
        assert_eq!(
            (&*definition.plural, definition.is_namespaced),
            ("tasks", false)
        );
        definition.embeds.map(|(embeds, _)| embeds)
    }

    #[test]
    fn schemas_tell_who_starts_pods() {
        let container = "{containers: {items: {properties: {name: {}, image: {}}}}}";
        let deep = format!("{{properties: {{jobs: {{items: {{properties: {container}}}}}}}}}");
        let free = "{type: object, x-kubernetes-preserve-unknown-fields: true}";
        for (schema, expected) in [
            (deep.as_str(), Some(Embeds::Pod)),
            (
                &format!("{{properties: {{template: {free}}}}}"),
                Some(Embeds::MaybePod),
            ),
            (&format!("{{properties: {{values: {free}}}}}"), None),
            (
                "{properties: {serviceAccountName: {type: string}}}",
                Some(Embeds::Account),
            ),
            (
                &format!(
                    "{{properties: {{serviceAccountName: {{type: string}}, run: {{properties: {container}}}}}}}"
                ),
                Some(Embeds::Pod),
            ),
            ("{properties: {containers: {type: integer}}}", None),
        ] {
            assert_eq!(embedded(schema), expected, "{schema}");
        }
    }
}
