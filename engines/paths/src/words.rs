//! Steps and what they lead to, in plain words with their proof.

use crate::answers::Paths;
use crate::graph::{Because, Place, Step};
use crate::picture::Picture;
use crate::spot::{Able, Effect, NameId, NodeId, PlaceId, Scope, Spot};
use crate::techniques;
use seawall_model::{Evidence, Proof, Span, Str};

/// What an attacker has: `code in Deployment ci/runner`.
pub(crate) fn spot(picture: &Picture<'_>, spot: Spot) -> String {
    match spot {
        Spot::Internet => "a connection from the internet".to_owned(),
        Spot::Door(id) => format!("a connection to {}", workload(picture, id.index())),
        Spot::Workload(id) => format!("code in {}", workload(picture, id.index())),
        Spot::Identity(id) => picture
            .identities
            .get(id.0)
            .map_or_else(String::new, |identity| format!("acts as {identity}")),
        Spot::Permissions(set) => {
            let set = picture.sets.get(set as usize);
            set.map_or_else(String::new, |set| format!("what {} gives", set.role))
        }
        Spot::May(act, scope, name) => {
            let action = picture.action(act);
            let sub = if action.subresource.is_empty() {
                ""
            } else {
                "/"
            };
            let named = match picture.names.get(name.0) {
                Some(name) if !name.is_empty() => format!(" `{name}`"),
                _ => String::new(),
            };
            format!(
                "{} {}{sub}{}{named}{}",
                action.verb,
                action.resource,
                action.subresource,
                within(picture, scope)
            )
        }
        Spot::Able(able, scope) => format!("{}{}", able_words(able), within(picture, scope)),
        Spot::Pods(scope) => format!("code in any pod{}", within(picture, scope)),
        Spot::Accounts(scope) => format!("acts as any service account{}", within(picture, scope)),
        Spot::Secrets(scope) => format!("every Secret{}", within(picture, scope)),
        Spot::Secret(id) => {
            let secret = picture.secrets.get(id.0);
            let namespace = secret.and_then(|(namespace, _)| picture.namespaces.get(namespace.0));
            let name = secret.map_or("", |(_, name)| name);
            format!("Secret {}/{name}", namespace.map_or("", |name| name))
        }
        Spot::Node(id) => format!("root on {}", node(picture, id)),
        Spot::Nodes => "root on any node".to_owned(),
        Spot::Files(id) => format!("reads the files of {}", node(picture, id)),
        Spot::Volumes(id) => format!("reads what the pods of {} are given", node(picture, id)),
        Spot::PodsOf(id) => format!("code in any pod of {}", node(picture, id)),
        Spot::Inside(port) => format!("a connection to port {port} of the nodes"),
        Spot::Admin(Scope::All) => "cluster-admin".to_owned(),
        Spot::Admin(scope) => format!("every right{}", within(picture, scope)),
        Spot::Beyond(id) => {
            let name = picture.beyond.get(id.0);
            name.map_or_else(String::new, ToString::to_string)
        }
        Spot::Effect(effect, scope) => {
            format!("{}{}", effect_words(effect), within(picture, scope))
        }
    }
}

fn node(picture: &Picture<'_>, id: NodeId) -> String {
    match picture.nodes.get(id.0) {
        Some(name) if !name.is_empty() => format!("node {name}"),
        _ => "a node".to_owned(),
    }
}

fn workload(picture: &Picture<'_>, index: usize) -> String {
    let workload = picture.workloads.get(index);
    workload.map_or_else(String::new, |workload| workload.owner.to_string())
}

/// ` of namespace shop`, or ` of the cluster`.
fn within(picture: &Picture<'_>, scope: Scope) -> String {
    match scope {
        Scope::All => " of the cluster".to_owned(),
        Scope::In(id) => {
            let name = picture.namespaces.get(id.0);
            format!(" of namespace {}", name.map_or("", |name| name))
        }
    }
}

