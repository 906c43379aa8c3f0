//! The picture from the outside: text in, workloads and look-ups out.

use seawall_model::{FileId, Gap, GapKind, ResourceRef, SourceFile, SourceKind, SourceMap};
use seawall_snapshot::{Builder, Change, Object, ScopeId, ScopeKind, Snapshot, object};
use std::sync::Arc;

fn objects(text: &str, scope: ScopeId, gaps: &mut Vec<Gap>) -> Vec<Object> {
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: "test.yaml".into(),
        kind: SourceKind::File,
    });
    assert_ne!(file, FileId::UNKNOWN);
    let stream = seawall_yaml::parse(text, file, &seawall_yaml::Limits::default());
    assert_eq!(stream.problems, []);
    stream
        .documents
        .into_iter()
        .flat_map(|document| object::flatten(document.root))
        .filter_map(|node| object::read(&node, scope, &map, gaps))
        .collect()
}

fn snapshot(text: &str) -> (Snapshot, Vec<Gap>) {
    let mut gaps = Vec::new();
    let mut builder = Builder::new();
    for object in objects(text, ScopeId::PLAIN, &mut gaps) {
        builder.add(object);
    }
    (builder.build(), gaps)
}

fn owners(snapshot: &Snapshot) -> Vec<(String, usize)> {
    snapshot
        .workloads()
        .iter()
        .map(|w| (w.owner.to_string(), w.members.len()))
        .collect()
}

const POD: &str = "spec: {containers: [{name: a, image: b}]}";
const TEMPLATE: &str = "spec: {template: {spec: {containers: [{name: a, image: b}]}}}";

fn owned(kind: &str, version: &str, name: &str, owner: (&str, &str, &str), spec: &str) -> String {
    let (owner_version, owner_kind, owner_name) = owner;
    format!(
        "---\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: ns\n  \
         ownerReferences: [{{apiVersion: {owner_version}, kind: {owner_kind}, name: {owner_name}, \
         controller: true}}]\n{spec}\n"
    )
}

#[test]
fn a_deployment_with_its_replica_set_and_pods_is_one_workload() {
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: ns}}\n{TEMPLATE}\n{}{}{}",
        owned(
            "ReplicaSet",
            "apps/v1",
            "web-1",
            ("apps/v1", "Deployment", "web"),
            TEMPLATE
        ),
        owned(
            "Pod",
            "v1",
            "web-1-a",
            ("apps/v1", "ReplicaSet", "web-1"),
            POD
        ),
        owned(
            "Pod",
            "v1",
            "web-1-b",
            ("apps/v1", "ReplicaSet", "web-1"),
            POD
        ),
    );
    let (snapshot, gaps) = snapshot(&text);
    assert_eq!(gaps, []);
    assert_eq!(owners(&snapshot), [("Deployment ns/web".to_owned(), 4)]);
    // The owner comes first: its template is the one to judge and to mend.
    let first = snapshot
        .templates(&snapshot.workloads()[0])
        .next()
        .unwrap()
        .0;
    assert_eq!(&*first.reference.kind, "Deployment");
}

#[test]
fn a_job_of_a_cron_job_belongs_to_it_and_cycles_end() {
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c1, namespace: ns}\nspec: \
                {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: b}]}}}}}\n";
    let text = format!(
        "{cron}{}{}{}",
        owned(
            "Job",
            "batch/v1",
            "c-1",
            ("batch/v1", "CronJob", "c1"),
            TEMPLATE
        ),
        owned(
            "ReplicaSet",
            "apps/v1",
            "x1",
            ("apps/v1", "ReplicaSet", "y1"),
            TEMPLATE
        ),
        owned(
            "ReplicaSet",
            "apps/v1",
            "y1",
            ("apps/v1", "ReplicaSet", "x1"),
            TEMPLATE
        ),
    );
    let (snapshot, _) = snapshot(&text);
    assert_eq!(owners(&snapshot)[0].0, "ReplicaSet ns/x1");
    assert!(owners(&snapshot).contains(&("CronJob ns/c1".to_owned(), 2)));
}

#[test]
fn a_custom_resource_that_embeds_pods_is_a_workload() {
    let (snapshot, gaps) = snapshot(
        "apiVersion: training.example/v1\nkind: TrainJob\nmetadata: {name: t}\nspec:\n  replicas:\n    \
         Master: {template: {spec: {containers: [{name: a, image: b}]}}}\n    \
         Worker: {template: {spec: {containers: [{name: a, image: b}]}}}\n",
    );
    assert_eq!(gaps, []);
    let pointers: Vec<&str> = snapshot
        .templates(&snapshot.workloads()[0])
        .map(|(_, t)| &*t.pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/spec/replicas/Master/template",
            "/spec/replicas/Worker/template"
        ]
    );
}

#[test]
fn wrong_types_and_missing_names_are_gaps_with_places() {
    let (snapshot, gaps) = snapshot(
        "apiVersion: v1\nkind: Pod\nmetadata: {}\nspec:\n  hostPID: \"yes\"\n  containers: []\n",
    );
    assert_eq!(snapshot.len(), 1);
    let places: Vec<(GapKind, u32)> = gaps.iter().map(|gap| (gap.kind, gap.span.line)).collect();
    assert_eq!(places, [(GapKind::Invalid, 1), (GapKind::Invalid, 5)]);
}

