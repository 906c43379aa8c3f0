//! `Chart.yaml` and `requirements.yaml`.

use crate::helm::value::convert::{format_float, map_of};
use crate::helm::value::object::{Field, Object, Struct};
use crate::helm::value::{Data, Map, MapKind, Value};
use seawall_model::Span;
use seawall_yaml::{Node, Value as Yaml};
use std::cell::Cell;
use std::rc::Rc;

/// What a chart says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) kube_version: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Where `Chart.yaml` stands.
    pub(crate) span: Option<Span>,
    home: String,
    sources: Vec<String>,
    description: String,
    keywords: Vec<String>,
    maintainers: Vec<[String; 3]>,
    icon: String,
    condition: String,
    tags: String,
    app_version: String,
    deprecated: bool,
    annotations: Vec<(String, String)>,
}

/// A chart that a chart needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) repository: String,
    pub(crate) condition: String,
    pub(crate) tags: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) imports: Vec<Import>,
    pub(crate) alias: String,
    /// What Helm has already done to it. A chart that is taken twice, under two names, shares
    /// its own dependencies between both: Helm renames and imports only the first time.
    pub(crate) done: Rc<Done>,
    /// Where it is asked for.
    pub(crate) span: Option<Span>,
}

/// What was done to a dependency.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) renamed: Cell<bool>,
    pub(crate) imported: Cell<bool>,
}

/// An entry of `import-values`.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) child: String,
    pub(crate) parent: String,
}

/// Fields of the wrong type, each with its place: Helm refuses such a chart.
pub(crate) type Complaints = Vec<(Span, String)>;

/// A scalar where Go wants a string: `sigs.k8s.io/yaml` writes numbers and truths as text.
pub(crate) fn scalar_text(node: &Node) -> Option<String> {
    Some(match &node.value {
        Yaml::String(text) => text.to_string(),
        Yaml::Null => String::new(),
        Yaml::Bool(truth) => truth.to_string(),
        Yaml::Int(number) => number.to_string(),
        Yaml::UInt(number) => number.to_string(),
        Yaml::Float(number) => format_float(*number, 'g', None),
        Yaml::Seq(_) | Yaml::Map(_) => return None,
    })
}

fn text(node: &Node, key: &str, complaints: &mut Complaints) -> String {
    let Some(value) = node.get(key) else {
        return String::new();
    };
    if let Some(text) = scalar_text(value) {
        return clean(&text);
    }
    let kind = value.type_name();
    complaints.push((value.span, format!("`{key}` is a {kind}, not a string")));
    String::new()
}

fn texts(node: &Node, key: &str, complaints: &mut Complaints) -> Vec<String> {
    let Some(value) = node.get(key).filter(|value| !value.is_null()) else {
        return Vec::new();
    };
    let Some(items) = value.as_seq() else {
        complaints.push((
            value.span,
            format!("`{key}` is a {}, not a list", value.type_name()),
        ));
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in items {
        if let Some(text) = scalar_text(item) {
            out.push(clean(&text));
            continue;
        }
        let why = format!("an item of `{key}` is a {}, not a string", item.type_name());
        complaints.push((item.span, why));
    }
    out
}

/// Helm turns every kind of space into a blank and drops what cannot be printed.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

impl Metadata {
    /// Reads `Chart.yaml`.
    pub(crate) fn parse(node: &Node, complaints: &mut Complaints) -> Self {
        let mut get = |key| text(node, key, complaints);
        let mut meta = Self {
            name: get("name"),
            version: get("version"),
            api_version: get("apiVersion"),
            kind: get("type"),
            kube_version: get("kubeVersion"),
            home: get("home"),
            description: get("description"),
            icon: get("icon"),
            condition: get("condition"),
            tags: get("tags"),
            app_version: get("appVersion"),
            span: Some(node.span).filter(Span::is_known),
            ..Self::default()
        };
        meta.sources = texts(node, "sources", complaints);
        meta.keywords = texts(node, "keywords", complaints);
        meta.deprecated = node
            .get("deprecated")
            .and_then(Node::as_bool)
            .unwrap_or(false);
        for item in node
            .get("maintainers")
            .and_then(Node::as_seq)
            .unwrap_or(&[])
        {
            let mut get = |key| text(item, key, complaints);
            meta.maintainers
                .push([get("name"), get("email"), get("url")]);
        }
        if let Some(map) = node.get("annotations").and_then(Node::as_map) {
            for entry in map {
                let Some(value) = scalar_text(&entry.value) else {
                    let why = format!("the annotation `{}` is not a string", entry.key);
                    complaints.push((entry.value.span, why));
                    continue;
                };
                meta.annotations.push((entry.key.to_string(), value));
            }
        }
        if meta.api_version.is_empty() {
            "v1".clone_into(&mut meta.api_version);
        }
        meta.add_dependencies(node, complaints);
        meta
    }

    /// Reads the `dependencies` of `Chart.yaml` or `requirements.yaml`.
    pub(crate) fn add_dependencies(&mut self, node: &Node, complaints: &mut Complaints) {
        let Some(items) = node.get("dependencies").and_then(Node::as_seq) else {
            return;
        };
        self.dependencies = items
            .iter()
            .map(|item| Dependency::parse(item, complaints))
            .collect();
    }

    /// What Helm refuses a chart for.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no `name` in Chart.yaml".to_owned());
        }
        if self.name == "." || self.name == ".." || self.name.contains('/') {
            return Err(format!("its `name` {:?} is a path", self.name));
        }
        if self.version.is_empty() {
            return Err("it has no `version` in Chart.yaml".to_owned());
        }
        if crate::helm::semver::Version::parse(&self.version).is_err() {
            return Err(format!(
                "its `version` {:?} is no semantic version",
                self.version
            ));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return Err("its `type` is neither application nor library".to_owned());
        }
        let mut names: Vec<&str> = Vec::new();
        for dependency in &self.dependencies {
            let name = dependency.instance();
            if names.contains(&name) {
                return Err(format!("two of its dependencies are called {name:?}"));
            }
            names.push(name);
        }
        Ok(())
    }

    pub(crate) fn is_library(&self) -> bool {
        self.kind.eq_ignore_ascii_case("library")
    }

    /// `.Chart`.
    pub(crate) fn value(&self, is_root: bool) -> Value {
        let text = |text: &String| Value::text(text.as_str());
        let list = |items: &[String]| Value::texts(items.iter().map(|item| item.as_str().into()));
        let field = |name, json, value| Field {
            name,
            json,
            omit_empty: true,
            value,
        };
        let maintainers = self.maintainers.iter().map(|[name, email, url]| {
            Value::object(Object::Struct(Struct {
                type_name: "*chart.Maintainer",
                fields: vec![
                    field("Name", "name", text(name)),
                    field("Email", "email", text(email)),
                    field("URL", "url", text(url)),
                ],
                methods: &[],
                pointer: true,
            }))
        });
        let annotations = self
            .annotations
            .iter()
            .map(|(key, value)| (Rc::from(key.as_str()), Value::text(value.as_str())));
        let dependencies = self.dependencies.iter().map(Dependency::value);
        Value::object(Object::Struct(Struct {
            type_name: "struct { chart.Metadata; IsRoot bool }",
            fields: vec![
                field("Name", "name", text(&self.name)),
                field("Home", "home", text(&self.home)),
                field("Sources", "sources", list(&self.sources)),
                field("Version", "version", text(&self.version)),
                field("Description", "description", text(&self.description)),
                field("Keywords", "keywords", list(&self.keywords)),
                field(
                    "Maintainers",
                    "maintainers",
                    Value::list(maintainers.collect()),
                ),
                field("Icon", "icon", text(&self.icon)),
                field("APIVersion", "apiVersion", text(&self.api_version)),
                field("Condition", "condition", text(&self.condition)),
                field("Tags", "tags", text(&self.tags)),
                field("AppVersion", "appVersion", text(&self.app_version)),
                field("Deprecated", "deprecated", Value::bool(self.deprecated)),
                field(
                    "Annotations",
                    "annotations",
                    Value::map(Map::from_entries(annotations.collect(), MapKind::Text)),
                ),
                field("KubeVersion", "kubeVersion", text(&self.kube_version)),
                field(
                    "Dependencies",
                    "dependencies",
                    Value::list(dependencies.collect()),
                ),
                field("Type", "type", text(&self.kind)),
                Field {
                    omit_empty: false,
                    ..field("IsRoot", "", Value::bool(is_root))
                },
            ],
            methods: &[],
            pointer: false,
        }))
    }
}