fn able_words(able: Able) -> &'static str {
    match able {
        Able::StartPods => "starts pods",
        Able::WriteSecrets => "writes Secrets",
        Able::ReadSecrets => "reads Secrets",
        Able::WriteBindings => "writes RoleBindings",
        Able::WriteClusterBindings => "writes ClusterRoleBindings",
        Able::BindAdmin => "may bind powerful roles",
        Able::BindClusterAdmin => "may bind cluster-admin",
        Able::WriteRoles => "writes Roles",
        Able::EscalateRoles => "may escalate Roles",
        Able::WriteClusterRoles => "writes ClusterRoles",
        Able::EscalateClusterRoles => "may escalate ClusterRoles",
        Able::AskCertificate => "asks for certificates",
        Able::WriteApproval => "approves certificates",
        Able::ApproveClients => "may approve client certificates",
        Able::FetchCertificate => "fetches certificates",
        Able::BeUser => "impersonates users",
        Able::BeGroup => "impersonates groups",
        Able::LabelNamespace => "changes labels",
        Able::MakeNamespaces => "makes namespaces",
        Able::MakeVolumes => "makes persistent volumes",
        Able::EvictPods => "drives pods away",
        Able::MarkNodes => "marks nodes",
        Able::WriteMutations => "writes mutating policies",
        Able::BindMutations => "binds mutating policies",
        Able::MakeAccounts => "makes service accounts",
        Able::RemovePolicies => "removes admission policies",
        Able::RemoveWebhooks => "removes validating webhooks",
        Able::ChangeBindings => "changes RoleBindings",
        Able::ChangeRoles => "changes Roles",
        Able::BindRoles => "may bind Roles",
        Able::ApproveKubelets => "may approve kubelets' certificates",
        Able::WriteCertificate => "answers certificate requests",
        Able::Sign => "may sign certificates",
        Able::WritePodCertificate => "answers pods' certificate requests",
        Able::WriteTrust => "writes trust bundles",
        Able::Attest => "may vouch for trust bundles",
        Able::BeKubelet => "acts as any kubelet",
        Able::HaveNode => "root on some node",
        Able::ActAsUser => "impersonates users for all they do",
        Able::ActAsAccount => "impersonates service accounts for all they do",
        Able::RedirectServices => "redirects Services",
    }
}

fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Traffic => "traffic of others",
        Effect::Persistence => "a way to stay",
        Effect::Evasion => "a way past guards and records",
        Effect::Disruption => "the power to stop what runs",
        Effect::Memory => "memory that others share",
        Effect::Data => "data of others",
    }
}

/// How a step is made: the technique's title.
pub(crate) fn step(paths: &Paths<'_>, step: &Step) -> String {
    let title = step
        .technique
        .and_then(|id| techniques::catalogue().get(id as usize));
    let title = title.map_or_else(String::new, |rule| rule.title.to_string());
    let rights: Vec<String> = step
        .needs
        .iter()
        .filter(|need| matches!(need, Spot::May(..) | Spot::Able(..)))
        .map(|need| spot(&paths.picture, need))
        .collect();
    if rights.is_empty() {
        return title;
    }
    format!("{title} ({})", rights.join(", "))
}

/// What proves a step.
pub(crate) fn evidence(paths: &Paths<'_>, step: &Step) -> Vec<Evidence> {
    let picture = &paths.picture;
    match step.because {
        Because::Nature => Vec::new(),
        Because::Binding(number) => {
            let Some(bound) = picture.bindings.get(number as usize) else {
                return Vec::new();
            };
            let role = picture
                .sets
                .get(bound.set.0 as usize)
                .map(|set| set.role.to_string());
            let note = format!(
                "{} gives {} to {}",
                bound.binding,
                role.unwrap_or_default(),
                bound.subject
            );
            vec![source(note.into(), bound.span)]
        }
        Because::Rule(number) => {
            let Some((act, granted)) = picture.grants.get(number as usize) else {
                return Vec::new();
            };
            let right = spot(picture, Spot::May(*act, Scope::All, NameId::ANY));
            let right = right.trim_end_matches(" of the cluster");
            let note = format!("{} allows {right}", granted.role);
            let proof = match granted.span {
                Some(span) => Proof::Source(span),
                None => Proof::ApiDefault("a default role of Kubernetes"),
            };
            vec![Evidence {
                note: note.into(),
                proof,
            }]
        }
        Because::Place(place) => of_place(picture, place).into_iter().collect(),
        Because::Places(one, two) => {
            let both = [of_place(picture, one), of_place(picture, two)];
            both.into_iter().flatten().collect()
        }
        Because::Network(number) => {
            let Some((caller, to)) = picture.callers.get(number as usize) else {
                return Vec::new();
            };
            let Some(to) = picture.workloads.get(to.index()) else {
                return Vec::new();
            };
            let why = paths.facts.network.why(caller, to.owner).into_iter();
            why.map(|deciding| {
                let (object, span) = match deciding.at {
                    Some((object, span)) => (format!("{object}: "), span),
                    None => (String::new(), Span::NONE),
                };
                source(format!("{object}{}", deciding.said).into(), span)
            })
            .collect()
        }
    }
}

fn of_place(picture: &Picture<'_>, id: PlaceId) -> Option<Evidence> {
    let Place { note, span, .. } = picture.places.get(id.index())?;
    Some(source(note.clone(), *span))
}

fn source(note: Str, span: Span) -> Evidence {
    Evidence {
        note,
        proof: Proof::Source(span),
    }
}