#[test]
fn renderings_do_not_see_each_other_but_see_plain_manifests() {
    let mut gaps = Vec::new();
    let mut builder = Builder::new();
    let a = builder.scope(ScopeKind::Overlay, "a");
    let b = builder.scope(ScopeKind::Overlay, "b");
    let namespace =
        |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    for (scope, name) in [(ScopeId::PLAIN, "plain"), (a, "only-a"), (b, "only-b")] {
        for object in objects(&namespace(name), scope, &mut gaps) {
            builder.add(object);
        }
    }
    let snapshot = builder.build();
    assert!(snapshot.namespace(a, "only-a").is_some());
    assert!(snapshot.namespace(a, "only-b").is_none());
    assert!(snapshot.namespace(b, "plain").is_some());
    assert!(snapshot.namespace(ScopeId::PLAIN, "only-a").is_none());
}

#[test]
fn a_patch_shares_what_did_not_change() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n---\napiVersion: v1\nkind: \
                Pod\nmetadata: {name: p, namespace: ns}\nspec: {containers: [{name: a, image: b}]}\n";
    let (before, _) = snapshot(text);
    let mut gaps = Vec::new();
    let changed = text.replace("image: b", "image: c");
    let pod = objects(&changed, ScopeId::PLAIN, &mut gaps).pop().unwrap();
    let name = pod.reference.clone();
    let after = before.clone().apply(vec![Change::Put(Box::new(pod))]);
    let image = |snapshot: &Snapshot| {
        let (_, pod) = snapshot.find(ScopeId::PLAIN, &name).unwrap();
        pod.templates()[0].containers[0]
            .image
            .as_ref()
            .unwrap()
            .value
            .to_string()
    };
    assert_eq!(
        (image(&before), image(&after)),
        ("b".to_owned(), "c".to_owned())
    );
    // The namespace is the same object in memory, not a copy.
    let namespace =
        |snapshot: &Snapshot| std::ptr::from_ref(snapshot.namespace(ScopeId::PLAIN, "ns").unwrap());
    assert_eq!(namespace(&before), namespace(&after));
    let gone = after
        .clone()
        .apply(vec![Change::Remove(ScopeId::PLAIN, name.clone())]);
    assert!(gone.find(ScopeId::PLAIN, &name).is_none());
    assert_eq!((before.len(), after.len(), gone.len()), (2, 2, 1));
    assert!(gone.workloads().is_empty());
}

#[test]
fn static_pods_are_workloads_of_their_own() {
    let text = owned("Pod", "v1", "kube-apiserver-a", ("v1", "Node", "a"), POD);
    let (snapshot, _) = snapshot(&text);
    assert_eq!(
        owners(&snapshot),
        [("Pod ns/kube-apiserver-a".to_owned(), 1)]
    );
    let _: ResourceRef = snapshot.workloads()[0].owner.clone();
    let _ = Arc::new(snapshot);
}

#[test]
fn an_object_whose_name_comes_from_elsewhere_is_shown_at_its_kind() {
    let map = SourceMap::new();
    let [template, helper] = ["template.yaml", "_helpers.tpl"].map(|path| {
        map.add_file(SourceFile {
            path: path.into(),
            kind: SourceKind::File,
        })
    });
    let text =
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n{TEMPLATE}");
    let stream = seawall_yaml::parse(&text, template, &seawall_yaml::Limits::default());
    let mut root = stream.documents.into_iter().next().unwrap().root;
    let line = |root: &seawall_yaml::Node| {
        let object = object::read(root, ScopeId::PLAIN, &map, &mut Vec::new()).unwrap();
        assert_eq!(object.name_span.file, template);
        object.name_span.line
    };
    assert_eq!(line(&root), 3);
    let metadata = root.as_map_mut().unwrap().get_mut("metadata").unwrap();
    let name = metadata.as_map_mut().unwrap().get_mut("name").unwrap();
    name.span.file = helper;
    assert_eq!(line(&root), 2);
}

#[test]
fn a_custom_resource_whose_spec_is_a_pods_makes_pods() {
    let text = format!(
        "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\n\
         metadata: {{name: scorer, labels: {{app: operator}}}}\n{POD}"
    );
    let (snapshot, gaps) = snapshot(&text);
    assert_eq!(gaps, []);
    let workload = &snapshot.workloads()[0];
    let (_, template) = snapshot.templates(workload).next().unwrap();
    assert_eq!(&*template.pointer, "");
    // They are the resource's, not those of the pods.
    assert_eq!(template.labels, []);
}

#[test]
fn files_for_tools_need_no_name() {
    for group in ["controller-runtime.sigs.k8s.io", "install.istio.io"] {
        let text = format!("apiVersion: {group}/v1\nkind: Any\nmetadata: {{namespace: ns}}\n");
        let (_, gaps) = snapshot(&text);
        assert_eq!(gaps, []);
    }
}