impl Dependency {
    fn parse(node: &Node, complaints: &mut Complaints) -> Self {
        let mut get = |key| text(node, key, complaints);
        let mut dependency = Self {
            name: get("name"),
            version: get("version"),
            repository: get("repository"),
            condition: get("condition"),
            alias: get("alias"),
            span: Some(node.span).filter(Span::is_known),
            ..Self::default()
        };
        dependency.tags = texts(node, "tags", complaints);
        dependency.enabled = node.get("enabled").and_then(Node::as_bool).unwrap_or(false);
        for item in node
            .get("import-values")
            .and_then(Node::as_seq)
            .unwrap_or(&[])
        {
            if let Some(name) = item.as_str() {
                let (child, parent) = (format!("exports.{name}"), ".".to_owned());
                dependency.imports.push(Import { child, parent });
            } else if let Some(map) = item.as_map() {
                let get = |key| {
                    map.get(key)
                        .and_then(Node::as_str)
                        .unwrap_or("<nil>")
                        .to_owned()
                };
                dependency.imports.push(Import {
                    child: get("child"),
                    parent: get("parent"),
                });
            }
        }
        dependency
    }

    /// The name that the chart goes by here.
    pub(crate) fn instance(&self) -> &str {
        if self.alias.is_empty() {
            &self.name
        } else {
            &self.alias
        }
    }

    fn value(&self) -> Value {
        let field = |name, json, omit_empty, value| Field {
            name,
            json,
            omit_empty,
            value,
        };
        let text = |text: &String| Value::text(text.as_str());
        let tags = Value::texts(self.tags.iter().map(|tag| tag.as_str().into()));
        let imports = self.imports.iter().map(|import| {
            map_of([
                (Rc::from("child"), text(&import.child)),
                (Rc::from("parent"), text(&import.parent)),
            ])
        });
        let imports = Value {
            data: Value::list(imports.collect()).data,
            cause: 0,
        };
        Data::Object(Rc::new(Object::Struct(Struct {
            type_name: "*chart.Dependency",
            fields: vec![
                field("Name", "name", false, text(&self.name)),
                field("Version", "version", true, text(&self.version)),
                field("Repository", "repository", false, text(&self.repository)),
                field("Condition", "condition", true, text(&self.condition)),
                field("Tags", "tags", true, tags),
                field("Enabled", "enabled", true, Value::bool(self.enabled)),
                field("ImportValues", "import-values", true, imports),
                field("Alias", "alias", true, text(&self.alias)),
            ],
            methods: &[],
            pointer: true,
        })))
        .into()
    }
}
