//! Where rendered values come from, and what hostile charts come to.

use super::{Options, render};
use crate::Rendered;
use crate::memory::Memory;
use seawall_model::{SourceMap, Span};
use seawall_yaml::Node;
use std::borrow::Cow;

const CHART: &str = "apiVersion: v2\nname: top\nversion: 1.0.0\n";

fn chart(files: &[(&str, &str)]) -> Memory {
    let mut all = vec![("top/Chart.yaml".to_owned(), Cow::Borrowed(CHART.as_bytes()))];
    for (path, text) in files {
        let path = format!("top/{path}");
        all.retain(|(known, _)| *known != path);
        all.push((path, Cow::Owned(text.as_bytes().to_vec())));
    }
    Memory::new(all)
}

fn run(files: &[(&str, &str)], set: &[&str]) -> (Rendered, SourceMap) {
    let map = SourceMap::new();
    let set = set.iter().map(|text| (*text).to_owned()).collect();
    let options = Options {
        set,
        ..Options::default()
    };
    let rendered = render(&chart(files), "top", &options, &map);
    (rendered, map)
}

/// `path:line:column`, the key, where the key is written, and whether its value was printed.
fn shown(span: Span, map: &SourceMap) -> String {
    let place = map.display(span);
    match map.cause(span.cause) {
        None => place,
        Some(cause) => {
            let written = if cause.span.is_known() {
                map.display(cause.span)
            } else {
                "-".into()
            };
            let how = if cause.direct { "is" } else { "in" };
            format!("{place} {how} {} {written}", cause.key)
        }
    }
}

fn only(rendered: &Rendered) -> &Node {
    assert!(rendered.gaps.is_empty(), "{:?}", rendered.gaps);
    assert_eq!(rendered.objects.len(), 1);
    &rendered.objects[0]
}

const VALUES: &str = "\
image:
  repository: nginx
  tag: latest
hostNetwork: true
securityContext:
  runAsUser: 0
  capabilities:
    add: [SYS_ADMIN]
command: |
  line one
  {{ .Values.image.tag }}
ports:
  - name: web
    port: 80
";

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: {{ include \"name\" . }}
  labels:
    {{- include \"labels\" . | nindent 4 }}
spec:
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  containers:
    - name: main
      image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"
      imagePullPolicy: {{ .Values.image.pullPolicy | default \"Always\" | quote }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      command: [\"{{ tpl .Values.command . | trim | replace \"\\n\" \" \" }}\"]
      ports:
        {{- range .Values.ports }}
        - containerPort: {{ .port }}
          protocol: TCP
        {{- end }}
";

const HELPERS: &str = "\
{{- define \"name\" -}}
{{ .Release.Name }}-{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}
{{- define \"labels\" -}}
app: fixed
tag: {{ .Values.image.tag }}
{{- end }}
";

#[test]
fn every_value_knows_its_line_and_its_key() {
    let files = [
        ("values.yaml", VALUES),
        ("templates/pod.yaml", POD),
        ("templates/_h.tpl", HELPERS),
    ];
    let (rendered, map) = run(&files, &["image.tag=1.2"]);
    let pod = only(&rendered);
    let spec = pod.get("spec").unwrap();
    let container = &spec.get("containers").unwrap().as_seq().unwrap()[0];
    let context = container.get("securityContext").unwrap();
    let port = &container.get("ports").unwrap().as_seq().unwrap()[0];
    let at = |node: &Node| shown(node.span, &map);
    let t = "top/templates/pod.yaml";
    let h = "top/templates/_h.tpl";
    let v = "top/values.yaml";
    for (node, want) in [
        (pod.get("kind").unwrap(), format!("{t}:2:7")),
        (
            pod.at(&["metadata", "name"]).unwrap(),
            format!("{h}:2:1 is nameOverride -"),
        ),
        (
            pod.at(&["metadata", "labels", "app"]).unwrap(),
            format!("{h}:5:6"),
        ),
        (
            pod.at(&["metadata", "labels", "tag"]).unwrap(),
            format!("{h}:6:6 is image.tag -"),
        ),
        (
            spec.get("hostNetwork").unwrap(),
            format!("{t}:9:16 in hostNetwork {v}:4:14"),
        ),
        (
            container.get("image").unwrap(),
            format!("{t}:13:14 is image.tag -"),
        ),
        (
            container.get("imagePullPolicy").unwrap(),
            format!("{t}:14:24 is image.pullPolicy -"),
        ),
        (context, format!("{t}:17:9 is securityContext {v}:5:1")),
        (
            context.get("runAsUser").unwrap(),
            format!("{t}:17:9 is securityContext.runAsUser {v}:6:14"),
        ),
        (
            context.at(&["capabilities", "add"]).unwrap(),
            format!("{t}:17:9 is securityContext.capabilities.add {v}:8:5"),
        ),
        (
            &context
                .at(&["capabilities", "add"])
                .unwrap()
                .as_seq()
                .unwrap()[0],
            format!("{t}:17:9 is securityContext.capabilities.add[0] {v}:8:11"),
        ),
        (
            &container.get("command").unwrap().as_seq().unwrap()[0],
            format!("{t}:19:17 is command {v}:9:10"),
        ),
        (
            port.get("containerPort").unwrap(),
            format!("{t}:22:26 is ports[0].port {v}:14:11"),
        ),
        (
            port.get("protocol").unwrap(),
            format!("{t}:23:21 in ports[0] {v}:13:5"),
        ),
    ] {
        assert_eq!(at(node), want, "{node:?}");
    }
}

#[test]
fn keys_of_subcharts_are_seen_from_the_top() {
    let files = [
        (
            "Chart.yaml",
            "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n- {name: sub, version: 1.x, alias: db}\n",
        ),
        ("values.yaml", "db:\n  user: root\nglobal:\n  zone: a\n"),
        (
            "charts/sub/Chart.yaml",
            "apiVersion: v2\nname: sub\nversion: 1.2.3\n",
        ),
        ("charts/sub/values.yaml", "user: nobody\nport: 1\n"),
        (
            "charts/sub/templates/x.yaml",
            "kind: X\nuser: {{ .Values.user }}\nport: {{ .Values.port }}\nzone: {{ .Values.global.zone }}\n",
        ),
    ];
    let (rendered, map) = run(&files, &[]);
    let object = only(&rendered);
    let at = |key: &str| shown(object.get(key).unwrap().span, &map);
    let t = "top/charts/sub/templates/x.yaml";
    assert_eq!(
        at("user"),
        format!("{t}:2:7 is db.user top/values.yaml:2:9")
    );
    assert_eq!(
        at("port"),
        format!("{t}:3:7 is db.port top/charts/sub/values.yaml:2:7")
    );
    assert_eq!(
        at("zone"),
        format!("{t}:4:7 is global.zone top/values.yaml:4:9")
    );
}

#[test]
fn one_failing_template_leaves_the_others() {
    let files = [
        ("templates/bad.yaml", "kind: Bad\nx: {{ fail \"no\" }}\n"),
        ("templates/broken.yaml", "kind: {{ if }}\n"),
        ("templates/text.yaml", "a: b: c\n"),
        ("templates/good.yaml", "kind: Good\n"),
    ];
    let (rendered, map) = run(&files, &[]);
    assert_eq!(rendered.objects.len(), 1);
    let gaps: Vec<String> = rendered
        .gaps
        .iter()
        .map(|gap| format!("{} {}", map.display(gap.span), gap.units))
        .collect();
    assert_eq!(
        gaps,
        [
            "top/templates/broken.yaml:1:13 1",
            "top/templates/bad.yaml:2:7 1",
            "top/templates/text.yaml:1:5 1",
        ]
    );
}

#[test]
fn hostile_templates_end_in_a_located_gap() {
    let deep = "{{ if 1 }}".repeat(5000);
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    let elses = format!(
        "{{{{ if 0 }}}}{}{{{{ end }}}}",
        "{{ else if 0 }}".repeat(5000)
    );
    let many = format!("{{{{ print {} }}}}", "1 ".repeat(1_000_000));
    let wide = format!(
        "{{{{ define \"a\" }}}}{{{{ template \"a\" . }}}}{}{{{{ end }}}}{{{{ template \"a\" . }}}}",
        "{{$x:=1}}".repeat(100_000)
    );
    let texts = [
        "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ tpl \"{{ include \\\"a\\\" . }}\" . }}{{ end }}{{ include \"a\" . }}",
        "{{ define \"a\" }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ include \"a\" . }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        "{{ range until 1000000000 }}x{{ end }}",
        "{{ range 9000000000000000000 }}x{{ end }}",
        "{{ untilStep 0 9000000000000000000 1 }}",
        "{{ seq 1 9000000000000000000 }}",
        "{{ repeat 1000000000 \"xxxxxxxxxx\" }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ $x := \"xxxxxxxxxx\" }}{{ range until 1000 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range until 1000 }}{{ $x = concat $x $x }}{{ end }}",
        "{{ $x := list }}{{ range until 400000 }}{{ $x = list $x }}{{ end }}{{ toYaml $x | fail }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ toJson $d | len | print | fail }}{{ fail (print $d | trunc 9) }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepCopy $d | toYaml | trunc 1 | fail }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ merge $d (deepCopy $d) | toString | trunc 5 | fail }}",
        "{{ mustRegexMatch \"((a{1000}){1000}){1000}\" \"a\" }}",
        "{{ replace \"\" (repeat 10000000 \"x\") (repeat 10000000 \"y\") }}",
        "{{ wrapWith 1 (repeat 10000000 \"x\") (repeat 10000000 \"y\") }}",
        "{{ join (repeat 10000000 \"x\") (until 100000) }}",
        "{{ printf \"%1000000d%1000000d\" 1 2 | repeat 100 }}",
        "{{ fromYaml (repeat 100000 \"[\") | toYaml | fail }}",
        "{{ fromJson (repeat 100000 \"[\") | toYaml | fail }}",
        "{{ regexReplaceAll \"x\" (repeat 1000000 \"x\") (repeat 1000000 \"y\") }}",
        &deep,
        &parens,
        &elses,
        "{{ .Values.a.b.c.d }}",
        "{{",
        "{{ \"\\x\" }}",
        "{{ range $a, $b, $c := . }}",
        "{{/* ",
        "{{ div -9223372036854775807 0 }}",
        &many,
        &wide,
    ];
    for text in texts {
        let body = format!("kind: X\nx: |\n  {text}\n");
        let (rendered, _) = run(&[("templates/x.yaml", &body)], &[]);
        let short: String = text.chars().take(100).collect();
        assert!(
            rendered
                .gaps
                .iter()
                .any(|gap| gap.units > 0 && gap.span.is_known()),
            "{short}: {:?}",
            rendered.gaps
        );
    }
}

#[test]
fn hostile_charts_end_in_a_gap() {
    let nested = "charts/c/".repeat(60);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
    for files in [
        vec![("Chart.yaml", "")],
        vec![("Chart.yaml", "[]")],
        vec![("Chart.yaml", "name: x")],
        vec![("Chart.yaml", "name: [x\n")],
        vec![("Chart.yaml", "name: ../x\nversion: 1.0.0\n")],
        vec![("values.yaml", "- a\n")],
        vec![("values.yaml", bomb)],
        vec![("values.yaml", "a: [")],
        vec![("charts/x.tgz", "no archive")],
        vec![("charts/y/templates/x.yaml", "a: b")],
        vec![("values.schema.json", "{\"type\": \"array\"}")],
        vec![
            ("values.schema.json", "{\"$ref\": \"#\"}"),
            ("values.yaml", "a: 1"),
        ],
        vec![("values.schema.json", "no json")],
        vec![(".helmignore", "**")],
        vec![(nested.as_str(), "x")],
    ] {
        let (rendered, _) = run(&files, &[]);
        assert!(!rendered.gaps.is_empty(), "{files:?}");
    }
    for set in [
        "a",
        "a[",
        "a[-1]=1",
        "a[99999999]=1",
        "a={1",
        "a[0]x=1",
        "image.=,",
    ] {
        let (rendered, _) = run(&[], &[set]);
        assert!(!rendered.gaps.is_empty(), "{set}");
    }
}
